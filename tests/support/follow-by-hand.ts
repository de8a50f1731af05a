/** A follower, and a holder whose calls a test makes by hand. */
import type { DeltaOp } from "../../src/protocol/stream.ts";
import { eventOps } from "../../src/session/event-pieces.ts";
import { Follower } from "../../src/sync/follower.ts";
import type { SourceEntry } from "../../src/sync/ports.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { FakeLiveBackend, FakeLiveStore } from "./fake-live-backend.ts";
import { FakeSession } from "./fake-session.ts";
import { MemoryTarget } from "./follow-screen.ts";
import { DESCRIPTION } from "./sync-harness.ts";

export const SESSION = "session-1";
export const START = { sessionId: SESSION, streamId: "stream-1", terminalId: "holder", startedAt: 1 };
export const event = (one: Record<string, unknown>): DeltaOp[] => eventOps(JSON.stringify(one));
export const toPush = (entry: SourceEntry, line = JSON.stringify(entry)) => ({
	...{ entryId: entry.id, parentId: entry.parentId, type: entry.type, timestamp: 1 },
	body: { kind: "inline" as const, json: line },
});

/** A holder that writes to the backend by hand, and a follower. */
export async function followed(before = 2) {
	const clock = new FakeClock();
	const store = new FakeLiveStore(clock);
	const holder = new FakeLiveBackend(store);
	const session = new FakeSession();
	await holder.openSession({ ...DESCRIPTION, sessionId: SESSION, header: null });
	const send = async (...entries: SourceEntry[]) => {
		const leafId = session.leaf;
		await holder.append({ sessionId: SESSION, entries: entries.map((one) => toPush(one)), leafId });
		await settle();
	};
	for (let count = 0; count < before; count += 1)
		await send(count % 2 === 0 ? session.user(`u${count}`) : session.assistant(`a${count}`));
	let pushed = 0;
	const push = async (...ops: DeltaOp[]) => {
		pushed = await holder.pushStream({ streamId: "stream-1", start: pushed, ops });
		await settle();
	};
	const follow = (known = session.list.length, options: { isLevel?: () => boolean } = {}) => {
		const backend = new FakeLiveBackend(store);
		const target = new MemoryTarget(session.list.slice(0, known));
		const said: string[] = [];
		const follower = new Follower({
			...{ backend, clock, target, sessionId: SESSION, terminalId: "follower" },
			held: (ids) => said.push(`held ${ids.join()} of ${target.list.length}`),
			leafIs: (leafId) => said.push(`leaf ${leafId}`),
			isLevel: options.isLevel ?? (() => true),
			onSideBranch: () => said.push("side branch"),
			onChange: () => {},
			onDrawn: () => {},
			log: (line) => said.push(line),
		});
		follower.activate();
		const types = () => target.injected.map(({ type }) => type);
		return { backend, target, follower, said, types };
	};
	return { clock, store, holder, session, send, push, follow };
}

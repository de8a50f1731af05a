/**
 * What survives which crash: at every point where the process or the connection can go, the next start
 * leaves every entry at the backend once, in order (O1, O4, E1).
 */
import { expect, test } from "bun:test";
import { parseSessionFile } from "../../src/session/session-file.ts";
import { importSession } from "../../src/sync/import-session.ts";
import { type Call, FakeBackend, FakeStore, type Fault } from "../support/fake-backend.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeSession } from "../support/fake-session.ts";
import { DESCRIPTION, harness } from "../support/sync-harness.ts";

type CrashPoint = { what: string; call: Call; fault: Fault; nth: number };

/** One sentence each: the call that was the last, and what of it happened. */
const CRASH_POINTS: CrashPoint[] = [
	{ what: "before the session was opened", call: "openSession", fault: "lost", nth: 1 },
	{
		what: "after the session was opened, before the answer",
		call: "openSession",
		fault: "unanswered",
		nth: 1,
	},
	{ what: "before an upload", call: "upload", fault: "lost", nth: 1 },
	{ what: "after an upload, before its entry", call: "upload", fault: "unanswered", nth: 1 },
	{ what: "before the first batch", call: "append", fault: "lost", nth: 1 },
	{
		what: "after the first batch was stored, before the answer",
		call: "append",
		fault: "unanswered",
		nth: 1,
	},
	{ what: "before the second batch", call: "append", fault: "lost", nth: 2 },
	{
		what: "after the second batch was stored, before the answer",
		call: "append",
		fault: "unanswered",
		nth: 2,
	},
	{ what: "after the last batch, before leaf and status", call: "updateSession", fault: "lost", nth: 1 },
	{ what: "in mid-stream, before a push", call: "pushStream", fault: "lost", nth: 1 },
	{ what: "in mid-stream, after a push, before its answer", call: "pushStream", fault: "unanswered", nth: 1 },
	{
		what: "when the run was over, before the stream's end was said",
		call: "endStream",
		fault: "lost",
		nth: 1,
	},
];

function longSession(): FakeSession {
	const session = new FakeSession();
	for (let index = 0; index < 220; index += 1) session.user(`${index}`);
	session.user("x".repeat(300_000));
	for (let index = 0; index < 220; index += 1) session.assistant(`${index}`);
	return session;
}

for (const { what, call, fault, nth } of CRASH_POINTS) {
	test(`a process that dies ${what} leaves a whole session after the next start`, async () => {
		const session = longSession();
		const store = new FakeStore();
		const first = harness({ session, backend: new FakeBackend(store) });
		let seen = 0;
		let crashed = false;
		first.backend.fault = (name) => {
			if (crashed) return "lost";
			if (name !== call) return null;
			seen += 1;
			crashed = seen === nth;
			return crashed ? fault : null;
		};
		first.sync.beginRun(1);
		first.sync.status("running");
		first.sync.op(["m", "assistant"]);
		await first.rest();
		first.sync.op(["t", 0, "said"]);
		await first.rest();
		first.sync.endRun();
		await first.rest();
		expect(crashed).toBe(true);
		void first.sync.dispose();
		session.user("meanwhile");
		const second = harness({ session, backend: new FakeBackend(store) });
		second.sync.wake();
		await second.rest(60_000);
		expect(store.read("session-1")).toEqual(session.lines());
		expect(second.sync.state()).toMatchObject({ link: "live", queued: 0, parked: [] });
	});

	if (["openSession", "upload", "append"].includes(call)) {
		test(`an import that loses its connection ${what} goes on, and a second one adds nothing`, async () => {
			const session = longSession();
			const file = parseSessionFile(`${[JSON.stringify(session.header()), ...session.lines()].join("\n")}\n`);
			const backend = new FakeBackend();
			let seen = 0;
			backend.fault = (name) => {
				if (name !== call) return null;
				seen += 1;
				return seen === nth ? fault : null;
			};
			const clock = new FakeClock();
			const { startedAt: _startedAt, ...describe } = DESCRIPTION;
			const importing = importSession({ backend, file, describe, clock });
			for (let turn = 0; turn < 20; turn += 1) await clock.advance(1000);
			expect(await importing).toMatchObject({ added: 441, skipped: 0, parked: [] });
			expect(backend.store.read("session-1")).toEqual(session.lines());
			expect(await importSession({ backend, file, describe, clock })).toMatchObject({
				added: 0,
				skipped: 441,
			});
		});
	}
}

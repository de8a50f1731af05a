/** The order of frames on one socket, with an engine that answers when the test says so. */
import { expect, test } from "bun:test";
import { createCallers } from "../../../src/server/callers.ts";
import { SyncSocket } from "../../../src/server/sync-socket.ts";
import { decodeTs } from "../../../src/server/timestamps.ts";
import {
	add,
	connect,
	type Frame,
	modify,
	mutate,
	remove,
	type TransitionFrame,
} from "../../contract/server/raw-socket.ts";
import { scriptedEngine, settle, value } from "./scripted-engine.ts";

function open() {
	const engine = scriptedEngine();
	const sent: Frame[] = [];
	const closes: { code: number; reason: string }[] = [];
	let unsent = 0;
	const wire = {
		send: (frame: string) => void sent.push(JSON.parse(frame)),
		close: (code: number, reason: string) => void closes.push({ code, reason }),
		unsentBytes: () => unsent,
	};
	const logged: string[] = [];
	const callers = createCallers("k|secret", []);
	const socket = new SyncSocket(engine.engine, callers, wire, { ip: null, userAgent: null }, (line) =>
		logged.push(line),
	);
	const receive = (message: unknown) => socket.receive(JSON.stringify(message));
	receive(connect());
	return {
		...engine,
		socket,
		sent,
		closes,
		logged,
		receive,
		setUnsent: (bytes: number) => {
			unsent = bytes;
		},
		types: () => sent.map(({ type }) => type),
		/** Answers the evaluation that waits, with what changed. */
		async evaluated(ts: bigint, results: [number, string][] = []) {
			await settle();
			const evaluation = engine.evaluations.shift();
			if (!evaluation) throw new Error("nothing is being evaluated");
			evaluation.resolve({
				ts,
				results: new Map(results.map(([queryId, json]) => [queryId, value(json, ts)])),
			});
			await settle();
			return evaluation.atLeast;
		},
	};
}

const transitions = (sent: Frame[]) => sent.filter(({ type }) => type === "Transition") as TransitionFrame[];
const committed = (ts: bigint) => ({
	kind: "ok" as const,
	valueJson: "1",
	logLines: [],
	ts,
	replayed: false,
});

test("A transition whose snapshot holds a running mutation waits for that mutation's response", async () => {
	const s = open();
	s.receive(modify(0, [add(0, "a:q", {})]));
	await s.evaluated(100n, [[0, "0"]]);
	s.receive(mutate(0, "a:m", {}));
	await settle();
	s.querySet.onStale?.();
	await s.evaluated(105n, [[0, "1"]]);
	expect(s.types()).toEqual(["Transition"]);
	s.mutations[0]?.resolve(committed(105n));
	await settle();
	expect(s.types()).toEqual(["Transition", "MutationResponse", "Transition"]);
	expect(decodeTs(transitions(s.sent)[1]?.endVersion.ts as string)).toBe(105n);
});

test("A transition whose snapshot is older than a running mutation does not wait for it", async () => {
	const s = open();
	s.receive(mutate(0, "a:m", {}));
	await settle();
	s.receive(modify(0, []));
	await s.evaluated(100n);
	expect(s.types()).toEqual(["Transition"]);
});

test("After a mutation the engine is asked for a time at or after its commit", async () => {
	const s = open();
	s.receive(mutate(0, "a:m", {}));
	await settle();
	s.mutations[0]?.resolve(committed(300n));
	expect(await s.evaluated(300n)).toBe(300n);
	expect(s.types()).toEqual(["MutationResponse", "Transition"]);
});

test("A stored answer older than what the client was shown is still followed by a transition", async () => {
	const s = open();
	s.receive(modify(0, []));
	await s.evaluated(500n);
	s.receive(mutate(0, "a:m", {}));
	await settle();
	s.mutations[0]?.resolve({ ...committed(300n), replayed: true });
	await s.evaluated(500n);
	expect(s.types()).toEqual(["Transition", "MutationResponse", "Transition"]);
	expect(s.evaluations).toEqual([]);
});

test("While more mutations wait, several answers share one transition, and the last is always covered", async () => {
	const s = open();
	for (let n = 0; n < 10; n++) s.receive(mutate(n, "a:m", {}));
	for (let n = 0; n < 9; n++) {
		await settle();
		s.mutations[n]?.resolve(committed(101n + BigInt(n)));
	}
	await settle();
	expect(s.evaluations).toHaveLength(1);
	s.mutations[9]?.resolve({ kind: "error", errorMessage: "no", logLines: [], ts: null, replayed: false });
	await s.evaluated(108n);
	expect(await s.evaluated(109n)).toBe(109n);
	expect(s.evaluations).toEqual([]);
	expect(s.types().filter((type) => type === "MutationResponse")).toHaveLength(10);
	expect(transitions(s.sent)).toHaveLength(2);
});

test("Being stale without a changed result says nothing to the client", async () => {
	const s = open();
	s.receive(modify(0, [add(0, "a:q", {})]));
	await s.evaluated(100n, [[0, "0"]]);
	s.querySet.onStale?.();
	await s.evaluated(110n);
	expect(s.types()).toEqual(["Transition"]);
});

test("What happens during an evaluation is taken together in the next one", async () => {
	const s = open();
	s.receive(modify(0, [add(0, "a:q", {})]));
	await settle();
	s.receive(modify(1, [add(1, "a:q", {})]));
	s.receive(modify(2, [remove(1)]));
	s.querySet.onStale?.();
	s.querySet.onStale?.();
	await s.evaluated(100n, [[0, "0"]]);
	await s.evaluated(101n);
	expect(s.evaluations).toEqual([]);
	expect(
		transitions(s.sent).map(({ startVersion, endVersion }) => [startVersion.querySet, endVersion.querySet]),
	).toEqual([
		[0, 1],
		[1, 3],
	]);
});

test("Mutations run one after the other, actions side by side", async () => {
	const s = open();
	for (let n = 0; n < 3; n++) s.receive(mutate(n, `a:m${n}`, {}));
	for (let n = 3; n < 5; n++) s.receive({ ...mutate(n, "a:a", {}), type: "Action" });
	await settle();
	expect([s.mutations.length, s.actions.length]).toEqual([1, 2]);
	s.mutations[0]?.resolve(committed(101n));
	await settle();
	expect(s.mutations.map(({ path }) => path)).toEqual(["a:m0", "a:m1"]);
	s.actions[1]?.resolve({ kind: "ok", valueJson: "null", logLines: [] });
	await settle();
	expect(s.sent.filter(({ type }) => type === "ActionResponse").map(({ requestId }) => requestId)).toEqual([
		4,
	]);
});

test("While the client leaves much unread no transition is made; later there is one for all", async () => {
	const s = open();
	s.receive(modify(0, [add(0, "a:q", {})]));
	await s.evaluated(100n, [[0, "0"]]);
	s.setUnsent(64 * 1024 * 1024);
	for (let n = 0; n < 50; n++) s.querySet.onStale?.();
	await settle();
	expect(s.evaluations).toEqual([]);
	s.setUnsent(0);
	while (s.evaluations.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
	await s.evaluated(150n, [[0, "50"]]);
	expect(transitions(s.sent)).toHaveLength(2);
	expect(s.evaluations).toEqual([]);
});

test("Another identity makes every query run again, with the page ends it had", async () => {
	const s = open();
	s.receive(modify(0, [add(0, "a:page", {})]));
	await settle();
	s.evaluations.shift()?.resolve({ ts: 100n, results: new Map([[0, value("[]", 100n, "ends here")]]) });
	await settle();
	s.receive({ type: "Authenticate", tokenType: "Admin", value: "k|secret", baseVersion: 0 });
	await s.evaluated(100n, [[0, "[1]"]]);
	expect(s.removed).toEqual([0]);
	expect(s.added.at(-1)).toMatchObject({
		queryId: 0,
		subscription: { path: "a:page", journal: "ends here", caller: { admin: true } },
	});
	expect(transitions(s.sent).at(-1)?.endVersion.identity).toBe(1);
});

test("Messages behind an Authenticate wait for it and run as the new identity", async () => {
	const s = open();
	s.receive({ type: "Authenticate", tokenType: "Admin", value: "k|secret", baseVersion: 0 });
	s.receive(modify(0, [add(0, "a:q", {})]));
	await settle();
	await s.evaluated(100n, [[0, "0"]]);
	expect(s.added.at(-1)?.subscription.caller.admin).toBe(true);
});

test("An engine that breaks closes the socket so that the client comes back, and says nothing of why", async () => {
	const s = open();
	s.receive(mutate(0, "a:m", {}));
	await settle();
	s.mutations[0]?.reject(new Error("disk on fire at /home/x"));
	await settle();
	expect(s.closes).toEqual([{ code: 1011, reason: "InternalServerError" }]);
	expect(s.sent).toEqual([]);
	expect(s.logged.join()).toContain("disk on fire");
	expect(s.closed()).toBe(1);
});

test("More waiting mutations than a client may have close the socket as overload", async () => {
	const s = open();
	for (let n = 0; n < 1_002; n++) s.receive(mutate(n, "a:m", {}));
	await settle();
	expect(s.closes).toEqual([{ code: 1013, reason: "TooManyConcurrentRequests" }]);
	expect(s.mutations.length).toBeLessThanOrEqual(1);
});

test("A drained socket ends the running mutation, begins no other, and takes no message", async () => {
	const s = open();
	for (let n = 0; n < 3; n++) s.receive(mutate(n, "a:m", {}));
	await settle();
	let drained = false;
	const draining = s.socket.drain().then(() => {
		drained = true;
	});
	s.receive(mutate(9, "a:m", {}));
	await settle();
	expect(drained).toBe(false);
	s.mutations[0]?.resolve(committed(101n));
	await draining;
	await settle();
	expect(s.mutations).toHaveLength(1);
	expect(s.types()).toContain("MutationResponse");
});

test("Nothing is sent after the socket is gone", async () => {
	const s = open();
	s.receive(modify(0, [add(0, "a:q", {})]));
	s.receive(mutate(0, "a:m", {}));
	await settle();
	s.socket.dispose();
	s.socket.dispose();
	s.mutations[0]?.resolve(committed(101n));
	await s.evaluated(101n, [[0, "0"]]);
	expect(s.sent).toEqual([]);
	expect(s.closed()).toBe(1);
});

test("A client that reads nothing is sent away once too much waits for it", async () => {
	const s = open();
	s.setUnsent(64 * 1024 * 1024);
	s.receive(mutate(0, "a:m", {}));
	await settle();
	expect(s.closes).toEqual([]);
	s.setUnsent(64 * 1024 * 1024 + 1);
	s.receive(mutate(1, "a:m", {}));
	await settle();
	expect(s.closes).toEqual([{ code: 1013, reason: "TooManyConcurrentRequests" }]);
	expect(s.mutations).toHaveLength(1);
});

test("Changes that wait for a client to read are bounded too, and those that were applied count no more", async () => {
	const s = open();
	const large = "x".repeat(1024 * 1024);
	const change = (at: number) => modify(at, [add(at, "a:q", { large })]);
	for (let at = 0; at < 40; at += 1) s.receive(change(at));
	await s.evaluated(100n);
	s.setUnsent(2 * 1024 * 1024);
	for (let at = 40; at < 100; at += 1) s.receive(change(at));
	await settle();
	expect(s.closes).toEqual([]);
	for (let at = 100; at < 110; at += 1) s.receive(change(at));
	await settle();
	expect(s.closes).toEqual([{ code: 1013, reason: "TooManyConcurrentRequests" }]);
});

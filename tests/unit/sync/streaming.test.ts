import { expect, test } from "bun:test";
import { emptyView, foldOps } from "../../../src/session/fold.ts";
import { FakeBackend } from "../../support/fake-backend.ts";
import { settle } from "../../support/fake-clock.ts";
import { StreamWatcher } from "../../support/stream-watcher.ts";
import { type Harness, harness } from "../../support/sync-harness.ts";

async function begun(
	options: Parameters<typeof harness>[0] = {},
): Promise<Harness & { watcher: StreamWatcher }> {
	const made = harness(options);
	made.session.user("question");
	await made.rest();
	made.sync.beginRun(5);
	return { ...made, watcher: new StreamWatcher(made.store, "session-1") };
}

test("the first delta goes at once, before any time has passed", async () => {
	const { sync, watcher, store } = await begun();
	sync.op(["m", "assistant"]);
	sync.op(["t", 0, "Hel"]);
	await settle();
	watcher.look();
	expect(watcher.texts()).toEqual(["Hel"]);
	expect(store.live("session-1")).toMatchObject({ startedAt: 5, terminalId: "terminal-a", settled: 0 });
});

test("while a push is in flight what gathers is merged and goes next, as one", async () => {
	const { sync, backend, store, watcher } = await begun();
	sync.op(["m", "assistant"]);
	await settle();
	let release: () => void = () => {};
	backend.delay = (call) =>
		call === "pushStream" ? new Promise((resolve) => (release = resolve)) : Promise.resolve();
	sync.op(["t", 0, "a"]);
	await settle();
	for (const letter of "bcdefg") sync.op(["t", 0, letter]);
	sync.op(["t", 1, "x"]);
	await settle();
	backend.delay = null;
	release();
	await settle();
	watcher.look();
	expect(watcher.texts()).toEqual(["abcdefgx"]);
	expect(store.live("session-1")?.ops).toEqual([
		["m", "assistant"],
		["t", 0, "a"],
		["t", 0, "bcdefg"],
		["t", 1, "x"],
	]);
	expect(store.live("session-1")?.pushes).toBe(3);
});

test("the append that brings a message settles its ops: never both, never neither", async () => {
	const { session, sync, store, watcher, rest } = await begun();
	sync.op(["m", "assistant"]);
	sync.op(["t", 0, "answer"]);
	sync.op(["e"]);
	sync.messageDone();
	await rest();
	watcher.look();
	expect(watcher.texts()).toEqual(["answer"]);
	session.assistant("answer");
	sync.wake();
	await rest();
	watcher.look();
	expect(watcher.texts()).toEqual([]);
	expect(store.live("session-1")?.settled).toBe(3);
	sync.op(["x", "c1", "bash", "{}"]);
	sync.op(["o", "c1", 0, "out"]);
	sync.op(["d", "c1", 0]);
	sync.op(["m", "assistant"]);
	await rest();
	watcher.look();
	expect(watcher.state.view).toMatchObject({
		messages: [{ end: null }],
		tools: [{ output: "out", ended: true }],
	});
	sync.endRun();
	await rest();
	expect(store.live("session-1")).toBeNull();
});

test("what an entry covers before it was sent is not sent any more, and positions stay contiguous", async () => {
	const streaming = { mode: "always", intervalMs: 5_000 } as const;
	const { session, sync, store, watcher, rest } = await begun({ streaming });
	sync.op(["m", "assistant"]);
	sync.op(["t", 0, "one"]);
	await settle();
	sync.op(["t", 0, "never sent"]);
	sync.op(["e"]);
	sync.messageDone();
	session.assistant("one never sent");
	sync.wake();
	await rest(1_000);
	sync.op(["m", "assistant"]);
	sync.op(["t", 0, "two"]);
	await rest(20_000);
	watcher.look();
	expect(watcher.texts()).toEqual(["two"]);
	expect(JSON.stringify(store.live("session-1")?.ops)).not.toContain("never sent");
});

test("a push whose answer was lost is not doubled", async () => {
	const { sync, backend, store, rest } = await begun();
	let failures = 1;
	backend.fault = (call) => (call === "pushStream" && failures-- > 0 ? "unanswered" : null);
	for (const letter of "abc") sync.op(["t", 0, letter]);
	await rest();
	sync.op(["t", 0, "d"]);
	await rest(20_000);
	expect(store.live("session-1")?.ops).toEqual([
		["t", 0, "abc"],
		["t", 0, "d"],
	]);
});

test("a stream that the backend lost begins anew with what is not settled", async () => {
	const { session, sync, backend, store, watcher, rest } = await begun();
	sync.op(["m", "assistant"]);
	sync.op(["t", 0, "one"]);
	sync.op(["e"]);
	sync.messageDone();
	await rest();
	session.assistant("one");
	sync.wake();
	sync.op(["m", "assistant"]);
	sync.op(["t", 0, "tw"]);
	await rest();
	store.streams.clear();
	sync.op(["t", 0, "o"]);
	await rest(20_000);
	watcher.look();
	expect(watcher.texts()).toEqual(["two"]);
	sync.op(["e"]);
	sync.messageDone();
	session.assistant("two");
	sync.wake();
	await rest();
	watcher.look();
	expect(watcher.texts()).toEqual([]);
	expect(backend.calls.filter((call) => call === "startStream").length).toBe(2);
});

test("unwatched nothing is sent; who comes in the midst gets the partial answer first", async () => {
	const { session, sync, backend, store, watcher, rest } = await begun({
		streaming: { mode: "watched", intervalMs: 0 },
	});
	sync.op(["m", "assistant"]);
	sync.op(["t", 0, "old"]);
	sync.op(["e"]);
	sync.messageDone();
	session.assistant("old");
	sync.wake();
	for (const letter of "partial") {
		sync.op(letter === "p" ? ["m", "assistant"] : ["t", 0, letter]);
		if (letter === "p") sync.op(["t", 0, "p"]);
	}
	await rest();
	expect(backend.calls).not.toContain("startStream");
	await backend.beat({
		clientId: "page",
		kind: "dashboard",
		sessionId: "session-1",
		watching: true,
		label: "page",
	});
	await settle();
	watcher.look();
	expect(watcher.texts()).toEqual(["partial"]);
	expect(store.live("session-1")?.ops.length).toBe(2);
	await backend.leave({ clientId: "page" });
	await settle();
	const pushes = store.live("session-1")?.pushes;
	sync.op(["t", 0, " more"]);
	await settle();
	expect(store.live("session-1")?.pushes).toBe(pushes as number);
	await backend.beat({
		clientId: "page",
		kind: "dashboard",
		sessionId: "session-1",
		watching: true,
		label: "page",
	});
	await settle();
	watcher.look();
	expect(watcher.texts()).toEqual(["partial more"]);
});

test("off sends no stream at all", async () => {
	const { session, sync, backend, rest } = await begun({ streaming: { mode: "off", intervalMs: 0 } });
	sync.op(["m", "assistant"]);
	sync.op(["e"]);
	sync.messageDone();
	session.assistant("one");
	sync.endRun();
	await rest();
	expect(backend.calls.filter((call) => call.includes("Stream"))).toEqual([]);
	expect(await sync.flush(1)).toBe(true);
});

test("the least interval lies between two pushes", async () => {
	const { sync, clock, store } = await begun({ streaming: { mode: "always", intervalMs: 100 } });
	sync.op(["t", 0, "a"]);
	await settle();
	expect(store.live("session-1")?.pushes).toBe(1);
	sync.op(["t", 0, "b"]);
	await clock.advance(50);
	sync.op(["t", 0, "c"]);
	await clock.advance(49);
	expect(store.live("session-1")?.pushes).toBe(1);
	await clock.advance(1);
	expect(store.live("session-1")?.ops).toEqual([
		["t", 0, "a"],
		["t", 0, "bc"],
	]);
});

test("a clock that is set back holds up no push", async () => {
	const { sync, clock, store } = await begun({ streaming: { mode: "always", intervalMs: 100 } });
	sync.op(["t", 0, "a"]);
	await settle();
	clock.setBack(3_600_000);
	sync.op(["t", 0, "b"]);
	await clock.advance(100);
	expect(store.live("session-1")?.pushes).toBe(2);
});

test("deltas never wait for entries, nor entries for deltas longer than a moment", async () => {
	const { session, sync, backend, store, rest } = await begun();
	const never = new Promise<void>(() => {});
	backend.delay = (call) => (call === "append" ? never : Promise.resolve());
	session.user("stuck");
	sync.wake();
	await rest();
	sync.op(["t", 0, "live"]);
	await rest();
	expect(store.live("session-1")?.ops).toEqual([["t", 0, "live"]]);
	const other = harness({ session, backend: new FakeBackend(store) });
	other.backend.delay = (call) => (call === "pushStream" ? never : Promise.resolve());
	other.sync.beginRun(1);
	await other.rest();
	other.sync.op(["t", 0, "stuck"]);
	session.user("goes");
	other.sync.wake();
	await other.rest(2_000);
	expect(store.read("session-1")).toEqual(session.lines());
});

test("what is too large for a push is cut, and no character is torn", async () => {
	const { sync, store, rest } = await begun();
	const long = "é\u{1f600}".repeat(60_000);
	sync.op(["m", "assistant"]);
	sync.op(["t", 0, long]);
	sync.op(["t", 0, "\ud83d"]);
	await rest();
	sync.op(["t", 0, "\ude00!"]);
	sync.op(["x", "c", "write", "y".repeat(200_000)]);
	sync.op(["o", "c", 0, "z".repeat(200_000)]);
	await rest();
	const stream = store.live("session-1");
	const folded = foldOps(emptyView(0), 0, stream?.ops ?? []);
	if (folded.kind !== "folded") throw new Error("gap");
	expect(folded.view.messages[0]?.blocks[0]).toEqual({ kind: "text", text: `${long}\u{1f600}!` });
	expect(folded.view.tools[0]?.output.length).toBe(200_000);
	expect(stream?.ops.every((op) => op.every((part) => typeof part !== "string" || part.isWellFormed()))).toBe(
		true,
	);
});

test("while a stream cannot be told its run still ends, and the next one streams", async () => {
	const { session, sync, backend, store, rest } = await begun();
	backend.fault = (call) => (call === "startStream" || call === "pushStream" ? "lost" : null);
	sync.op(["t", 0, "a"]);
	session.assistant("a");
	sync.endRun();
	await rest(1000);
	expect(store.read("session-1")).toEqual(session.lines());
	expect(await sync.flush(1)).toBe(true);
	backend.fault = () => null;
	sync.beginRun(9);
	sync.op(["t", 0, "b"]);
	await rest();
	expect(store.live("session-1")).toMatchObject({ startedAt: 9, ops: [["t", 0, "b"]] });
});

test("a new run ends the stream of the one before it", async () => {
	const { session, sync, store, rest } = await begun();
	sync.op(["t", 0, "a"]);
	await rest();
	sync.beginRun(6);
	sync.op(["t", 0, "b"]);
	session.assistant("a");
	sync.wake();
	await rest();
	const streams = [...store.streams.values()];
	expect(streams.map(({ ended }) => ended)).toEqual([true, false]);
});

test("ops before any run are dropped", async () => {
	const { session, sync, backend, rest } = harness();
	session.user("x");
	sync.op(["t", 0, "stray"]);
	sync.messageDone();
	await rest();
	expect(backend.calls).not.toContain("startStream");
});

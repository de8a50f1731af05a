/** The outbox of one of several terminals at a session: epochs, whose the leaf is, and what need not be sent. */
import { describe, expect, test } from "bun:test";
import type { Append } from "../../../src/protocol/entry.ts";
import type { SessionSyncOptions } from "../../../src/sync/contract.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { FakeLiveBackend, FakeLiveStore } from "../../support/fake-live-backend.ts";
import { FakeSession } from "../../support/fake-session.ts";
import { harness } from "../../support/sync-harness.ts";

const SESSION = "session-1";

/** A terminal that says what a test lets it say. */
function terminal(
	options: Omit<Partial<SessionSyncOptions>, "backend" | "clock"> = {},
	store?: FakeLiveStore,
	session = new FakeSession(),
) {
	const clock = store?.clock ?? new FakeClock();
	const live = store ?? new FakeLiveStore(clock);
	const backend = new FakeLiveBackend(live);
	const appends: Append[] = [];
	const seen = backend.append.bind(backend);
	backend.append = (args) => {
		appends.push(args);
		return seen(args);
	};
	const state = { epoch: null as number | null, drives: true, pushes: true, stale: [] as number[] };
	const made = harness({
		...{ backend, clock, session },
		epoch: () => state.epoch,
		drives: () => state.drives,
		pushes: () => state.pushes,
		onStale: (epoch) => state.stale.push(epoch),
		...options,
	});
	return {
		...made,
		store: live,
		state,
		appends,
		count: (call: string) => backend.calls.filter((one) => one === call).length,
	};
}

describe("the epoch", () => {
	test("goes with every write of shared state while there is one", async () => {
		const { session, sync, store, state, appends, rest } = terminal();
		session.user("one");
		await rest();
		expect(appends[0]).not.toHaveProperty("epoch");
		const lock = store.give({ sessionId: SESSION, terminalId: "terminal-a", label: "a" });
		state.epoch = lock.epoch;
		session.assistant("two");
		sync.beginRun(1);
		sync.op(["m", "assistant"]);
		sync.status("running");
		sync.wake();
		await rest();
		expect(appends[1]).toMatchObject({ epoch: 1 });
		expect(store.live(SESSION)).toMatchObject({ epoch: 1 });
		expect(store.session(SESSION).status).toBe("running");
		expect(state.stale).toEqual([]);
	});

	test("an old one: the entries are taken, leaf and status are not, and it is said", async () => {
		const { session, sync, store, state, rest } = terminal();
		session.user("one");
		await rest();
		store.give({ sessionId: SESSION, terminalId: "terminal-a", label: "a" });
		state.epoch = 1;
		store.give({ sessionId: SESSION, terminalId: "other", label: "other" });
		session.assistant("mine");
		sync.status("running");
		sync.wake();
		await rest();
		expect(store.read(SESSION)).toEqual(session.lines());
		expect(store.session(SESSION).leafId).toBe("00000001");
		expect(store.session(SESSION).status).toBe("idle");
		expect(state.stale).toEqual([2]);
		expect(await sync.flush(100)).toBe(true);
	});

	test("a stream under an old one is not begun, and holds up no entry", async () => {
		const { clock, session, sync, store, state, rest } = terminal();
		session.user("one");
		await rest();
		store.give({ sessionId: SESSION, terminalId: "other", label: "other" });
		state.epoch = 0;
		sync.beginRun(1);
		sync.op(["m", "assistant"]);
		sync.op(["e"]);
		sync.messageDone();
		session.assistant("mine");
		sync.wake();
		await clock.advance(5_000);
		expect(store.streams.size).toBe(0);
		expect(store.read(SESSION)).toEqual(session.lines());
	});
});

describe("leaf and status", () => {
	test("are said by who drives alone", async () => {
		const { session, sync, store, state, appends, rest } = terminal();
		session.user("one");
		await rest();
		state.drives = false;
		session.assistant("two");
		sync.status("running");
		sync.wake();
		await rest();
		expect(store.read(SESSION)).toEqual(session.lines());
		expect(appends.at(-1)).not.toHaveProperty("leafId");
		expect(store.session(SESSION)).toMatchObject({ leafId: "00000001", status: "idle" });
		state.drives = true;
		sync.wake();
		await rest();
		expect(store.session(SESSION)).toMatchObject({ leafId: "00000002", status: "running" });
	});

	test("what leads on from where the session stands moves its leaf, also before anybody drives", async () => {
		const first = terminal({ drives: (goesOn) => goesOn });
		first.session.user("one");
		first.session.assistant("two");
		await first.rest();
		expect(first.appends.at(-1)).toMatchObject({ leafId: "00000002" });
		const resumed = new FakeSession();
		resumed.list.push(...first.session.list);
		resumed.leaf = first.session.leaf;
		resumed.user("written while the backend was away");
		const second = terminal({ drives: (goesOn) => goesOn, terminalId: "terminal-b" }, first.store, resumed);
		await second.rest();
		expect(second.store.session(SESSION).leafId).toBe("00000003");
		resumed.user("and on");
		second.sync.wake();
		await second.rest();
		expect(second.store.session(SESSION).leafId).toBe("00000004");
		second.sync.held(["0000000f"]);
		resumed.user("after somebody else has added something");
		second.sync.wake();
		await second.rest();
		expect(second.appends.at(-1)).not.toHaveProperty("leafId");
	});

	test("where somebody has gone elsewhere meanwhile, the leaf is theirs", async () => {
		const first = terminal();
		first.session.user("one");
		first.session.assistant("two");
		await first.rest();
		const resumed = new FakeSession();
		resumed.list.push(...first.session.list.slice(0, 1));
		resumed.leaf = "00000001";
		resumed.add("message", { id: "0000000b", message: { role: "user", content: "beside" } });
		const second = terminal({ drives: (goesOn) => goesOn, terminalId: "terminal-b" }, first.store, resumed);
		await second.rest();
		expect(second.store.read(SESSION)).toHaveLength(3);
		expect(second.store.session(SESSION).leafId).toBe("00000002");
	});

	test("a leaf that came from the backend is not said back to it", async () => {
		const { session, sync, store, rest, count } = terminal();
		session.user("one");
		session.assistant("two");
		await rest();
		const before = count("updateSession");
		sync.leafIs("00000001");
		session.leaf = "00000001";
		sync.wake();
		await rest();
		expect(count("updateSession")).toBe(before);
		expect(store.session(SESSION).leafId).toBe("00000002");
		session.leaf = "00000002";
		sync.wake();
		await rest();
		expect(count("updateSession")).toBe(before + 1);
	});
});

describe("entries that came from the backend", () => {
	test("are not sent there, and one's own behind them are", async () => {
		const a = terminal();
		a.session.user("one");
		await a.rest();
		const copy = new FakeSession();
		copy.list.push(...a.session.list);
		copy.leaf = a.session.leaf;
		const b = terminal({ terminalId: "terminal-b" }, a.store, copy);
		await b.rest();
		const theirs = a.session.assistant("two");
		a.sync.wake();
		await a.rest();
		b.sync.held([theirs.id]);
		copy.list.push(theirs);
		copy.leaf = theirs.id;
		b.sync.leafIs(theirs.id);
		b.sync.wake();
		await b.rest();
		expect(b.appends).toEqual([]);
		expect(b.sync.state()).toMatchObject({ queued: 0, link: "live" });
		copy.user("three");
		b.sync.wake();
		await b.rest();
		expect(b.appends.map(({ entries }) => entries.map(({ entryId }) => entryId))).toEqual([["00000003"]]);
		expect(a.store.ids(SESSION)).toEqual(["00000001", "00000002", "00000003"]);
	});

	test("are known also when they are named before the session is open", async () => {
		const a = terminal();
		a.session.user("one");
		a.session.assistant("two");
		await a.rest();
		const copy = new FakeSession();
		copy.list.push(...a.session.list);
		copy.leaf = a.session.leaf;
		const b = terminal({ terminalId: "terminal-b" }, a.store, copy);
		b.sync.held(["00000002"]);
		await b.rest();
		expect(b.appends).toEqual([]);
		expect(b.sync.state().queued).toBe(0);
	});

	test("one in the midst of those that wait is left out", async () => {
		const { backend, session, sync, store, appends, rest } = terminal();
		session.user("one");
		await rest();
		backend.connect({ kind: "offline", reason: "No network." });
		session.user("two");
		sync.wake();
		await rest();
		sync.held(["00000003"]);
		const theirs = session.add("label", { targetId: "00000001", label: "here" });
		session.user("four");
		sync.wake();
		const other = new FakeLiveBackend(store);
		const push = {
			...{ entryId: theirs.id, parentId: "00000001", type: "label", timestamp: 1 },
			body: { kind: "inline" as const, json: JSON.stringify(theirs) },
		};
		await other.append({ sessionId: SESSION, entries: [push] });
		backend.connect({ kind: "connected" });
		await rest(20_000);
		const sent = new Set(appends.slice(1).flatMap(({ entries }) => entries.map(({ entryId }) => entryId)));
		expect([...sent]).toEqual(["00000002", "00000004"]);
		expect(sync.state()).toMatchObject({ queued: 0, parked: [] });
	});
});

test("who only looks on sends nothing, and catches up with it when that changes", async () => {
	const { backend, session, sync, store, state, rest } = terminal({
		presence: { label: "a", watching: () => true },
	});
	state.pushes = false;
	session.user("one");
	sync.status("running");
	sync.wake();
	await rest();
	expect(backend.calls.filter((call) => call !== "beat")).toEqual([]);
	expect(store.sessions.size).toBe(0);
	state.pushes = true;
	sync.wake();
	await rest();
	expect(store.read(SESSION)).toEqual(session.lines());
});

test("what the backend has told, and how much of it came from here, is known", async () => {
	const { session, sync, rest } = terminal();
	expect(sync.progress()).toEqual({ lastSeq: 0, added: 0 });
	session.user("one");
	session.assistant("two");
	await rest();
	expect(sync.progress()).toEqual({ lastSeq: 2, added: 2 });
});

test("a change of what one says of one's presence is told at once", async () => {
	let watching = false;
	const { session, sync, store, rest } = terminal({ presence: { label: "a", watching: () => watching } });
	session.user("one");
	await rest();
	expect(store.present.get("terminal-a")?.watching).toBe(false);
	watching = true;
	sync.touch();
	await settle();
	expect(store.present.get("terminal-a")?.watching).toBe(true);
});

describe("ops come before the entries they tell", () => {
	/** A run whose pushes wait to be let through. */
	async function held() {
		const one = terminal();
		one.session.user("one");
		await one.rest();
		const waiting: (() => void)[] = [];
		one.backend.delay = (call) =>
			call === "pushStream" ? new Promise((resolve) => void waiting.push(resolve)) : Promise.resolve();
		one.sync.beginRun(1);
		one.sync.op(["m", "assistant"]);
		one.sync.op(["t", 0, "answer"]);
		await settle();
		one.session.user("steering");
		one.sync.wake();
		await one.clock.advance(10);
		return { ...one, letThrough: () => waiting.splice(0).map((resolve) => resolve()) };
	}

	test("an append waits until those so far have arrived", async () => {
		const { clock, store, appends, letThrough } = await held();
		expect(appends).toHaveLength(1);
		letThrough();
		await clock.advance(1);
		expect(store.live(SESSION)?.ops).toHaveLength(2);
		expect(appends).toHaveLength(2);
	});

	test("but not for long", async () => {
		const { clock, store, appends } = await held();
		await clock.advance(1_600);
		expect(appends).toHaveLength(2);
		expect(store.live(SESSION)?.ops).toEqual([]);
	});

	test("nor when the pushes fail", async () => {
		const { clock, backend, appends, letThrough } = await held();
		backend.fault = (call) => (call === "pushStream" ? "lost" : null);
		letThrough();
		await clock.advance(1);
		expect(appends).toHaveLength(2);
	});

	test("nor when nobody is told anything", async () => {
		const { clock, session, sync, appends, rest } = terminal({
			streaming: { mode: "watched", intervalMs: 0 },
		});
		session.user("one");
		await rest();
		sync.beginRun(1);
		sync.op(["m", "assistant"]);
		session.user("two");
		sync.wake();
		await clock.advance(1);
		expect(appends).toHaveLength(2);
	});

	test("a run's stream begins when the one before it has ended, entries and all", async () => {
		const { clock, backend, session, sync, store, rest } = terminal();
		session.user("one");
		await rest();
		sync.beginRun(1);
		sync.op(["m", "assistant"]);
		sync.op(["e"]);
		sync.messageDone();
		await settle();
		let append: () => void = () => {};
		backend.delay = (call) =>
			call === "append" ? new Promise((resolve) => (append = resolve)) : Promise.resolve();
		session.assistant("one's");
		sync.wake();
		sync.endRun();
		sync.beginRun(2);
		sync.op(["m", "assistant"]);
		await clock.advance(5);
		expect([...store.streams.values()].map(({ ended }) => ended)).toEqual([false]);
		backend.delay = null;
		append();
		await clock.advance(5);
		expect([...store.streams.values()].map(({ ended, ops }) => [ended, ops.length])).toEqual([
			[true, 2],
			[false, 1],
		]);
	});
});

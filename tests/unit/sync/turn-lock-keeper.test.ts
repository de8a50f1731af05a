import { expect, test } from "bun:test";
import { TURN_LOCK_MS, TURN_LOCK_RENEW_MS } from "../../../src/protocol/limits.ts";
import { type LockState, TurnLockKeeper } from "../../../src/sync/turn-lock-keeper.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { FakeLiveBackend, FakeLiveStore } from "../../support/fake-live-backend.ts";
import { DESCRIPTION } from "../../support/sync-harness.ts";

const SESSION = "session-1";
const FIRST = { kind: "acquired", lastSeq: 0, leafId: null } as const;

async function world() {
	const clock = new FakeClock();
	const store = new FakeLiveStore(clock);
	await new FakeLiveBackend(store).openSession({ ...DESCRIPTION, sessionId: SESSION, header: null });
	const terminal = (terminalId: string) => {
		const backend = new FakeLiveBackend(store);
		const states: LockState[] = [];
		const keeper = new TurnLockKeeper({
			...{ backend, clock, sessionId: SESSION, terminalId, label: `at ${terminalId}` },
			onChange: (state) => states.push(state),
		});
		return { backend, keeper, states };
	};
	return { clock, store, a: terminal("a"), b: terminal("b"), terminal };
}

test("a free lock is acquired and given back, and everybody is told", async () => {
	const { store, a, b } = await world();
	expect(a.keeper.state).toEqual({ kind: "none", epoch: 0, holder: null });
	expect(await a.keeper.acquire(1500)).toEqual(FIRST);
	expect(a.keeper.epoch).toBe(1);
	await settle();
	expect(a.keeper.state).toMatchObject({ kind: "mine", epoch: 1 });
	expect(b.keeper.state).toMatchObject({
		kind: "theirs",
		epoch: 1,
		holder: { terminalId: "a", label: "at a" },
	});
	await a.keeper.release();
	expect(a.keeper.epoch).toBeNull();
	await settle();
	expect(a.keeper.state.kind).toBe("none");
	expect(b.keeper.state).toEqual({ kind: "none", epoch: 1, holder: null });
	expect(store.held(SESSION)).toBeNull();
});

test("who asks while another has it is told who", async () => {
	const { a, b } = await world();
	await a.keeper.acquire(1500);
	expect(await b.keeper.acquire(1500)).toMatchObject({ kind: "held", epoch: 1, holder: { terminalId: "a" } });
	expect(b.keeper.epoch).toBeNull();
	await a.keeper.release();
	expect(await b.keeper.acquire(1500)).toMatchObject({ kind: "acquired" });
	expect(b.keeper.epoch).toBe(2);
});

test("two that ask at once at one terminal are one question", async () => {
	const { a } = await world();
	const [one, two] = await Promise.all([a.keeper.acquire(1500), a.keeper.acquire(1500)]);
	expect(one).toEqual(two);
	expect(a.backend.calls.filter((call) => call === "acquireLock")).toHaveLength(1);
});

test("while it is held it is renewed, and it outlives its time", async () => {
	const { clock, store, a } = await world();
	await a.keeper.acquire(1500);
	await clock.advance(TURN_LOCK_MS * 5);
	expect(store.held(SESSION)?.epoch).toBe(1);
	const renewals = a.backend.calls.filter((call) => call === "renewLock").length;
	expect(renewals).toBe(Math.floor((TURN_LOCK_MS * 5) / TURN_LOCK_RENEW_MS));
	await a.keeper.release();
	await clock.advance(TURN_LOCK_MS);
	expect(a.backend.calls.filter((call) => call === "renewLock")).toHaveLength(renewals);
});

test("without an answer in time the run goes on alone, and a late answer is its own", async () => {
	const { clock, store, a } = await world();
	let answer: () => void = () => {};
	a.backend.delay = () => new Promise((resolve) => (answer = resolve));
	const asked = a.keeper.acquire(1500);
	await clock.advance(1499);
	await clock.advance(1);
	expect(await asked).toEqual({ kind: "alone" });
	expect(a.keeper.epoch).toBe(0);
	answer();
	await settle();
	expect(a.keeper.state.kind).toBe("mine");
	expect(a.keeper.epoch).toBe(1);
	expect(store.held(SESSION)?.holder?.terminalId).toBe("a");
});

test("an answer that comes when the run is over is not kept", async () => {
	const { clock, a, b } = await world();
	let answer: () => void = () => {};
	a.backend.delay = () => new Promise((resolve) => (answer = resolve));
	const asked = a.keeper.acquire(10);
	await clock.advance(10);
	await asked;
	await a.keeper.release();
	a.backend.delay = null;
	answer();
	await settle();
	expect(a.keeper.state.kind).not.toBe("mine");
	await clock.advance(TURN_LOCK_MS + 1);
	expect(await b.keeper.acquire(1500)).toMatchObject({ kind: "acquired" });
});

test("without a link nobody is asked, and the lock is asked for when the link is there", async () => {
	const { store, a } = await world();
	a.backend.connect({ kind: "offline", reason: "No network." });
	expect(await a.keeper.acquire(1500)).toEqual({ kind: "alone" });
	expect(a.backend.calls).not.toContain("acquireLock");
	a.backend.connect({ kind: "connected" });
	await settle();
	expect(a.keeper.state.kind).toBe("mine");
	expect(store.held(SESSION)?.holder?.terminalId).toBe("a");
	expect(a.keeper.epoch).toBe(1);
});

test("a holder that was cut off and that nobody replaced is the holder again", async () => {
	const { clock, store, a } = await world();
	await a.keeper.acquire(1500);
	a.backend.connect({ kind: "offline", reason: "No network." });
	await clock.advance(TURN_LOCK_MS * 2);
	expect(store.held(SESSION)).toBeNull();
	a.backend.connect({ kind: "connected" });
	await settle();
	expect(a.keeper.state).toMatchObject({ kind: "mine", epoch: 2 });
	expect(a.keeper.epoch).toBe(2);
});

test("an epoch that is its own by now is told from another terminal's", async () => {
	const { clock, a, b } = await world();
	await a.keeper.acquire(1500);
	a.backend.connect({ kind: "offline", reason: "No network." });
	await clock.advance(TURN_LOCK_MS * 2);
	a.backend.connect({ kind: "connected" });
	expect(await a.keeper.owns(2)).toBe(true);
	a.backend.connect({ kind: "offline", reason: "No network." });
	await clock.advance(TURN_LOCK_MS * 2);
	await b.keeper.acquire(1500);
	a.backend.connect({ kind: "connected" });
	await settle();
	expect(await a.keeper.owns(3)).toBe(false);
});

test("a holder that was cut off and replaced says so, and its writes go on under the old epoch", async () => {
	const { clock, a, b } = await world();
	await a.keeper.acquire(1500);
	a.backend.connect({ kind: "offline", reason: "No network." });
	await clock.advance(TURN_LOCK_MS + 1);
	expect(await b.keeper.acquire(1500)).toMatchObject({ kind: "acquired" });
	a.backend.connect({ kind: "connected" });
	await settle();
	expect(a.keeper.state).toMatchObject({ kind: "theirs", epoch: 2, holder: { terminalId: "b" } });
	expect(a.keeper.epoch).toBe(1);
	await b.keeper.release();
	await clock.advance(TURN_LOCK_MS);
	expect(a.keeper.state.kind).toBe("none");
	expect(a.keeper.epoch).toBe(1);
	await a.keeper.release();
	expect(a.keeper.epoch).toBeNull();
});

test("a run whose session was driven by another meanwhile does not get the lock back, nor does it keep others out", async () => {
	const { clock, store, a, b } = await world();
	await a.keeper.acquire(1500);
	a.backend.connect({ kind: "offline", reason: "No network." });
	await clock.advance(TURN_LOCK_MS + 1);
	await b.keeper.acquire(1500);
	await b.keeper.release();
	a.backend.connect({ kind: "connected" });
	await clock.advance(TURN_LOCK_RENEW_MS * 2);
	expect(store.held(SESSION)).toBeNull();
	expect(a.keeper.state.kind).toBe("none");
	expect(a.keeper.epoch).toBe(1);
});

test("take over: from the holder one was shown, and the one before learns it", async () => {
	const { a, b, terminal } = await world();
	await a.keeper.acquire(1500);
	await settle();
	expect(await b.keeper.takeOver(1)).toMatchObject({ kind: "acquired" });
	await settle();
	expect(a.keeper.state).toMatchObject({ kind: "theirs", epoch: 2, holder: { terminalId: "b" } });
	const c = terminal("c");
	expect(await c.keeper.takeOver(1)).toMatchObject({ kind: "held", epoch: 2, holder: { terminalId: "b" } });
});

test("that the epoch is over is found out by asking", async () => {
	const { store, a } = await world();
	await a.keeper.acquire(1500);
	await settle();
	a.backend.auto = false;
	store.give({ sessionId: SESSION, terminalId: "z", label: "z" });
	a.keeper.noteStale();
	await settle();
	expect(a.keeper.state).toMatchObject({ kind: "theirs", epoch: 2 });
});

test("a lock that another terminal frees again is not mistaken for one's own", async () => {
	const { a, b } = await world();
	await a.keeper.acquire(1500);
	await a.keeper.release();
	await b.keeper.acquire(1500);
	await settle();
	expect(a.keeper.state.kind).toBe("theirs");
	await b.keeper.release();
	await settle();
	expect(a.states.at(-1)).toEqual({ kind: "none", epoch: 2, holder: null });
});

test("a key that may not write, or a session that is not known yet: alone, without a throw", async () => {
	const { store, terminal } = await world();
	store.sessions.clear();
	const c = terminal("c");
	expect(await c.keeper.acquire(1500)).toEqual({ kind: "alone" });
	c.backend.fault = () => "signedOut";
	expect(await c.keeper.acquire(1500)).toEqual({ kind: "alone" });
	await c.keeper.release();
});

test("after stop nothing is told or asked", async () => {
	const { clock, a, b } = await world();
	await a.keeper.acquire(1500);
	a.keeper.stop();
	const told = a.states.length;
	const calls = a.backend.calls.length;
	await clock.advance(TURN_LOCK_MS * 2);
	await b.keeper.acquire(1500);
	await settle();
	expect(a.states).toHaveLength(told);
	expect(a.backend.calls).toHaveLength(calls);
	expect(await a.keeper.acquire(1500)).toEqual({ kind: "alone" });
});

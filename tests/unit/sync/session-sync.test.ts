import { expect, test } from "bun:test";
import { FakeBackend } from "../../support/fake-backend.ts";
import { settle } from "../../support/fake-clock.ts";
import { FakeSession } from "../../support/fake-session.ts";
import { DESCRIPTION, harness } from "../../support/sync-harness.ts";

test("what was there at the start and what is added arrives once, in order, as its own line", async () => {
	const { session, sync, store, rest } = harness();
	session.add("model_change", { provider: "a", modelId: "m" });
	session.user("one");
	await rest();
	session.assistant("two");
	sync.wake();
	await rest();
	expect(store.read("session-1")).toEqual(session.lines());
	expect(store.session("session-1").entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);
	expect(sync.state()).toMatchObject({ link: "live", queued: 0, sentCount: 3, reason: null });
});

test("a session in which nothing was said yet does not show up", async () => {
	const { session, sync, store, rest } = harness();
	session.add("model_change", { provider: "a", modelId: "m" });
	session.add("message", { message: { role: "system", content: "you are" } });
	sync.wake();
	await rest();
	expect(store.sessions.size).toBe(0);
	expect(await sync.flush(10)).toBe(true);
});

test("a second sync of a session that is there sends nothing again", async () => {
	const first = harness();
	for (let index = 0; index < 500; index += 1) first.session.user(`${index}`);
	await first.rest();
	const second = harness({ session: first.session, backend: new FakeBackend(first.store) });
	await second.rest();
	expect(second.backend.calls).toEqual(["openSession", "updateSession"]);
	expect(second.sync.state()).toMatchObject({ queued: 0, sentCount: 500 });
});

test("what a crash kept from arriving is filled in, also in the middle", async () => {
	const first = harness();
	for (let index = 0; index < 5; index += 1) first.session.user(`${index}`);
	await first.rest();
	first.store.session("session-1").entries.splice(2, 1);
	first.session.user("later");
	const second = harness({ session: first.session, backend: new FakeBackend(first.store) });
	await second.rest();
	expect(second.store.read("session-1").sort()).toEqual(first.session.lines().sort());
	expect(second.sync.state()).toMatchObject({ queued: 0, parked: [] });
});

test("many entries go in batches within the limits", async () => {
	const { session, store, backend, rest } = harness();
	for (let index = 0; index < 450; index += 1) session.user(`${index}`);
	await rest();
	expect(store.read("session-1")).toEqual(session.lines());
	expect(backend.calls.filter((call) => call === "append").length).toBe(3);
});

test("an unreachable backend is tried again, and nothing is lost or doubled", async () => {
	const { session, sync, backend, store, rest } = harness();
	session.user("one");
	let failures = 0;
	backend.fault = (call) => {
		if (call !== "append") return null;
		failures += 1;
		return failures === 1 ? "lost" : failures === 2 ? "unanswered" : null;
	};
	await rest();
	expect(sync.state()).toMatchObject({ link: "offline", queued: 1, reason: "Nobody answers." });
	await rest(5000);
	expect(failures).toBe(3);
	expect(store.read("session-1")).toEqual(session.lines());
	expect(sync.state()).toMatchObject({ link: "live", queued: 0 });
});

test("when the connection comes back nothing waits for the back-off", async () => {
	const { session, backend, store, rest } = harness();
	backend.connect({ kind: "offline", reason: "No network." });
	session.user("one");
	await rest(60_000);
	expect(store.sessions.size).toBe(0);
	backend.connect({ kind: "connected" });
	await settle();
	await rest(0);
	expect(store.read("session-1")).toEqual(session.lines());
});

test("one refused entry does not hold up the others; it is named, and its children are kept as orphans", async () => {
	const { session, sync, backend, store, rest } = harness();
	backend.poison = "POISON";
	for (let index = 0; index < 20; index += 1) session.user(index === 7 ? "POISON" : `${index}`);
	await rest();
	expect(store.read("session-1")).toEqual(session.lines().filter((line) => !line.includes("POISON")));
	expect(sync.state().parked).toEqual([
		{ entryId: "00000008", message: "Entry 00000008 is not to our taste." },
	]);
	expect(store.session("session-1").entries.find(({ entryId }) => entryId === "00000009")?.orphan).toBe(true);
	session.user("after");
	sync.wake();
	await rest();
	expect(store.ids("session-1").at(-1)).toBe("00000015");
	expect(await sync.flush(10)).toBe(true);
});

test("an unforeseen failure is tried again before an entry is given up", async () => {
	const { session, sync, backend, store, rest } = harness();
	let failures = 0;
	backend.fault = (call) => {
		if (call !== "append" || failures >= 2) return null;
		failures += 1;
		return "refused";
	};
	session.user("one");
	await rest(10_000);
	expect(store.read("session-1")).toEqual(session.lines());
	expect(sync.state().parked).toEqual([]);
});

test("an entry at which the backend always fails is given up in the end, the others are not held up by it", async () => {
	const { session, sync, backend, store, rest } = harness();
	backend.fault = (call, args) =>
		call === "append" && JSON.stringify(args).includes("CRASH") ? "refused" : null;
	for (const text of ["one", "CRASH", "three"]) session.user(text);
	await rest(120_000);
	expect(store.ids("session-1")).toEqual(["00000001", "00000003"]);
	expect(sync.state().parked).toEqual([{ entryId: "00000002", message: "Server Error" }]);
});

test("a backend that fails at everything gives up nothing", async () => {
	const { session, sync, backend, store, rest } = harness();
	for (const text of ["one", "two"]) session.user(text);
	backend.fault = (call) => (call === "append" ? "refused" : null);
	await rest(600_000);
	expect(sync.state()).toMatchObject({ queued: 2, parked: [], reason: "Server Error" });
	backend.fault = () => null;
	await rest(20_000);
	expect(store.read("session-1")).toEqual(session.lines());
});

test("a session removed at the backend comes back whole", async () => {
	const { session, sync, store, rest } = harness();
	session.user("one");
	await rest();
	store.sessions.clear();
	session.user("two");
	sync.wake();
	await rest(1000);
	expect(store.read("session-1")).toEqual(session.lines());
});

test("entries over the limits, and pictures, go through file storage", async () => {
	const { session, store, rest } = harness();
	session.user("x".repeat(300_000));
	session.add("message", {
		message: { role: "user", content: [{ type: "image", data: "A".repeat(20_000), mimeType: "image/png" }] },
	});
	session.user("small");
	await rest();
	expect(store.read("session-1")).toEqual(session.lines());
	const [large, picture, small] = store.session("session-1").entries;
	expect(large?.body).toMatchObject({ kind: "stored", columns: { role: "user" } });
	expect(picture?.body.kind).toBe("stored");
	expect(small?.body.kind).toBe("inline");
});

test("what the transform hides is counted, and what it fails for is never sent", async () => {
	const { session, sync, store, rest } = harness({
		transform: (json) => {
			if (json.includes("crash")) throw new Error("no rules");
			const hidden = json.split("hunter2").length - 1;
			return { json: json.replaceAll("hunter2", "[redacted:x]"), hidden: { x: hidden } };
		},
	});
	session.user("hunter2 and hunter2");
	session.user("crash");
	session.user("fine");
	await rest();
	expect(store.read("session-1").join()).not.toContain("hunter2");
	expect(store.ids("session-1")).toEqual(["00000001", "00000003"]);
	expect(sync.state()).toMatchObject({
		hidden: { x: 2 },
		parked: [{ entryId: "00000002", message: "It could not be prepared: no rules" }],
	});
});

test("leaf and status arrive, moves of the leaf without entries too", async () => {
	const { session, sync, store, rest } = harness();
	session.user("one");
	session.assistant("two");
	sync.status("running");
	await rest();
	expect(store.session("session-1")).toMatchObject({ leafId: "00000002", status: "running" });
	session.leaf = "00000001";
	sync.status("idle");
	sync.wake();
	await rest();
	expect(store.session("session-1")).toMatchObject({ leafId: "00000001", status: "idle" });
});

test("resync compares everything and says what it found", async () => {
	const { session, sync, store, rest, backend } = harness();
	for (let index = 0; index < 4; index += 1) session.user(`${index}`);
	await rest();
	store.session("session-1").entries.splice(2, 2);
	const report = sync.resync();
	await rest();
	expect(await report).toEqual({ kind: "done", checked: 4, sent: 2, parked: 0 });
	expect(store.read("session-1")).toEqual(session.lines());
	backend.connect({ kind: "offline", reason: "No network." });
	const failing = sync.resync();
	await rest();
	expect(await failing).toEqual({ kind: "failed", message: "Nobody answers." });
});

test("a refused key is said, and the sync goes on when the backend takes it again", async () => {
	const { session, sync, backend, store, rest } = harness();
	backend.connect({ kind: "signedOut", reason: "The key was revoked." });
	session.user("one");
	await rest();
	expect(sync.state()).toMatchObject({ link: "signedOut", queued: 1, reason: "The key was revoked." });
	backend.connect({ kind: "connected" });
	await rest();
	expect(store.read("session-1")).toEqual(session.lines());
});

test("flush tells whether all was acknowledged in time", async () => {
	const { session, sync, backend, rest } = harness();
	backend.connect({ kind: "offline", reason: "No network." });
	session.user("one");
	const late = sync.flush(1000);
	await rest(2000);
	expect(await late).toBe(false);
	backend.connect({ kind: "connected" });
	const done = sync.flush(1000);
	await rest();
	expect(await done).toBe(true);
});

test("after dispose nothing is sent and nothing throws", async () => {
	const { session, sync, backend, rest, store } = harness({ presence: { label: "here" } });
	session.user("one");
	await rest();
	expect(store.present.size).toBe(1);
	await sync.dispose();
	await sync.dispose();
	expect(store.present.size).toBe(0);
	const calls = backend.calls.length;
	session.user("two");
	sync.wake();
	sync.status("idle");
	sync.beginRun(1);
	sync.op(["m", "assistant"]);
	sync.messageDone();
	sync.endRun();
	await rest(100_000);
	expect(backend.calls.length).toBe(calls);
	expect(await sync.flush(1)).toBe(false);
	expect((await sync.resync()).kind).toBe("failed");
});

test("a source that goes away costs nothing", async () => {
	const { session, sync, rest } = harness();
	session.user("one");
	await rest();
	session.entries = () => {
		throw new Error("ctx is stale");
	};
	sync.wake();
	sync.beginRun(1);
	sync.messageDone();
	await rest(1000);
	expect(sync.state()).toMatchObject({ queued: 0, sentCount: 1 });
});

test("state changes are told after the fact, once a tick", async () => {
	const { session, sync, rest } = harness();
	const seen: string[] = [];
	sync.onState(() => {
		throw new Error("a listener's bug");
	});
	const stop = sync.onState((state) => seen.push(`${state.link} ${state.queued}`));
	session.user("one");
	sync.wake();
	expect(seen).toEqual([]);
	await rest();
	expect(seen.at(-1)).toBe("live 0");
	stop();
	const count = seen.length;
	session.user("two");
	sync.wake();
	await rest();
	expect(seen.length).toBe(count);
});

test("others at the session are in the state, this terminal is not", async () => {
	const { backend, sync, rest, session } = harness({ presence: { label: "a" } });
	session.user("one");
	await rest();
	await backend.beat({
		clientId: "page",
		kind: "dashboard",
		sessionId: "session-1",
		watching: true,
		label: "page",
	});
	await rest();
	expect(sync.state().present.map(({ clientId }) => clientId)).toEqual(["page"]);
});

const parentOf = (count: number): FakeSession => {
	const parent = new FakeSession("parent-1");
	for (let index = 0; index < count; index += 1) parent.user(`p${index}`);
	return parent;
};

function forkOf(parent: FakeSession, count: number): FakeSession {
	const fork = new FakeSession("fork-1", "/sessions/2026_parent-1.jsonl");
	for (const entry of parent.list.slice(0, count)) {
		fork.list.push({ ...entry });
		fork.leaf = entry.id;
	}
	return fork;
}

test("a fork brings its parent along and stores only its own entries", async () => {
	const parent = parentOf(3);
	const fork = forkOf(parent, 2);
	fork.add("message", { id: "f0000001", message: { role: "user", content: "on the fork" } });
	const { store, rest } = harness({ session: fork, parent: async () => parent });
	await rest();
	expect(store.read("parent-1")).toEqual(parent.lines());
	expect(store.session("fork-1").entries.map(({ entryId }) => entryId)).toEqual(["f0000001"]);
	expect(store.session("fork-1").open.lineage).toEqual({
		parentSessionId: "parent-1",
		forkEntryId: "00000002",
	});
	expect(store.read("fork-1")).toEqual(fork.lines());
	const again = harness({ session: fork, parent: async () => parent, backend: new FakeBackend(store) });
	await again.rest();
	expect(again.backend.calls.filter((call) => call === "append")).toEqual([]);
});

test("entries that a fork hung elsewhere are stored again and marked as copied", async () => {
	const parent = parentOf(2);
	const fork = forkOf(parent, 1);
	parent.user("after a label");
	fork.list.push({ ...(parent.list[2] as (typeof parent.list)[0]), parentId: "00000001" });
	fork.leaf = "00000003";
	const { store, rest } = harness({ session: fork, parent: async () => parent });
	await rest();
	expect(store.session("fork-1").entries.map(({ entryId, copied }) => [entryId, copied])).toEqual([
		["00000003", true],
	]);
});

test("a fork without its parent's file is stored whole, and counted where the parent is known", async () => {
	const parent = parentOf(2);
	const first = harness({ session: parent });
	await first.rest();
	const fork = forkOf(parent, 2);
	fork.add("message", { id: "f0000001", message: { role: "user", content: "own" } });
	const { store, rest } = harness({
		session: fork,
		parent: async () => null,
		backend: new FakeBackend(first.store),
	});
	await rest();
	expect(store.session("fork-1").open.lineage).toEqual({ parentSessionId: "parent-1", forkEntryId: null });
	expect(store.session("fork-1").entries.map(({ copied }) => copied ?? false)).toEqual([true, true, false]);
});

test("a session that began as format 1 goes under the ids that an import of its file gives", async () => {
	const { session, store, rest } = harness();
	const header = session.header();
	delete header.version;
	header.version = 3;
	const message = { role: "user", content: "old" };
	session.list.push({
		type: "message",
		timestamp: "2025-01-01T00:00:00.000Z",
		message,
		id: "abcd0001",
		parentId: null,
	} as never);
	session.leaf = "abcd0001";
	session.user("new");
	await rest();
	const [old, young] = store.session("session-1").entries;
	expect(old?.entryId).toMatch(/^v1-/);
	expect(young).toMatchObject({ entryId: "00000002", parentId: old?.entryId });
	expect(store.session("session-1").leafId).toBe("00000002");
	expect(DESCRIPTION.source).toBe("pi");
});

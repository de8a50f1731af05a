/** What a call makes others run again: lists must not move with every delta and every beat. */
import { afterAll, beforeAll, expect, jest, test } from "bun:test";
import type { Engine } from "../../src/engine/types.ts";
import { hashOf, identityOf, storyStart } from "./app.ts";
import { callerOf, closeEngines, encoded, sharedEngine } from "./engine-runner.ts";
import { agentMessage } from "./open-sync-stories.ts";
import { session, talk } from "./stories.ts";

let engine: Engine;
let caller: ReturnType<typeof callerOf>;

const mutate = async (path: string, args: Record<string, unknown>) => {
	const outcome = await engine.mutation(path, encoded(args), caller);
	if (outcome.kind !== "ok") throw new Error(`${path}: ${outcome.errorMessage}`);
};

/** Names of the watched queries that `act` makes stale. */
async function staleAfter(act: () => Promise<void>): Promise<string[]> {
	const watched: Record<string, Record<string, unknown>> = {
		"sessions:list": { paginationOpts: { numItems: 10, cursor: null } },
		"sessions:get": { sessionId: "s" },
		"entries:tail": { sessionId: "s", afterSeq: 0, limit: 10 },
		"entries:page": { sessionId: "s", cursor: null, limit: 10 },
		"streams:current": { sessionId: "s" },
		"turnLock:current": { sessionId: "s" },
		"streams:tail": { streamId: "stream-1" },
		"presence:list": { sessionId: "s" },
		"prompts:list": { sessionId: "s" },
		"questions:list": { sessionId: "s" },
		"sessions:live": { sessionId: "s" },
		"presence:find": { clientId: "t1" },
		"apiKeys:list": {},
		"users:me": {},
	};
	const stale = new Set<string>();
	const sets = await Promise.all(
		Object.entries(watched).map(async ([path, args]) => {
			const set = engine.openQuerySet();
			set.add(1, { path, argsJson: encoded(args), caller, journal: null });
			const { results } = await set.evaluate();
			expect({ path, kind: results.get(1)?.kind }).toEqual({ path, kind: "ok" });
			set.onStale = () => stale.add(path);
			return set;
		}),
	);
	await act();
	for (let n = 0; n < 5; n++) await new Promise<void>((resolve) => setImmediate(resolve));
	for (const set of sets) set.close();
	return [...stale].sort();
}

beforeAll(async () => {
	jest.setSystemTime(storyStart());
	engine = await sharedEngine({ env: {} });
	const key = { name: "k", hash: hashOf(1), shown: "osk_…", scopes: ["read", "write", "control"] };
	const admin = { identity: null, admin: true };
	const added = await engine.run("apiKeys:addFirst", encoded(key), admin);
	const found = await engine.run("apiKeys:find", encoded({ hash: hashOf(1) }), admin);
	if (added.kind !== "ok" || found.kind !== "ok") throw new Error("No key could be made.");
	const { id } = JSON.parse(added.valueJson) as { id: string };
	caller = callerOf(identityOf((JSON.parse(found.valueJson) as { userId: string }).userId, id));
	await mutate("sessions:open", session("s"));
	await mutate("entries:append", { sessionId: "s", entries: talk(["a", "b"]) });
	await mutate("streams:start", { sessionId: "s", streamId: "stream-1", terminalId: "t1", startedAt: 1 });
	await mutate("streams:push", { streamId: "stream-1", start: 0, ops: [["m", "assistant"]] });
	await mutate("presence:beat", {
		clientId: "t1",
		kind: "terminal",
		sessionId: "s",
		watching: false,
		label: "laptop",
	});
});

afterAll(async () => {
	await closeEngines();
	jest.setSystemTime();
});

test("a delta re-runs the tail of its stream and nothing else", async () => {
	expect(
		await staleAfter(() => mutate("streams:push", { streamId: "stream-1", start: 1, ops: [["t", 0, "hi"]] })),
	).toEqual(["streams:tail"]);
});

test("a push that is not taken re-runs nothing", async () => {
	expect(
		await staleAfter(() => mutate("streams:push", { streamId: "stream-1", start: 0, ops: [["t", 0, "hi"]] })),
	).toEqual([]);
});

test("a beat that says nothing new re-runs nothing", async () => {
	const beat = { clientId: "t1", kind: "terminal", sessionId: "s", watching: false, label: "laptop" };
	expect(await staleAfter(() => mutate("presence:beat", beat))).toEqual([]);
});

test("a beat that looks elsewhere re-runs who is present, and no more", async () => {
	const beat = { clientId: "t1", kind: "terminal", sessionId: "s", watching: true, label: "laptop" };
	expect(await staleAfter(() => mutate("presence:beat", beat))).toEqual(["presence:find", "presence:list"]);
});

test("a prompt re-runs the session's prompts and nothing else, on its whole way", async () => {
	const lock = { sessionId: "s", terminalId: "t1" };
	await mutate("turnLock:acquire", { ...lock, label: "laptop" });
	const body = { kind: "inline", json: "{}" };
	const prompt = { sessionId: "s", promptId: "p1", terminalId: "t2", kind: "prompt", body };
	const steps: [string, Record<string, unknown>][] = [
		["prompts:send", prompt],
		["prompts:accept", { promptId: "p1", terminalId: "t1", epoch: 1 }],
		["prompts:advance", { promptId: "p1", terminalId: "t1", state: "started" }],
		["prompts:advance", { promptId: "p1", terminalId: "t1", state: "done" }],
	];
	for (const [path, args] of steps) {
		expect(await staleAfter(() => mutate(path, args))).toEqual(["prompts:list"]);
		expect(await staleAfter(() => mutate(path, args))).toEqual([]);
	}
});

test("a question re-runs the session's questions and nothing else", async () => {
	const question = { sessionId: "s", questionId: "q1", terminalId: "t1", kind: "confirm", title: "Sure?" };
	const answer = { questionId: "q1", terminalId: "t2", value: "yes" };
	expect(await staleAfter(() => mutate("questions:ask", question))).toEqual(["questions:list"]);
	expect(await staleAfter(() => mutate("questions:answer", answer))).toEqual(["questions:list"]);
	expect(await staleAfter(() => mutate("questions:close", { questionId: "q1" }))).toEqual(["questions:list"]);
});

test("renewing the turn lock re-runs nothing", async () => {
	const lock = { sessionId: "s", terminalId: "t1", epoch: 1 };
	expect(await staleAfter(() => mutate("turnLock:renew", lock))).toEqual([]);
});

test("signing in with a key re-runs no query of that key but the list of keys", async () => {
	jest.setSystemTime(storyStart() + 120_000);
	const use = async () =>
		void (await engine.run("apiKeys:find", encoded({ hash: hashOf(1) }), { identity: null, admin: true }));
	expect(await staleAfter(use)).toEqual(["apiKeys:list"]);
	// Back before what is scheduled for later is due: it would run in the midst of what follows.
	jest.setSystemTime(storyStart());
});

test("an entry re-runs what shows its session, and not its stream or who is present", async () => {
	const append = { sessionId: "s", entries: talk(["c"], "b") };
	expect(await staleAfter(() => mutate("entries:append", append))).toEqual([
		"entries:page",
		"entries:tail",
		"presence:find",
		"sessions:get",
		"sessions:list",
		"sessions:live",
		"turnLock:current",
	]);
});

test("entries of another session do not re-run what shows this one", async () => {
	await mutate("sessions:open", session("other"));
	const append = { sessionId: "other", entries: talk(["a"]) };
	expect(await staleAfter(() => mutate("entries:append", append))).toEqual(["sessions:list"]);
});

test("a message of another agent that is posted again re-runs nothing", async () => {
	const { entryId, body } = agentMessage("m", "user", "hi", { createdAt: storyStart() });
	const push = () =>
		mutate("openSync:push", {
			session: { externalId: "of another agent", title: "t", createdAt: storyStart() },
			entries: [{ entryId, timestamp: storyStart(), body }],
		});
	expect(await staleAfter(push)).toEqual(["sessions:list"]);
	expect(await staleAfter(push)).toEqual([]);
});

test("revoking a key ends what it watches, and nothing that another key of the user watches (A2)", async () => {
	const admin = { identity: null, admin: true };
	const key = { name: "lost", hash: hashOf(2), shown: "osk_…", scopes: ["read"] };
	const added = await engine.run("apiKeys:addFirst", encoded(key), admin);
	if (added.kind !== "ok") throw new Error("No key could be made.");
	const { id } = JSON.parse(added.valueJson) as { id: string };
	const lost = callerOf(identityOf(caller.identity?.subject ?? "", id));
	const watched = ["sessions:get", "entries:tail", "streams:current", "presence:list", "prompts:list"];
	const argsJson = encoded({ sessionId: "s" });
	const set = engine.openQuerySet();
	for (const [at, path] of watched.entries()) {
		const args = path === "entries:tail" ? encoded({ sessionId: "s", afterSeq: 0, limit: 10 }) : argsJson;
		set.add(at, { path, argsJson: args, caller: lost, journal: null });
	}
	set.add(watched.length, { path: "sessions:get", argsJson, caller, journal: null });
	const kinds = async () => {
		const { results } = await set.evaluate();
		return [...results.values()].map((one) => one.kind);
	};
	expect(await kinds()).toEqual(["ok", "ok", "ok", "ok", "ok", "ok"]);
	const told = new Promise<void>((resolve) => {
		set.onStale = resolve;
	});
	await mutate("apiKeys:revoke", { id });
	await told;
	const { results } = await set.evaluate();
	const now = [...results.values()].map((one) => (one.kind === "ok" ? "ok" : one.errorDataJson));
	expect(now.filter((one) => one?.includes("key_revoked"))).toHaveLength(watched.length);
	set.close();
});

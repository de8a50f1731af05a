/** What goes when a holder does: by expiry, by another's take-over, by leaving, by release. */
import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import { PRESENCE_DEADLINE_MS, TURN_LOCK_MS, TURN_LOCK_RENEW_MS } from "../../src/protocol/limits.ts";
import { type App, type Client, scenario, storyStart } from "./app.ts";
import { session, talk, tell } from "./stories.ts";

const acquire = (client: Client, terminalId: string, sessionId = "s") =>
	client.mutation(api.turnLock.acquire, { sessionId, terminalId, label: terminalId });
const takeOver = (client: Client, terminalId: string, epoch: number) =>
	client.mutation(api.turnLock.takeOver, { sessionId: "s", terminalId, label: terminalId, epoch });
const beat = (client: Client, clientId: string, sessionId = "s") =>
	client.mutation(api.presence.beat, { clientId, kind: "terminal", sessionId, watching: false, label: "x" });
const leave = (client: Client, clientId: string) => client.mutation(api.presence.leave, { clientId });
const setStatus = (client: Client, status: "running" | "waiting" | "idle" | "ended") =>
	client.mutation(api.sessions.update, { sessionId: "s", status });

async function send(client: Client, promptId: string): Promise<void> {
	await client.mutation(api.prompts.send, {
		sessionId: "s",
		promptId,
		terminalId: "author",
		kind: "prompt",
		body: { kind: "inline", json: '{"text":"hi"}' },
	});
}

/** What a terminal has at the session: a stream, a question, and prompts in three states when it holds the lock. */
async function drives(client: Client, terminalId: string, epoch: number | null): Promise<void> {
	const startedAt = storyStart();
	await client.mutation(api.streams.start, {
		sessionId: "s",
		streamId: `stream of ${terminalId}`,
		terminalId,
		startedAt,
	});
	await client.mutation(api.questions.ask, {
		sessionId: "s",
		questionId: `question of ${terminalId}`,
		terminalId,
		kind: "confirm",
		title: "Sure?",
	});
	if (epoch === null) return;
	for (const state of ["queued", "accepted", "started", "done"] as const) {
		const promptId = `${state} by ${terminalId}`;
		await send(client, promptId);
		if (state !== "queued") await client.mutation(api.prompts.accept, { promptId, terminalId, epoch });
		if (state === "started" || state === "done") {
			await client.mutation(api.prompts.advance, { promptId, terminalId, state });
		}
	}
}

async function seen(client: Client) {
	const at = { sessionId: "s" };
	const prompts = await client.query(api.prompts.list, at);
	return {
		holder: (await client.query(api.turnLock.current, at)).holder?.terminalId ?? null,
		stream: (await client.query(api.streams.current, at))?.terminalId ?? null,
		questions: (await client.query(api.questions.list, at)).map((one) => one.terminalId),
		prompts: prompts.map(({ promptId, state }) => `${promptId.split(" ")[0]}: ${state}`),
		status: (await client.query(api.sessions.live, at))?.status,
	};
}

const INTACT = ["queued: queued", "accepted: accepted", "started: started", "done: done"];
const FAILED = ["queued: queued", "accepted: failed", "started: failed", "done: done"];

/** A session whose lock `a` has under epoch 1, in the midst of a run. */
async function running(app: App): Promise<Client> {
	const client = await app.signIn();
	await tell(client, session("s"), talk(["e1", "e2"]));
	await acquire(client, "a");
	await setStatus(client, "running");
	await drives(client, "a", 1);
	expect(await seen(client)).toEqual({
		holder: "a",
		stream: "a",
		questions: ["a"],
		prompts: INTACT,
		status: "running",
	});
	return client;
}

const LOST = { holder: null, stream: null, questions: [], prompts: FAILED, status: "idle" as const };

scenario("a holder that falls silent is gone with all that it was at, by the deadline", async (app) => {
	const client = await running(app);
	await app.advance(TURN_LOCK_MS + 1000);
	expect(await seen(client)).toEqual(LOST);
	const failed = (await client.query(api.prompts.list, { sessionId: "s" })).find(
		(one) => one.reason !== null,
	);
	expect(failed).toMatchObject({ acceptedBy: "a", json: null });
	expect(failed?.reason).toMatch(/^[A-Z][^\n]{20,190}\.$/);
});

scenario("a holder that renews keeps everything", async (app) => {
	const client = await running(app);
	for (let passed = 0; passed < 2 * TURN_LOCK_MS; passed += TURN_LOCK_RENEW_MS) {
		await app.advance(TURN_LOCK_RENEW_MS);
		await client.mutation(api.turnLock.renew, { sessionId: "s", terminalId: "a", epoch: 1 });
	}
	expect(await seen(client)).toMatchObject({ holder: "a", stream: "a", prompts: INTACT, status: "running" });
});

scenario("expiry touches only what was the holder's", async (app) => {
	const client = await running(app);
	await drives(client, "b", null);
	await app.advance(TURN_LOCK_MS + 1000);
	expect(await seen(client)).toEqual({ ...LOST, stream: "b", questions: ["b"] });
});

scenario("who takes over ends what others were at, and keeps its own", async (app) => {
	const client = await running(app);
	await drives(client, "b", null);
	await takeOver(client, "b", 1);
	expect(await seen(client)).toEqual({
		holder: "b",
		stream: "b",
		questions: ["b"],
		prompts: FAILED,
		status: "idle",
	});
});

scenario("what an old holder says of its prompts after it was fenced off changes nothing", async (app) => {
	const client = await running(app);
	await takeOver(client, "b", 1);
	for (const promptId of ["accepted by a", "started by a"]) {
		await client.mutation(api.prompts.advance, { promptId, terminalId: "a", state: "done" });
	}
	expect((await seen(client)).prompts).toEqual(FAILED);
});

scenario(
	"an acquisition by another terminal after an expiry that nobody has seen yet does the same",
	async (app) => {
		const client = await running(app);
		// The check has not run: time passes between two calls.
		app.jump(TURN_LOCK_MS + 1);
		expect(await acquire(client, "b")).toMatchObject({ kind: "acquired", epoch: 2 });
		expect(await seen(client)).toEqual({ ...LOST, holder: "b" });
		await app.advance(2000);
		expect((await seen(client)).holder).toBe("b");
	},
);

scenario("a holder that comes back before anybody has missed it goes on with what it had", async (app) => {
	const client = await running(app);
	app.jump(TURN_LOCK_MS + 1);
	expect(await acquire(client, "a")).toMatchObject({ kind: "acquired", epoch: 2 });
	expect(await seen(client)).toMatchObject({ holder: "a", stream: "a", prompts: INTACT, status: "running" });
});

scenario("release takes the terminal's questions, and leaves its run's end to its own words", async (app) => {
	const client = await running(app);
	await drives(client, "b", null);
	await client.mutation(api.turnLock.release, { sessionId: "s", terminalId: "a", epoch: 1 });
	expect(await seen(client)).toMatchObject({
		holder: null,
		questions: ["b"],
		prompts: INTACT,
		status: "running",
	});
	await client.mutation(api.turnLock.release, { sessionId: "s", terminalId: "b", epoch: 1 });
	expect((await seen(client)).questions).toEqual(["b"]);
});

scenario("a release that comes too late touches nothing of the new holder", async (app) => {
	const client = await running(app);
	await takeOver(client, "b", 1);
	await drives(client, "b", null);
	await client.mutation(api.turnLock.release, { sessionId: "s", terminalId: "a", epoch: 1 });
	expect(await seen(client)).toMatchObject({ holder: "b", stream: "b", questions: ["b"] });
});

scenario("a terminal that leaves frees its lock at once, with all that it was at", async (app) => {
	const client = await running(app);
	await beat(client, "a");
	await beat(client, "b");
	await drives(client, "b", null);
	await leave(client, "a");
	expect(await seen(client)).toEqual({ ...LOST, stream: "b", questions: ["b"] });
	expect(await acquire(client, "b")).toMatchObject({ kind: "acquired", epoch: 2 });
});

scenario("a terminal that leaves and does not hold the lock takes only its own", async (app) => {
	const client = await running(app);
	await beat(client, "a");
	await beat(client, "b");
	await drives(client, "b", null);
	await leave(client, "b");
	expect(await seen(client)).toEqual({
		holder: "a",
		stream: "a",
		questions: ["a"],
		prompts: INTACT,
		status: "running",
	});
});

scenario(
	"what a terminal left accepted when it released fails when it leaves, or when another drives",
	async (app) => {
		const client = await running(app);
		const release = { sessionId: "s", terminalId: "a", epoch: 1 };
		await client.mutation(api.turnLock.release, release);
		await beat(client, "a");
		await beat(client, "b");
		await leave(client, "b");
		expect((await seen(client)).prompts).toEqual(INTACT);
		await leave(client, "a");
		expect((await seen(client)).prompts).toEqual(FAILED);
		await acquire(client, "b");
		await client.mutation(api.prompts.accept, { promptId: "queued by a", terminalId: "b", epoch: 2 });
		await client.mutation(api.turnLock.release, { ...release, terminalId: "b", epoch: 2 });
		await acquire(client, "a");
		expect((await seen(client)).prompts[0]).toBe("queued: failed");
	},
);

scenario("a terminal whose presence is over frees its lock too", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	await beat(client, "a");
	await app.advance(PRESENCE_DEADLINE_MS - 2000);
	await acquire(client, "a");
	await setStatus(client, "waiting");
	await drives(client, "a", 1);
	await app.advance(3000);
	expect(await seen(client)).toEqual(LOST);
});

scenario("a page that leaves, or a terminal at another session, frees nothing here", async (app) => {
	const client = await running(app);
	await client.mutation(api.presence.beat, {
		clientId: "a",
		kind: "dashboard",
		sessionId: "s",
		watching: true,
		label: "page",
	});
	await leave(client, "a");
	expect((await seen(client)).holder).toBe("a");
	await beat(client, "b", "elsewhere");
	await leave(client, "b");
	expect((await seen(client)).holder).toBe("a");
});

scenario(
	"a goodbye that comes after the first beat of the next session ends the old one alone",
	async (app) => {
		const client = await running(app);
		await beat(client, "a", "next");
		await tell(client, session("next"));
		await acquire(client, "a", "next");
		await client.mutation(api.presence.leave, { clientId: "a", sessionId: "s" });
		expect(await seen(client)).toEqual(LOST);
		expect(await client.query(api.presence.find, { clientId: "a" })).toMatchObject({ sessionId: "next" });
		expect((await client.query(api.turnLock.current, { sessionId: "next" })).holder?.terminalId).toBe("a");
	},
);

scenario("a session that has ended stays so when its holder is lost", async (app) => {
	const client = await running(app);
	await setStatus(client, "ended");
	await app.advance(TURN_LOCK_MS + 1000);
	expect((await seen(client)).status).toBe("ended");
});

scenario("the check of a removed session's lock, or of one made anew, harms nobody", async (app) => {
	const client = await running(app);
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	await tell(client, session("s"), talk(["e1"]));
	await acquire(client, "b");
	await drives(client, "b", 1);
	app.forget();
	await app.advance(TURN_LOCK_MS - 2000);
	await client.mutation(api.turnLock.renew, { sessionId: "s", terminalId: "b", epoch: 1 });
	await app.advance(4000);
	expect(await seen(client)).toMatchObject({ holder: "b", stream: "b", prompts: INTACT });
});

scenario("who acquires learns where the session stands", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	expect(await acquire(client, "a")).toMatchObject({ lastSeq: 0, leafId: null });
	await client.mutation(api.entries.append, {
		sessionId: "s",
		entries: talk(["e1", "e2"]),
		leafId: "e1",
		epoch: 1,
	});
	expect(await acquire(client, "a")).toMatchObject({ epoch: 1, lastSeq: 2, leafId: "e1" });
	expect(await takeOver(client, "b", 1)).toMatchObject({ epoch: 2, lastSeq: 2, leafId: "e1" });
	expect(await takeOver(client, "b", 1)).toMatchObject({ epoch: 2, lastSeq: 2, leafId: "e1" });
});

scenario("a key that may only read ends nothing by saying goodbye in a holder's name (C6)", async (app) => {
	const client = await app.signIn();
	const reader = await app.signIn({ scopes: ["read"] });
	await tell(client, session("s"), talk(["a", "b"]));
	await beat(client, "t1");
	const acquired = await acquire(client, "t1");
	await drives(client, "t1", acquired.epoch);
	const before = await seen(client);
	await leave(reader, "t1");
	await reader.mutation(api.presence.leave, { clientId: "t1", sessionId: "s" });
	expect(await seen(client)).toEqual(before);
	expect(before.holder).toBe("t1");
	await beat(client, "t1");
	await leave(client, "t1");
	expect((await seen(client)).holder).toBeNull();
	await beat(reader, "t2");
	await leave(reader, "t2");
	expect(await client.query(api.presence.list, { sessionId: "s" })).toEqual([]);
});

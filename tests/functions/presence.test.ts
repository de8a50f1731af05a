import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import { PRESENCE_BEAT_MS, PRESENCE_DEADLINE_MS } from "../../src/protocol/limits.ts";
import type { Beat } from "../../src/protocol/presence.ts";
import { type Client, scenario, storyStart } from "./app.ts";
import { session, tell } from "./stories.ts";

const beat = (client: Client, clientId: string, extra: Partial<Beat> = {}) =>
	client.mutation(api.presence.beat, {
		clientId,
		kind: "terminal",
		sessionId: "s",
		watching: false,
		label: "laptop",
		...extra,
	});
const present = async (client: Client, sessionId = "s") =>
	(await client.query(api.presence.list, { sessionId })).map((one) => one.clientId);

scenario("who beats is there, with what it does", async (app) => {
	const client = await app.signIn();
	await beat(client, "t1");
	await beat(client, "page", { kind: "dashboard", watching: true, label: "  browser  " });
	expect(await client.query(api.presence.list, { sessionId: "s" })).toMatchObject([
		{ clientId: "t1", kind: "terminal", watching: false, label: "laptop" },
		{ clientId: "page", kind: "dashboard", watching: true, label: "browser" },
	]);
	const since = (await client.query(api.presence.list, { sessionId: "s" }))[0]?.since ?? 0;
	expect(Math.floor(since)).toBe(storyStart());
});

scenario("who is silent past the deadline is absent, who beats stays (P1)", async (app) => {
	const client = await app.signIn();
	await beat(client, "silent");
	await beat(client, "steady");
	for (let passed = 0; passed < PRESENCE_DEADLINE_MS + PRESENCE_BEAT_MS; passed += PRESENCE_BEAT_MS) {
		await app.advance(PRESENCE_BEAT_MS);
		await beat(client, "steady");
	}
	expect(await present(client)).toEqual(["steady"]);
	await app.advance(PRESENCE_DEADLINE_MS - 2000);
	expect(await present(client)).toEqual(["steady"]);
	await app.advance(3000);
	expect(await present(client)).toEqual([]);
});

scenario("a beat may look elsewhere, or at nothing", async (app) => {
	const client = await app.signIn();
	await beat(client, "page", { kind: "dashboard" });
	await beat(client, "page", { kind: "dashboard", sessionId: "other" });
	expect(await present(client)).toEqual([]);
	expect(await present(client, "other")).toEqual(["page"]);
	await beat(client, "page", { kind: "dashboard", sessionId: null });
	expect(await present(client, "other")).toEqual([]);
});

scenario("who leaves is gone at once, and may come back", async (app) => {
	const client = await app.signIn();
	await beat(client, "t1");
	await client.mutation(api.presence.leave, { clientId: "t1" });
	await client.mutation(api.presence.leave, { clientId: "never there" });
	expect(await present(client)).toEqual([]);
	await app.advance(20_000);
	await beat(client, "t1");
	// The check of the first visit falls due now; it must not end the second.
	await app.advance(10_000);
	expect(await present(client)).toEqual(["t1"]);
});

scenario("a terminal that goes takes its stream along, and nothing runs without one (S3)", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	await beat(client, "t1");
	await beat(client, "page", { kind: "dashboard" });
	await client.mutation(api.sessions.update, { sessionId: "s", status: "running" });
	await client.mutation(api.streams.start, {
		sessionId: "s",
		streamId: "stream-1",
		terminalId: "t1",
		startedAt: 1,
	});
	await client.mutation(api.streams.push, { streamId: "stream-1", start: 0, ops: [["e"]] });
	await app.advance(PRESENCE_DEADLINE_MS + 1000);
	expect(await client.query(api.streams.current, { sessionId: "s" })).toBeNull();
	expect(await client.query(api.streams.tail, { streamId: "stream-1" })).toEqual([]);
	expect((await client.query(api.sessions.get, { sessionId: "s" }))?.status).toBe("idle");
});

scenario("a terminal that goes leaves the run of another one alone", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	await beat(client, "t1");
	await beat(client, "t2");
	await client.mutation(api.sessions.update, { sessionId: "s", status: "running" });
	await client.mutation(api.streams.start, {
		sessionId: "s",
		streamId: "stream-2",
		terminalId: "t2",
		startedAt: 1,
	});
	await client.mutation(api.presence.leave, { clientId: "t1" });
	expect((await client.query(api.streams.current, { sessionId: "s" }))?.streamId).toBe("stream-2");
	expect((await client.query(api.sessions.get, { sessionId: "s" }))?.status).toBe("running");
});

scenario("a page that goes ends nothing", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	await beat(client, "page", { kind: "dashboard" });
	await client.mutation(api.sessions.update, { sessionId: "s", status: "running" });
	await client.mutation(api.presence.leave, { clientId: "page" });
	expect((await client.query(api.sessions.get, { sessionId: "s" }))?.status).toBe("running");
});

scenario("users do not see each other, whatever ids they use", async (app) => {
	const mine = await app.signIn();
	const theirs = await app.signIn({ user: "somebody else" });
	await beat(mine, "t1");
	await beat(theirs, "t1");
	await theirs.mutation(api.presence.leave, { clientId: "t1" });
	expect(await present(mine)).toEqual(["t1"]);
	expect(await present(theirs)).toEqual([]);
	expect(
		await mine.refused(api.presence.beat, {
			clientId: "",
			kind: "cli",
			sessionId: null,
			watching: false,
			label: "",
		}),
	).toBe("invalid");
});

scenario("a client is found where it is, also at a session that is not known yet", async (app) => {
	const client = await app.signIn();
	const find = () => client.query(api.presence.find, { clientId: "t1" });
	expect(await find()).toBeNull();
	await beat(client, "t1", { sessionId: "soon" });
	expect(await find()).toEqual({ sessionId: "soon", label: "laptop", session: null });
	await tell(client, session("soon"));
	expect(await find()).toMatchObject({ sessionId: "soon", session: { sessionId: "soon" } });
	await beat(client, "t1", { sessionId: null, label: "other" });
	expect(await find()).toEqual({ sessionId: null, label: "other", session: null });
	const stranger = await app.signIn({ user: "stranger" });
	expect(await stranger.query(api.presence.find, { clientId: "t1" })).toBeNull();
	await client.mutation(api.presence.leave, { clientId: "t1" });
	expect(await find()).toBeNull();
});

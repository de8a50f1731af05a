import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import { scenario, storyStart } from "./app.ts";
import { session, talk, tell } from "./stories.ts";

scenario("opening a session twice makes one, and says what it holds", async (app) => {
	const client = await app.signIn();
	expect(await client.mutation(api.sessions.open, session("s"))).toEqual({
		lastSeq: 0,
		lastEntryId: null,
		entryCount: 0,
		leafId: null,
	});
	await client.mutation(api.entries.append, { sessionId: "s", entries: talk(["a", "b"]) });
	expect(await client.mutation(api.sessions.open, session("s"))).toEqual({
		lastSeq: 2,
		lastEntryId: "b",
		entryCount: 2,
		leafId: null,
	});
	const { page } = await client.query(api.sessions.list, { paginationOpts: { numItems: 5, cursor: null } });
	expect(page).toHaveLength(1);
});

scenario("opening again adds what is newly known and empties nothing", async (app) => {
	const client = await app.signIn();
	await client.mutation(api.sessions.open, session("s", { header: null, gitBranch: null, projectName: "" }));
	await client.mutation(
		api.sessions.open,
		session("s", { header: "{}", gitBranch: "main", machine: "tower" }),
	);
	await client.mutation(
		api.sessions.open,
		session("s", { header: null, gitBranch: null, machine: "", startedAt: 5 }),
	);
	expect(await client.query(api.sessions.get, { sessionId: "s" })).toMatchObject({
		gitBranch: "main",
		machine: "tower",
		projectName: "proj",
		startedAt: storyStart(),
		status: "idle",
	});
	expect(await client.query(api.sessions.header, { sessionId: "s" })).toBe("{}");
});

scenario("a session without a sensible id or with a huge header is refused", async (app) => {
	const client = await app.signIn();
	expect(await client.refused(api.sessions.open, session(""))).toBe("invalid");
	expect(await client.refused(api.sessions.open, session("x".repeat(300)))).toBe("too_large");
	expect(await client.refused(api.sessions.open, session("s", { header: "x".repeat(20_000) }))).toBe(
		"too_large",
	);
});

scenario("updating changes only what is given", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s", { gitBranch: "main" }), talk(["a"]));
	await client.mutation(api.sessions.update, { sessionId: "s", status: "running" });
	await client.mutation(api.sessions.update, { sessionId: "s", leafId: "a" });
	expect(await client.query(api.sessions.get, { sessionId: "s" })).toMatchObject({
		status: "running",
		leafId: "a",
		gitBranch: "main",
		endedAt: null,
	});
	expect(await client.refused(api.sessions.update, { sessionId: "other", status: "idle" })).toBe(
		"session_unknown",
	);
});

scenario("a session that ends has an end, one that is resumed has none", async (app) => {
	const client = await app.signIn();
	const endedAt = async () => (await client.query(api.sessions.get, { sessionId: "s" }))?.endedAt;
	await tell(client, session("s"));
	await client.mutation(api.sessions.update, { sessionId: "s", status: "ended" });
	expect(await endedAt()).toBe(storyStart());
	await client.mutation(api.sessions.update, { sessionId: "s", status: "running" });
	expect(await endedAt()).toBeNull();
	await client.mutation(api.sessions.update, { sessionId: "s", status: "ended", endedAt: 7 });
	expect(await endedAt()).toBe(7);
});

scenario("the list has the newest activity first, page after page", async (app) => {
	const client = await app.signIn();
	for (const id of ["one", "two", "three"]) {
		await tell(client, session(id), talk(["a"]));
		await app.advance(1000);
	}
	await client.mutation(api.entries.append, { sessionId: "one", entries: talk(["b"], "a") });
	const first = await client.query(api.sessions.list, { paginationOpts: { numItems: 2, cursor: null } });
	const second = await client.query(api.sessions.list, {
		paginationOpts: { numItems: 2, cursor: first.continueCursor },
	});
	expect([...first.page, ...second.page].map((one) => one.sessionId)).toEqual(["one", "three", "two"]);
});

scenario("what is not there reads as nothing", async (app) => {
	const client = await app.signIn();
	expect(await client.query(api.sessions.get, { sessionId: "s" })).toBeNull();
	expect(await client.query(api.sessions.header, { sessionId: "s" })).toBeNull();
	expect(await client.query(api.sessions.lineage, { sessionId: "s" })).toEqual({
		ancestors: [],
		children: [],
	});
	expect(await client.query(api.entries.get, { sessionId: "s", entryId: "a" })).toBeNull();
	expect(await client.query(api.streams.current, { sessionId: "s" })).toBeNull();
});

scenario("live says where the session stands, and no more", async (app) => {
	const client = await app.signIn();
	expect(await client.query(api.sessions.live, { sessionId: "s" })).toBeNull();
	await tell(client, session("s"));
	await client.mutation(api.entries.append, { sessionId: "s", entries: talk(["a", "b"]), leafId: "a" });
	await client.mutation(api.sessions.update, { sessionId: "s", status: "running" });
	const live = { leafId: "a", lastSeq: 2, status: "running" as const };
	expect(await client.query(api.sessions.live, { sessionId: "s" })).toEqual(live);
	const stranger = await app.signIn({ user: "stranger" });
	expect(await stranger.query(api.sessions.live, { sessionId: "s" })).toBeNull();
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	expect(await client.query(api.sessions.live, { sessionId: "s" })).toBeNull();
});

scenario("what can be attached to: newest activity first, who drives it, how many are at it", async (app) => {
	const client = await app.signIn();
	for (const id of ["one", "two", "removed", "three"]) {
		await tell(client, session(id), talk(["a"]));
		await app.advance(1000);
	}
	await client.mutation(api.sessions.remove, { sessionId: "removed" });
	await client.mutation(api.turnLock.acquire, { sessionId: "one", terminalId: "t1", label: "laptop" });
	for (const [clientId, kind] of [
		["t1", "terminal"],
		["t2", "terminal"],
		["page", "dashboard"],
	] as const) {
		await client.mutation(api.presence.beat, {
			clientId,
			kind,
			sessionId: "one",
			watching: true,
			label: clientId,
		});
	}
	const list = await client.query(api.sessions.attachable, { limit: 1000 });
	expect(list.map(({ session: { sessionId }, terminals }) => `${sessionId} ${terminals}`)).toEqual([
		"three 0",
		"two 0",
		"one 2",
	]);
	expect(list[2]).toMatchObject({
		session: { title: "text of a", machine: "laptop", projectName: "proj", status: "idle" },
		holder: { terminalId: "t1", label: "laptop" },
	});
	expect(list[0]?.holder).toBeNull();
	expect(await client.query(api.sessions.attachable, { limit: 2 })).toHaveLength(2);
	for (const limit of [0, -1, 1.5]) {
		expect(await client.refused(api.sessions.attachable, { limit })).toBe("invalid");
	}
	const stranger = await app.signIn({ user: "stranger" });
	expect(await stranger.query(api.sessions.attachable, { limit: 5 })).toEqual([]);
	const writer = await app.signIn({ scopes: ["write"] });
	expect(await writer.refused(api.sessions.attachable, { limit: 5 })).toBe("scope_missing");
	await app.settle();
});

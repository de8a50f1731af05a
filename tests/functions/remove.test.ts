import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import type { EntryPush } from "../../src/protocol/entry.ts";
import { type App, type Client, scenario } from "./app.ts";
import { answer, idsOf, readAll, session, talk, tell, user } from "./stories.ts";

const forkOf = (parentSessionId: string, forkEntryId: string) => ({
	lineage: { parentSessionId, forkEntryId },
});
const view = async (client: Client, sessionId: string) => await client.query(api.sessions.get, { sessionId });

async function expectRows(app: App, counts: Record<string, number>): Promise<void> {
	for (const [table, count] of Object.entries(counts)) {
		expect({ table, rows: await app.runner.rows(table) }).toEqual({ table, rows: count });
	}
}

scenario("a removed session is gone at once, and its rows soon after", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), talk(["a", "b", "c"]));
	await client.mutation(api.streams.start, {
		sessionId: "s",
		streamId: "stream-1",
		terminalId: "t",
		startedAt: 1,
	});
	await client.mutation(api.streams.push, { streamId: "stream-1", start: 0, ops: [["e"]] });
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	expect(await view(client, "s")).toBeNull();
	expect(await idsOf(client, "s")).toBe("");
	const { page } = await client.query(api.sessions.list, { paginationOpts: { numItems: 5, cursor: null } });
	expect(page).toEqual([]);
	expect(await client.refused(api.entries.append, { sessionId: "s", entries: [] })).toBe("session_unknown");
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	await app.settle();
	await expectRows(app, { sessions: 0, entries: 0, bodies: 0, streams: 0, streamDeltas: 0, removals: 0 });
});

scenario(
	"a session may be made anew under the id of a removed one, even before that is all gone",
	async (app) => {
		const client = await app.signIn();
		await tell(client, session("s"), talk(["a", "b"]));
		await client.mutation(api.sessions.remove, { sessionId: "s" });
		await tell(client, session("s"), talk(["c"]));
		await app.settle();
		expect(await idsOf(client, "s")).toBe("c");
		await expectRows(app, { sessions: 1, entries: 1, bodies: 1 });
	},
);

scenario("files of a removed session are removed with it", async (app) => {
	const client = await app.signIn();
	const storageId = await app.store("the text");
	const body = { kind: "stored" as const, storageId, bytes: 8, columns: {} };
	await tell(client, session("s"), [{ entryId: "a", parentId: null, type: "message", timestamp: 1, body }]);
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	await app.settle();
	await tell(client, session("t"));
	const again: EntryPush = { entryId: "a", parentId: null, type: "message", timestamp: 1, body };
	expect(await client.refused(api.entries.append, { sessionId: "t", entries: [again] })).toBe("invalid");
});

scenario(
	"a fork of a removed session reads whole at every moment, and the counts move to it (F3)",
	async (app) => {
		const client = await app.signIn();
		await tell(client, session("parent"), [
			...talk(["a", "b", "c", "d"]),
			user("x", "b", "x"),
			user("e", "d", "e"),
		]);
		await tell(client, session("fork", forkOf("parent", "d")), talk(["f", "g"], "d"));
		await client.mutation(api.sessions.remove, { sessionId: "parent" });
		expect(await idsOf(client, "fork")).toBe("a b c d f g");
		await app.settle();
		expect(await idsOf(client, "fork")).toBe("a b c d f g");
		const fork = await view(client, "fork");
		expect(fork).toMatchObject({
			lineage: null,
			entryCount: 6,
			messageCount: 6,
			lastSeq: 2,
			tokens: { input: 30 },
			cost: 0.03,
		});
		expect((await readAll(client, "fork")).map(({ sessionId, seq }) => `${sessionId} ${seq}`)).toEqual([
			"fork 2",
			"fork 1",
			"fork 0",
			"fork -1",
			"fork -2",
			"fork -3",
		]);
		await expectRows(app, { sessions: 1, entries: 6, bodies: 6, removals: 0 });
	},
);

scenario(
	"a fork goes on after the hand-over: append, tail, missing, and no lineage told again",
	async (app) => {
		const client = await app.signIn();
		await tell(client, session("parent"), talk(["a", "b", "c"]));
		await tell(client, session("fork", forkOf("parent", "b")));
		await client.mutation(api.sessions.remove, { sessionId: "parent" });
		await app.settle();
		expect(await client.mutation(api.sessions.open, session("fork", forkOf("parent", "b")))).toEqual({
			lastSeq: 0,
			lastEntryId: "b",
			entryCount: 2,
			leafId: null,
		});
		expect((await view(client, "fork"))?.lineage).toBeNull();
		const appended = await client.mutation(api.entries.append, {
			sessionId: "fork",
			entries: talk(["a", "b", "f"]),
		});
		expect(appended).toEqual({ added: 1, lastSeq: 1, entryCount: 3 });
		expect(await client.query(api.entries.missing, { sessionId: "fork", entryIds: ["a", "c", "f"] })).toEqual(
			["c"],
		);
		expect(
			(await client.query(api.entries.tail, { sessionId: "fork", afterSeq: 0, limit: 9 })).map(
				(one) => one.entryId,
			),
		).toEqual(["f"]);
		expect(await idsOf(client, "fork")).toBe("a b f");
		await tell(client, session("fork of it", forkOf("fork", "b")), talk(["h"], "b"));
		expect(await idsOf(client, "fork of it")).toBe("a b h");
	},
);

scenario("several forks share what is handed over: each entry goes to one of them", async (app) => {
	const client = await app.signIn();
	await tell(client, session("parent"), [
		...talk(["a", "b", "c", "d"]),
		user("x", "b", "x"),
		answer("y", "x", "y"),
		user("z", "y", "z"),
	]);
	const ways = { short: "a b", long: "a b c d", branch: "a b x y", deeper: "a b x y z", same: "a b c d" };
	for (const [id, way] of Object.entries(ways)) {
		await tell(
			client,
			session(id, forkOf("parent", way.split(" ").at(-1) as string)),
			talk([`own of ${id}`], way.split(" ").at(-1)),
		);
	}
	await client.mutation(api.sessions.remove, { sessionId: "parent" });
	await app.settle();
	for (const [id, way] of Object.entries(ways)) expect(await idsOf(client, id)).toBe(`${way} own of ${id}`);
	const views = await Promise.all(Object.keys(ways).map((id) => view(client, id)));
	expect(views.reduce((sum, one) => sum + (one?.entryCount ?? 0), 0)).toBe(7 + 5);
	expect(views.reduce((sum, one) => sum + (one?.tokens.input ?? 0), 0)).toBe(30);
	await expectRows(app, { sessions: 5, entries: 12, bodies: 12 });
	for (const id of Object.keys(ways)) await client.mutation(api.sessions.remove, { sessionId: id });
	await app.settle();
	await expectRows(app, { sessions: 0, entries: 0, bodies: 0 });
});

scenario("the middle of three generations is removed, then the first", async (app) => {
	const client = await app.signIn();
	await tell(client, session("first"), talk(["a", "b", "c"]));
	await tell(client, session("second", forkOf("first", "b")), talk(["d", "e"], "b"));
	await tell(client, session("third", forkOf("second", "d")), talk(["f"], "d"));
	await tell(client, session("aside", forkOf("second", "a")), talk(["g"], "a"));
	await client.mutation(api.sessions.remove, { sessionId: "second" });
	await app.settle();
	expect(await idsOf(client, "third")).toBe("a b d f");
	expect(await idsOf(client, "aside")).toBe("a g");
	expect((await view(client, "third"))?.lineage).toEqual({ parentSessionId: "first", forkEntryId: "b" });
	expect((await view(client, "aside"))?.lineage).toEqual({ parentSessionId: "first", forkEntryId: "a" });
	await client.mutation(api.sessions.remove, { sessionId: "first" });
	await app.settle();
	expect(await idsOf(client, "third")).toBe("a b d f");
	expect(await idsOf(client, "aside")).toBe("a g");
	await expectRows(app, { sessions: 2, entries: 5, bodies: 5 });
});

scenario("parent and fork are removed at once, and the fork's fork still reads whole", async (app) => {
	const client = await app.signIn();
	await tell(client, session("parent"), talk(["a", "b", "c"]));
	await tell(client, session("fork", forkOf("parent", "b")), talk(["d"], "b"));
	await tell(client, session("grandchild", forkOf("fork", "d")), talk(["e"], "d"));
	await client.mutation(api.sessions.remove, { sessionId: "parent" });
	await client.mutation(api.sessions.remove, { sessionId: "fork" });
	expect(await idsOf(client, "grandchild")).toBe("a b d e");
	await app.settle();
	expect(await idsOf(client, "grandchild")).toBe("a b d e");
	expect((await view(client, "grandchild"))?.entryCount).toBe(4);
	await expectRows(app, { sessions: 1, entries: 4, bodies: 4 });
});

scenario("a reader half-way through a fork goes on where it was after the hand-over", async (app) => {
	const client = await app.signIn();
	await tell(client, session("parent"), talk(["a", "b", "c", "d"]));
	await tell(client, session("fork", forkOf("parent", "d")), talk(["e"], "d"));
	const first = await client.query(api.entries.page, { sessionId: "fork", cursor: null, limit: 3 });
	await client.mutation(api.sessions.remove, { sessionId: "parent" });
	await app.settle();
	const rest = await client.query(api.entries.page, { sessionId: "fork", cursor: first.cursor, limit: 9 });
	expect([...first.entries, ...rest.entries].map((one) => one.entryId)).toEqual(["e", "d", "c", "b", "a"]);
});

scenario("a long way is handed over in steps, and the fork may go on meanwhile", async (app) => {
	const client = await app.signIn();
	const ids = Array.from({ length: 900 }, (_, n) => `e${n}`);
	await tell(client, session("parent"));
	for (let from = 0; from < ids.length; from += 180) {
		const entries = talk(ids.slice(from, from + 180), ids[from - 1] ?? null);
		await client.mutation(api.entries.append, { sessionId: "parent", entries });
	}
	await tell(client, session("fork", forkOf("parent", "e850")));
	await client.mutation(api.sessions.remove, { sessionId: "parent" });
	await app.step();
	await client.mutation(api.entries.append, { sessionId: "fork", entries: talk(["own"], "e850") });
	await app.step();
	const before = (await readAll(client, "fork", 200)).map((one) => one.entryId);
	await app.settle();
	const after = (await readAll(client, "fork", 200)).map((one) => one.entryId);
	expect(before).toEqual(["own", ...ids.slice(0, 851).reverse()]);
	expect(after).toEqual(before);
	expect(await view(client, "fork")).toMatchObject({ entryCount: 852, lineage: null });
	await expectRows(app, { sessions: 1, entries: 852, bodies: 852 });
});

import { expect } from "bun:test";
import { api, internal } from "../../convex/_generated/api.js";
import type { EntryPush } from "../../src/protocol/entry.ts";
import type { Search, SearchHit, SearchPage } from "../../src/protocol/search.ts";
import { type App, type Client, scenario, storyStart } from "./app.ts";
import { agentMessage, push } from "./open-sync-stories.ts";
import { entry, session, talk, tell, user } from "./stories.ts";

/** Long enough that everything which was appended is indexed. */
const INDEXED_MS = 4000;

async function search(client: Client, query: string, wanted: Partial<Search> = {}): Promise<SearchPage> {
	return await client.query(api.search.passages, { query, limit: 20, cursor: null, ...wanted });
}

/** What was found, as `session/entry`, in an order of its own: not every runner ranks. */
async function found(client: Client, query: string, wanted: Partial<Search> = {}): Promise<string> {
	const { hits } = await search(client, query, wanted);
	return hits
		.map(({ sessionId, entryId }) => `${sessionId}/${entryId}`)
		.sort()
		.join(" ");
}

const marked = ({ snippet }: SearchHit) =>
	snippet.matches.map(({ start, end }) => snippet.text.slice(start, end));

const thinking = (id: string, parentId: string | null) =>
	entry(id, parentId, {
		type: "message",
		message: {
			role: "assistant",
			content: [
				{ type: "thinking", thinking: "perhaps a giraffe" },
				{ type: "text", text: "an okapi it is" },
				{ type: "toolCall", id: "c1", name: "zoo", arguments: { animal: "lemur" } },
			],
		},
	});

scenario("what is said is found soon after, with where and what it was", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), [user("a", null, "Where do giraffes sleep?"), thinking("b", "a")]);
	expect(await found(client, "giraffe")).toBe("");
	await app.advance(INDEXED_MS);
	expect(await found(client, "giraffe")).toBe("s/a s/b");
	const { hits, cursor } = await search(client, "okapi");
	expect(cursor).toBeNull();
	expect(hits).toMatchObject([
		{
			...{ sessionId: "s", entryId: "b", kind: "answer", timestamp: storyStart(), source: "pi" },
			...{ title: "Where do giraffes sleep?", projectName: "proj", projectPath: "/home/dev/proj" },
		},
	]);
	expect(hits.flatMap(marked)).toEqual(["okapi"]);
	expect((await search(client, "lemur")).hits[0]).toMatchObject({ kind: "tool", entryId: "b" });
	expect(await found(client, "")).toBe("");
	expect(await found(client, "?!")).toBe("");
});

scenario(
	"what comes while a job waits is taken with it, and what comes later by the next one",
	async (app) => {
		const client = await app.signIn();
		await tell(client, session("s"), talk(["a", "b"]));
		await tell(client, session("s"), talk(["c"], "b"));
		await app.advance(INDEXED_MS);
		expect(await found(client, "text")).toBe("s/a s/b s/c");
		expect(await app.runner.rows("searchCursors")).toBe(1);
		await tell(client, session("s"), talk(["d"], "c"));
		await app.advance(INDEXED_MS);
		expect(await found(client, "text")).toBe("s/a s/b s/c s/d");
		expect(await app.runner.rows("passages")).toBe(4);
	},
);

scenario("a letter with its accent is found however it is written", async (app) => {
	const client = await app.signIn();
	const decomposed = "Fru\u0308hstu\u0308ck.txt";
	await tell(client, session("s"), [user("a", null, decomposed), user("b", "a", "Abendessen, fr\u00fch")]);
	await app.advance(INDEXED_MS);
	expect(await found(client, "fr\u00fchst\u00fcck")).toBe("s/a");
	expect(await found(client, "fru\u0308h")).toContain("s/b");
});

scenario("many entries are indexed in several steps", async (app) => {
	const client = await app.signIn();
	const ids = Array.from({ length: 180 }, (_, index) => `e${index}`);
	await tell(client, session("s"), talk(ids));
	await tell(client, session("s"), [user("z", "e179", `${"filler ".repeat(30_000)} needle`)]);
	await app.advance(INDEXED_MS);
	await app.settle();
	expect(await found(client, "needle")).toBe("s/z");
	expect((await search(client, "e170")).hits).toHaveLength(1);
	const rows = await app.runner.rows("passages");
	expect(rows).toBe(180 + Math.ceil(210_007 / 8000));
});

scenario("nobody finds what is another user's, and a key without the scope finds nothing", async (app) => {
	const client = await app.signIn();
	const other = await app.signIn({ user: "other" });
	await tell(client, session("s"), [user("a", null, "my secret okapi")]);
	await tell(other, session("s"), [user("a", null, "their secret lemur")]);
	await app.advance(INDEXED_MS);
	expect(await found(client, "secret")).toBe("s/a");
	expect(await found(other, "okapi")).toBe("");
	expect(await found(other, "okapi", { sessionId: "s" })).toBe("");
	const writer = await app.signIn({ scopes: ["write"] });
	await expect(search(writer, "okapi")).rejects.toThrow("scope");
	await expect(search(app.as(null), "okapi")).rejects.toThrow("signed in");
});

scenario("hits are narrowed by source, kind, session, project and time", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s", { projectPath: "/home/dev/Zoo", projectName: "Zoo" }), [
		thinking("b", null),
	]);
	await tell(client, session("t"), [user("a", null, "giraffe in another project")]);
	await push(client, { externalId: "x", source: "codex-cli" }, [agentMessage("m", "user", "codex giraffe")]);
	await app.advance(INDEXED_MS);
	expect(await found(client, "giraffe")).toBe("s/b t/a x/m");
	expect(await found(client, "giraffe", { source: "codex-cli" })).toBe("x/m");
	expect(await found(client, "giraffe", { kind: "thinking" })).toBe("s/b");
	expect(await found(client, "giraffe", { sessionId: "t" })).toBe("t/a");
	expect(await found(client, "giraffe", { sessionId: "nowhere" })).toBe("");
	expect(await found(client, "giraffe", { project: "zoo" })).toBe("s/b");
	expect(await found(client, "giraffe", { project: "dev/proj" })).toBe("t/a");
	const now = storyStart();
	expect(await found(client, "giraffe", { after: now, before: now + 1, source: "pi" })).toBe("s/b t/a");
	expect(await found(client, "giraffe", { before: now, source: "pi" })).toBe("");
	expect(await found(client, "giraffe", { after: now + 1, source: "pi" })).toBe("");
});

scenario("pages go on without a hit twice, and an entry is one hit however much of it fits", async (app) => {
	const client = await app.signIn();
	const ids = Array.from({ length: 7 }, (_, index) => `e${index}`);
	await tell(client, session("s"), talk(ids));
	await tell(client, session("s"), [user("long", "e6", "text of something ".repeat(1500))]);
	await app.advance(INDEXED_MS);
	const seen: string[] = [];
	let cursor: string | null = null;
	const sizes: number[] = [];
	do {
		const page: SearchPage = await search(client, "text", { limit: 3, cursor });
		app.forget();
		seen.push(...page.hits.map(({ entryId }) => entryId));
		sizes.push(page.hits.length);
		cursor = page.cursor;
	} while (cursor !== null);
	expect(sizes).toEqual([3, 3, 2]);
	expect(seen.sort()).toEqual([...ids, "long"]);
	await expect(search(client, "text", { limit: 0 })).rejects.toThrow("cannot be");
	await expect(search(client, "text", { cursor: "x" })).rejects.toThrow("cursor");
});

scenario("an entry whose text is a file is found too", async (app) => {
	const client = await app.signIn();
	const line = JSON.stringify({
		type: "message",
		id: "a",
		message: { role: "user", content: "stored okapi" },
	});
	const storageId = await app.store(line);
	const body = { kind: "stored" as const, storageId, bytes: line.length, columns: { role: "user" } };
	await tell(client, session("s"), [{ entryId: "a", parentId: null, type: "message", timestamp: 5, body }]);
	await app.advance(INDEXED_MS);
	await app.settle();
	expect(await found(client, "okapi")).toBe("s/a");
});

scenario("a removed session is found no more at once, and its passages go", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), talk(["a", "b"]));
	await tell(client, session("t"), talk(["c"]));
	await app.advance(INDEXED_MS);
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	expect(await found(client, "text")).toBe("t/c");
	await app.settle();
	expect(await app.runner.rows("passages")).toBe(1);
	expect(await app.runner.rows("searchCursors")).toBe(1);
	await client.mutation(api.sessions.remove, { sessionId: "t" });
	await app.settle();
	expect(await app.runner.rows("passages")).toBe(0);
	expect(await app.runner.rows("searchCursors")).toBe(0);
});

const forkOf = (parentSessionId: string, forkEntryId: string) => ({
	lineage: { parentSessionId, forkEntryId },
});

async function forkAndRemove(app: App, client: Client, wait: boolean): Promise<void> {
	const line = JSON.stringify({
		type: "message",
		id: "c",
		message: { role: "user", content: "text in a file" },
	});
	const storageId = await app.store(line);
	const body = { kind: "stored" as const, storageId, bytes: line.length, columns: {} };
	const stored: EntryPush = { entryId: "c", parentId: "b", type: "message", timestamp: 5, body };
	await tell(client, session("parent"), [...talk(["a", "b"]), stored, user("x", "c", "text apart")]);
	await tell(client, session("fork", forkOf("parent", "c")), talk(["f"], "c"));
	if (wait) await app.advance(INDEXED_MS);
	await client.mutation(api.sessions.remove, { sessionId: "parent" });
	await app.settle();
	await app.advance(INDEXED_MS);
	await app.settle();
}

scenario("what a fork shares is found in it once its parent is removed", async (app) => {
	const client = await app.signIn();
	await forkAndRemove(app, client, true);
	expect(await found(client, "text")).toBe("fork/a fork/b fork/c fork/f");
	expect(await app.runner.rows("passages")).toBe(4);
	await client.mutation(api.sessions.remove, { sessionId: "fork" });
	await app.settle();
	expect(await app.runner.rows("passages")).toBe(0);
	expect(await app.runner.rows("searchCursors")).toBe(0);
});

scenario("so it is when nothing was indexed before the removal", async (app) => {
	const client = await app.signIn();
	await forkAndRemove(app, client, false);
	expect(await found(client, "text")).toBe("fork/a fork/b fork/c fork/f");
	expect(await app.runner.rows("passages")).toBe(4);
});

scenario(
	"who searches a fork finds what it shares with its ancestors, and nothing beside that",
	async (app) => {
		const client = await app.signIn();
		await tell(client, session("root"), [...talk(["a", "b", "c"]), user("x", "a", "text of x")]);
		await tell(client, session("fork", forkOf("root", "b")), talk(["d", "e"], "b"));
		await tell(client, session("leaf", forkOf("fork", "d")), talk(["f"], "d"));
		await app.advance(INDEXED_MS);
		expect(await found(client, "text")).toBe("fork/d fork/e leaf/f root/a root/b root/c root/x");
		expect(await found(client, "text", { sessionId: "leaf" })).toBe("leaf/a leaf/b leaf/d leaf/f");
		expect(await found(client, "text", { sessionId: "fork" })).toBe("fork/a fork/b fork/d fork/e");
		expect(
			(await search(client, "text", { sessionId: "leaf", limit: 2 })).hits.map((hit) => hit.entryId)[0],
		).toBe("f");
		app.forget();
	},
);

scenario("a sweep indexes what no job has, session after session", async (app) => {
	const client = await app.signIn();
	for (const id of ["s", "t", "u"]) await tell(client, session(id), talk([`${id}1`, `${id}2`]));
	await tell(client, session("empty"));
	// The jobs are not due yet, as if there were none.
	await app.runMutation(internal.passages.sweep, {});
	for (let step = 0; step < 8; step++) await app.step();
	expect(await found(client, "text")).toBe("s/s1 s/s2 t/t1 t/t2 u/u1 u/u2");
	await app.advance(INDEXED_MS);
	expect(await app.runner.rows("passages")).toBe(6);
});

scenario(
	"a session of another agent is found by its name, and by what replaced its messages",
	async (app) => {
		const client = await app.signIn();
		const named = { externalId: "x", source: "claude-code", title: "Okapi enclosure" };
		await push(client, named, [agentMessage("m", "user", "plan the fence")]);
		await app.advance(INDEXED_MS);
		expect((await search(client, "enclosure")).hits).toMatchObject([
			{ sessionId: "x", entryId: "", kind: "title" },
		]);
		await push(client, { ...named, title: "Lemur enclosure" }, [agentMessage("m", "user", "plan the moat")]);
		expect(await found(client, "okapi")).toBe("");
		expect(await found(client, "lemur")).toBe("x/");
		expect(await found(client, "fence")).toBe("");
		expect(await found(client, "moat")).toBe("x/m");
		expect(await app.runner.rows("passages")).toBe(2);
	},
);

scenario("passages follow when a session's source becomes known", async (app) => {
	const client = await app.signIn();
	await push(client, { externalId: "x" }, [agentMessage("m", "user", "which agent is this")]);
	await app.advance(INDEXED_MS);
	expect(await found(client, "agent", { source: "opencode" })).toBe("x/m");
	await push(client, { externalId: "x", source: "codex-cli" });
	await app.advance(INDEXED_MS);
	expect(await found(client, "agent", { source: "codex-cli" })).toBe("x/m");
	expect(await found(client, "agent", { source: "opencode" })).toBe("");
});

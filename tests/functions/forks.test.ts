import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import { type Client, scenario } from "./app.ts";
import { answer, entry, idsOf, pushOf, readAll, recorded, session, talk, tell, user } from "./stories.ts";

const forkOf = (parentSessionId: string, forkEntryId: string | null) => ({
	lineage: { parentSessionId, forkEntryId },
});
const view = async (client: Client, sessionId: string) => await client.query(api.sessions.get, { sessionId });

/**
 *  parent:  a - b - c - d - e
 *                \- x - y        (a branch within it)
 */
async function tellParent(client: Client): Promise<void> {
	await tell(client, session("parent"), [
		...talk(["a", "b", "c", "d"]),
		user("x", "b", "x"),
		answer("y", "x", "y"),
		user("e", "d", "e"),
	]);
}

scenario(
	"a fork reads whole: its own entries, then the way it shares, without the parent's other branches (F1)",
	async (app) => {
		const client = await app.signIn();
		await tellParent(client);
		await tell(client, session("fork", forkOf("parent", "d")), talk(["f", "g"], "d"));
		expect(await idsOf(client, "fork")).toBe("a b c d f g");
		await tell(client, session("fork of a branch", forkOf("parent", "y")), talk(["h"], "y"));
		expect(await idsOf(client, "fork of a branch")).toBe("a b x y h");
		expect((await readAll(client, "fork")).map((one) => one.sessionId)).toEqual([
			"fork",
			"fork",
			"parent",
			"parent",
			"parent",
			"parent",
		]);
	},
);

scenario("pages of every size read the same fork", async (app) => {
	const client = await app.signIn();
	await tellParent(client);
	await tell(client, session("fork", forkOf("parent", "y")), talk(["f", "g"], "y"));
	for (const limit of [1, 2, 3, 4, 5, 6, 7]) {
		const ids = (await readAll(client, "fork", limit)).map((one) => one.entryId);
		expect(ids).toEqual(["g", "f", "y", "x", "b", "a"]);
	}
});

scenario("what the parent says later does not show in the fork", async (app) => {
	const client = await app.signIn();
	await tellParent(client);
	await tell(client, session("fork", forkOf("parent", "e")));
	await client.mutation(api.entries.append, { sessionId: "parent", entries: talk(["later"], "e") });
	expect(await idsOf(client, "fork")).toBe("a b c d e");
});

scenario(
	"a fork of a fork reads through both, also where it forks in the part that they share",
	async (app) => {
		const client = await app.signIn();
		await tellParent(client);
		await tell(client, session("fork", forkOf("parent", "d")), talk(["f", "g"], "d"));
		await tell(client, session("deep", forkOf("fork", "f")), talk(["h"], "f"));
		await tell(client, session("shallow", forkOf("fork", "b")), talk(["i"], "b"));
		await tell(client, session("deepest", forkOf("deep", "h")), talk(["j"], "h"));
		expect(await idsOf(client, "deep")).toBe("a b c d f h");
		expect(await idsOf(client, "shallow")).toBe("a b i");
		expect(await idsOf(client, "deepest")).toBe("a b c d f h j");
		const { ancestors } = await client.query(api.sessions.lineage, { sessionId: "deepest" });
		expect(ancestors.map((one) => one.sessionId)).toEqual(["deep", "fork", "parent"]);
		const { children } = await client.query(api.sessions.lineage, { sessionId: "fork" });
		expect(children.map((one) => one.sessionId)).toEqual(["deep", "shallow"]);
	},
);

scenario("tokens and cost of what a fork shares or copied count once (F2)", async (app) => {
	const client = await app.signIn();
	await tellParent(client);
	const copy = answer("d2", "b", "a re-parented copy", 500, { copied: true });
	await tell(client, session("fork", forkOf("parent", "b")), [copy, answer("new", "d2", "new", 7)]);
	expect(await view(client, "fork")).toMatchObject({
		tokens: { input: 7 },
		cost: 0.007,
		entryCount: 1,
		messageCount: 1,
		lastSeq: 2,
	});
	expect(await view(client, "parent")).toMatchObject({ tokens: { input: 30 }, cost: 0.03, entryCount: 7 });
});

scenario(
	"what a fork sends although it shares it is not stored again, and a re-parented one is not counted",
	async (app) => {
		const client = await app.signIn();
		await tellParent(client);
		await tell(client, session("fork", forkOf("parent", "d")));
		const resent = await client.mutation(api.entries.append, {
			sessionId: "fork",
			entries: [...talk(["a", "b", "c", "d"]), user("f", "d", "f")],
		});
		expect(resent).toEqual({ added: 1, lastSeq: 1, entryCount: 1 });
		const moved = await client.mutation(api.entries.append, {
			sessionId: "fork",
			entries: [answer("b", "f", "text of b", 40)],
		});
		expect(moved).toEqual({ added: 1, lastSeq: 2, entryCount: 1 });
		expect((await view(client, "fork"))?.tokens.input).toBe(0);
	},
);

scenario("a fork with a label: the label has a new id, and what followed it a new parent", async (app) => {
	const client = await app.signIn();
	const label = entry("l", "b", { type: "label", targetId: "a", label: "here" });
	await tell(client, session("parent"), [...talk(["a", "b"]), label, ...talk(["c", "d"], "l")]);
	const copies = [
		user("c", "b", "text of c", { copied: true }),
		answer("d", "c", "text of d", 10, { copied: true }),
	];
	const newLabel = entry("l2", "d", { type: "label", targetId: "a", label: "here" });
	await tell(client, session("fork", forkOf("parent", "b")), [...copies, newLabel, user("e", "l2", "on")]);
	expect(await idsOf(client, "fork")).toBe("a b c d l2 e");
	expect((await readAll(client, "fork")).find((one) => one.entryId === "c")?.parentId).toBe("b");
	expect((await view(client, "fork"))?.tokens.input).toBe(0);
	expect(await idsOf(client, "parent")).toBe("a b l c d");
});

scenario("a recorded session forks at any of its entries and reads as the way to it", async (app) => {
	const client = await app.signIn();
	const pushes = recorded("session-1.5.2-all-entry-types.jsonl").lines.map((line) => pushOf(line));
	const parents = new Map(pushes.map((one) => [one.entryId, one.parentId]));
	await tell(client, session("parent"), pushes);
	for (const { entryId } of pushes) {
		const way: string[] = [];
		for (let id: string | null = entryId; id; id = parents.get(id) ?? null) way.push(id);
		await tell(client, session(`at ${entryId}`, forkOf("parent", entryId)));
		expect((await readAll(client, `at ${entryId}`, 8)).map((one) => one.entryId)).toEqual(way);
	}
});

scenario("an entry of the shared part is found in the fork, and is not missing from it", async (app) => {
	const client = await app.signIn();
	await tellParent(client);
	await tell(client, session("fork", forkOf("parent", "d")), talk(["f"], "d"));
	const get = (entryId: string) => client.query(api.entries.get, { sessionId: "fork", entryId });
	expect((await get("c"))?.sessionId).toBe("parent");
	expect((await get("f"))?.sessionId).toBe("fork");
	expect(await get("x")).toBeNull();
	expect(await get("e")).toBeNull();
	const entryIds = ["a", "d", "e", "x", "f", "nowhere"];
	expect(await client.query(api.entries.missing, { sessionId: "fork", entryIds })).toEqual([
		"e",
		"x",
		"nowhere",
	]);
	const many = [...entryIds, ...Array.from({ length: 500 }, (_, n) => `u${n}`)];
	expect(
		(await client.query(api.entries.missing, { sessionId: "fork", entryIds: many })).slice(0, 3),
	).toEqual(["e", "x", "nowhere"]);
});

scenario("an entry may hang on the shared part anywhere, but not on what is not shared (E2)", async (app) => {
	const client = await app.signIn();
	await tellParent(client);
	await tell(client, session("fork", forkOf("parent", "d")), [user("f", "b", "further up")]);
	const beyond = { sessionId: "fork", entries: [user("g", "e", "on what came after the fork")] };
	expect(await client.refused(api.entries.append, beyond)).toBe("parent_missing");
});

scenario("a fork that nothing could be matched of shares nothing", async (app) => {
	const client = await app.signIn();
	await tellParent(client);
	await tell(client, session("fork", forkOf("parent", null)), talk(["f"]));
	expect(await idsOf(client, "fork")).toBe("f");
	await client.mutation(api.sessions.open, session("fork", forkOf("parent", "d")));
	expect(await idsOf(client, "fork")).toBe("a b c d f");
	await client.mutation(api.sessions.open, session("fork", forkOf("another", "x")));
	expect((await view(client, "fork"))?.lineage).toEqual({ parentSessionId: "parent", forkEntryId: "d" });
});

scenario("a fork opened before its parent reads whole once the parent is there", async (app) => {
	const client = await app.signIn();
	await tell(client, session("fork", forkOf("parent", "d")), [user("f", "d", "f", { orphan: true })]);
	expect(await idsOf(client, "fork")).toBe("f");
	await tellParent(client);
	expect(await idsOf(client, "fork")).toBe("a b c d f");
});

scenario("a session that holds the shared part itself does not read it twice", async (app) => {
	const client = await app.signIn();
	await tellParent(client);
	await tell(client, session("fork"), talk(["a", "b", "c", "d", "f"]));
	await client.mutation(api.sessions.open, session("fork", forkOf("parent", "d")));
	expect(await idsOf(client, "fork")).toBe("a b c d f");
});

scenario("lineages that go round in a circle end", async (app) => {
	const client = await app.signIn();
	await tell(client, session("one", forkOf("two", "z")));
	await tell(client, session("two", forkOf("one", "z")));
	await client.mutation(api.sessions.open, session("self", forkOf("self", "z")));
	expect(await idsOf(client, "one")).toBe("");
	expect((await client.query(api.sessions.lineage, { sessionId: "one" })).ancestors).toHaveLength(1);
	expect((await view(client, "self"))?.lineage).toBeNull();
});

scenario("a fork is called as what it shares says, until it says otherwise", async (app) => {
	const client = await app.signIn();
	await tell(client, session("parent"), [
		entry("m", null, { type: "model_change", provider: "lab", modelId: "large" }),
		...talk(["a", "b"], "m"),
		entry("n", "b", { type: "session_info", name: "The name" }),
		entry("z", "n", { type: "session_info", name: "A later name" }),
	]);
	await tell(client, session("fork", forkOf("parent", "n")));
	expect(await view(client, "fork")).toMatchObject({ title: "The name", model: "model-1", provider: "lab" });
	await tell(client, session("early", forkOf("parent", "a")), talk(["f"], "a"));
	expect(await view(client, "early")).toMatchObject({ title: "text of a", model: "large" });
});

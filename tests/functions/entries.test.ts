import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import { INLINE_ENTRY_BYTES } from "../../src/protocol/limits.ts";
import { type App, type Client, scenario, storyStart } from "./app.ts";
import { agentMessage, push } from "./open-sync-stories.ts";
import { answer, entry, idsOf, pushOf, readAll, recorded, session, talk, tell, user } from "./stories.ts";

const stored = async (client: Client, sessionId: string) =>
	(await client.query(api.entries.tail, { sessionId, afterSeq: -1000, limit: 200 })).map(
		({ entryId, seq }) => `${entryId}:${seq}`,
	);

scenario("an entry is there once, however often it is sent (E1)", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	const entries = talk(["a", "b", "c"]);
	const first = await client.mutation(api.entries.append, { sessionId: "s", entries });
	const again = await client.mutation(api.entries.append, { sessionId: "s", entries });
	const twiceInOne = await client.mutation(api.entries.append, {
		sessionId: "s",
		entries: [user("d", "c", "hi"), user("d", "c", "hi")],
	});
	expect(first).toEqual({ added: 3, lastSeq: 3, entryCount: 3 });
	expect(again).toEqual({ added: 0, lastSeq: 3, entryCount: 3 });
	expect(twiceInOne).toEqual({ added: 1, lastSeq: 4, entryCount: 4 });
	expect((await client.query(api.sessions.get, { sessionId: "s" }))?.tokens.input).toBe(10);
});

scenario("seq is gapless and follows arrival, over batches and branches (E3)", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), talk(["a", "b", "c"]));
	await client.mutation(api.entries.append, {
		sessionId: "s",
		entries: [user("x", "a", "a branch"), ...talk(["b", "d"], "c")],
	});
	await client.mutation(api.entries.append, {
		sessionId: "s",
		entries: [user("y", "x", "on it"), user("r", null, "a root")],
	});
	expect(await stored(client, "s")).toEqual(["a:1", "b:2", "c:3", "x:4", "d:5", "y:6", "r:7"]);
	expect(await client.mutation(api.sessions.open, session("s"))).toEqual({
		lastSeq: 7,
		lastEntryId: "r",
		entryCount: 7,
		leafId: null,
	});
});

scenario(
	"an entry whose parent is nowhere is refused, and nothing of its batch is kept (E2)",
	async (app) => {
		const client = await app.signIn();
		await tell(client, session("s"), talk(["a"]));
		const append = {
			sessionId: "s",
			entries: [user("b", "a", "fine"), user("d", "c", "its parent is missing")],
		};
		expect(await client.refused(api.entries.append, append)).toBe("parent_missing");
		expect(await stored(client, "s")).toEqual(["a:1"]);
		const childFirst = { sessionId: "s", entries: [user("c", "b", "child"), user("b", "a", "parent")] };
		expect(await client.refused(api.entries.append, childFirst)).toBe("parent_missing");
	},
);

scenario("an orphan is taken without its parent, and others may follow it", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), [user("b", "lost", "my parent's line is unreadable", { orphan: true })]);
	await client.mutation(api.entries.append, { sessionId: "s", entries: [user("c", "b", "next")] });
	expect(await idsOf(client, "s")).toBe("b c");
});

scenario(
	"another content under a stored id is not taken, and is named; the rest of the batch is (E4)",
	async (app) => {
		const client = await app.signIn();
		await tell(client, session("s"), [user("a", null, "first")]);
		const outcome = await client.mutation(api.entries.append, {
			sessionId: "s",
			entries: [user("a", null, "changed"), user("b", "a", "new"), user("b", "a", "new, but different")],
		});
		expect(outcome).toEqual({ added: 1, lastSeq: 2, entryCount: 2, conflicts: ["a", "b"] });
		const kept = await client.query(api.entries.get, { sessionId: "s", entryId: "a" });
		expect(kept?.columns.preview).toBe("first");
	},
);

scenario("appending to a session that was not opened is refused", async (app) => {
	const client = await app.signIn();
	expect(await client.refused(api.entries.append, { sessionId: "s", entries: [] })).toBe("session_unknown");
});

scenario("a recorded session comes back line for line, whatever its entries are (X1)", async (app) => {
	const client = await app.signIn();
	for (const name of ["session-1.5.2-all-entry-types.jsonl", "session-0.87.1-compaction-branch.jsonl"]) {
		const { header, lines } = recorded(name);
		const unknown =
			'{"type":"from_the_future","id":"ffff0001","parentId":null,"timestamp":"2030-01-01T00:00:00.000Z","x":[1,{"y":null}]}';
		await tell(
			client,
			session(name, { header }),
			[...lines, unknown].map((line) => pushOf(line)),
		);
		const back = (await readAll(client, name, 7)).map((one) => one.json).reverse();
		expect(back).toEqual([...lines, unknown]);
		expect(await client.query(api.sessions.header, { sessionId: name })).toBe(header);
	}
});

scenario(
	"totals are the sums of what was used, in answers, compactions and branch summaries",
	async (app) => {
		const client = await app.signIn();
		const { lines } = recorded("session-1.5.2-compaction-branch.jsonl");
		await tell(
			client,
			session("s"),
			lines.map((line) => pushOf(line)),
		);
		const used = lines
			.map(
				(line) => JSON.parse(line) as { usage?: { input: number }; message?: { usage?: { input: number } } },
			)
			.map((one) => (one.usage ?? one.message?.usage)?.input ?? 0);
		const view = await client.query(api.sessions.get, { sessionId: "s" });
		expect(used.filter((input) => input > 0).length).toBeGreaterThan(3);
		expect(view?.tokens.input).toBe(used.reduce((sum, input) => sum + input, 0));
		expect(view).toMatchObject({ entryCount: lines.length, messageCount: 7 });

		await client.mutation(api.sessions.open, session("t"));
		const call = { type: "toolCall", id: "c1", name: "bash", arguments: {} };
		const withTools = entry("b", "a", {
			type: "message",
			message: {
				role: "assistant",
				content: [call, call],
				usage: { input: 1, output: 2, cacheRead: 3, cacheWrite: 4, cost: { total: 0.5 } },
			},
		});
		await client.mutation(api.entries.append, {
			sessionId: "t",
			entries: [user("a", null, "hi"), withTools, answer("c", "b", "x", 100)],
		});
		expect(await client.query(api.sessions.get, { sessionId: "t" })).toMatchObject({
			tokens: { input: 101, output: 4, cacheRead: 6, cacheWrite: 8 },
			cost: 0.6,
			toolCallCount: 2,
			messageCount: 3,
		});
	},
);

scenario("a session is called by its name in Pi, else by its first prompt", async (app) => {
	const client = await app.signIn();
	const title = async () => (await client.query(api.sessions.get, { sessionId: "s" }))?.title;
	const append = (one: ReturnType<typeof user>) =>
		client.mutation(api.entries.append, { sessionId: "s", entries: [one] });
	await tell(client, session("s"));
	expect(await title()).toBeNull();
	await append(user("a", null, "\n  fix the build\nand the tests"));
	await append(user("b", "a", "something else"));
	expect(await title()).toBe("fix the build");
	await append(entry("c", "b", { type: "session_info", name: "The build" }));
	expect(await title()).toBe("The build");
	await append(entry("d", "c", { type: "session_info", name: "" }));
	expect(await title()).toBe("fix the build");
});

scenario("model, provider and thinking level are the last that were set", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), [
		entry("a", null, { type: "model_change", provider: "lab", modelId: "small" }),
		entry("b", "a", { type: "thinking_level_change", thinkingLevel: "high" }),
		entry("c", "b", { type: "model_change", provider: "other", modelId: "large" }),
	]);
	const view = () => client.query(api.sessions.get, { sessionId: "s" });
	expect(await view()).toMatchObject({ model: "large", provider: "other", thinkingLevel: "high" });
	await client.mutation(api.entries.append, { sessionId: "s", entries: [answer("d", "c", "hi")] });
	expect(await view()).toMatchObject({ model: "model-1", provider: "lab" });
});

scenario("a leaf is moved by the append that says so, and by nothing else", async (app) => {
	const client = await app.signIn();
	const leaf = async () => (await client.query(api.sessions.get, { sessionId: "s" }))?.leafId;
	await tell(client, session("s"), talk(["a", "b"]));
	expect(await leaf()).toBeNull();
	await client.mutation(api.entries.append, { sessionId: "s", entries: talk(["c"], "b"), leafId: "c" });
	expect(await leaf()).toBe("c");
	await client.mutation(api.entries.append, { sessionId: "s", entries: [], leafId: "a" });
	expect(await leaf()).toBe("a");
	await client.mutation(api.entries.append, { sessionId: "s", entries: [], leafId: null });
	expect(await leaf()).toBeNull();
});

scenario("new entries make a session look active, imported ones do not", async (app) => {
	const client = await app.signIn();
	const updatedAt = async () => (await client.query(api.sessions.get, { sessionId: "old" }))?.updatedAt;
	const long = storyStart() - 1_000_000;
	const old = (id: string, parentId: string | null) =>
		entry(id, parentId, { timestamp: new Date(long + 5000).toISOString() });
	await client.mutation(api.sessions.open, session("old", { startedAt: long }));
	await client.mutation(api.entries.append, { sessionId: "old", entries: [old("a", null)], imported: true });
	expect(await updatedAt()).toBe(long + 5000);
	await client.mutation(api.entries.append, { sessionId: "old", entries: [old("b", "a")] });
	expect(await updatedAt()).toBe(storyStart());
	await app.advance(1000);
	await client.mutation(api.entries.append, { sessionId: "old", entries: [old("b", "a")] });
	expect(await updatedAt()).toBe(storyStart());
});

scenario("pages go from the newest down and meet the end exactly", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), talk(["a", "b", "c", "d", "e", "f"]));
	const first = await client.query(api.entries.page, { sessionId: "s", cursor: null, limit: 4 });
	expect(first.entries.map((one) => one.entryId)).toEqual(["f", "e", "d", "c"]);
	await client.mutation(api.entries.append, { sessionId: "s", entries: talk(["g"], "f") });
	const second = await client.query(api.entries.page, { sessionId: "s", cursor: first.cursor, limit: 2 });
	expect(second.entries.map((one) => one.entryId)).toEqual(["b", "a"]);
	expect(second.cursor).toBeNull();
	expect(await client.refused(api.entries.page, { sessionId: "s", cursor: "nonsense", limit: 2 })).toBe(
		"invalid",
	);
	expect(await client.refused(api.entries.page, { sessionId: "s", cursor: null, limit: 0 })).toBe("invalid");
});

scenario("the tail gives what came after a seq, oldest first", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), talk(["a", "b", "c", "d"]));
	const tail = await client.query(api.entries.tail, { sessionId: "s", afterSeq: 1, limit: 2 });
	expect(tail.map((one) => one.entryId)).toEqual(["b", "c"]);
	expect(await client.query(api.entries.tail, { sessionId: "s", afterSeq: 4, limit: 2 })).toEqual([]);
	expect(await client.query(api.entries.tail, { sessionId: "unknown", afterSeq: 0, limit: 2 })).toEqual([]);
});

scenario("a batch or an entry above the limits is refused by name", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	const big = user("big", null, "ü".repeat(INLINE_ENTRY_BYTES / 2));
	expect(await client.refused(api.entries.append, { sessionId: "s", entries: [big] })).toBe("too_large");
	const many = Array.from({ length: 201 }, (_, n) => user(`e${n}`, null, "hi"));
	expect(await client.refused(api.entries.append, { sessionId: "s", entries: many })).toBe("too_large");
	const heavy = Array.from({ length: 21 }, (_, n) => user(`e${n}`, null, "x".repeat(200_000)));
	expect(await client.refused(api.entries.append, { sessionId: "s", entries: heavy })).toBe("too_large");
	expect(
		await client.refused(api.entries.append, { sessionId: "s", entries: [user("", null, "no id")] }),
	).toBe("invalid");
	const swapped = { ...user("a", null, "hi"), entryId: "b" };
	expect(await client.refused(api.entries.append, { sessionId: "s", entries: [swapped] })).toBe("invalid");
});

scenario("a page ends early rather than carry too much text", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	const text = "x".repeat(250_000);
	for (const ids of [
		["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
		["k", "l", "m", "n", "o", "p", "q", "r", "s", "t"],
	]) {
		const entries = ids.map((id) => user(id, null, text));
		await client.mutation(api.entries.append, { sessionId: "s", entries });
	}
	const page = await client.query(api.entries.page, { sessionId: "s", cursor: null, limit: 200 });
	expect(page.entries.length).toBeLessThan(20);
	expect(page.entries.length).toBeGreaterThan(10);
	expect(page.cursor).not.toBeNull();
	const rest = await client.query(api.entries.page, { sessionId: "s", cursor: page.cursor, limit: 200 });
	expect(page.entries.length + rest.entries.length).toBe(20);
});

scenario("two hundred entries go in with one batch, and few of five thousand are missing", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	const ids = Array.from({ length: 600 }, (_, n) => `e${n}`);
	for (let from = 0; from < ids.length; from += 200) {
		const entries = talk(ids.slice(from, from + 200), ids[from - 1] ?? null);
		const { added } = await client.mutation(api.entries.append, { sessionId: "s", entries });
		expect(added).toBe(200);
	}
	const unknown = Array.from({ length: 4000 }, (_, n) => `u${n}`);
	const asked = [...unknown, ...ids];
	const missing = await client.query(api.entries.missing, { sessionId: "s", entryIds: asked });
	expect(missing.toSorted()).toEqual(unknown.toSorted());
	expect(await client.query(api.entries.missing, { sessionId: "s", entryIds: ["u1", "e1"] })).toEqual(["u1"]);
	expect(await client.query(api.entries.missing, { sessionId: "never opened", entryIds: ["e1"] })).toEqual([
		"e1",
	]);
	const tooMany = Array.from({ length: 5001 }, (_, n) => `u${n}`);
	expect(await client.refused(api.entries.missing, { sessionId: "s", entryIds: tooMany })).toBe("too_large");
});

const storedPush = (app: App, id: string, text: string) =>
	app.store(text).then((storageId) => ({
		entryId: id,
		parentId: null,
		type: "message",
		timestamp: storyStart(),
		body: {
			kind: "stored" as const,
			storageId,
			bytes: text.length,
			columns: { role: "user", preview: "a picture" },
		},
	}));

scenario("a large entry stands in a file, with the columns that its sender gave", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	await client.mutation(api.entries.append, {
		sessionId: "s",
		entries: [await storedPush(app, "a", "the text")],
	});
	const [view] = await readAll(client, "s");
	expect(view).toMatchObject({
		entryId: "a",
		json: null,
		bytes: 8,
		columns: { role: "user", preview: "a picture" },
	});
	expect(view?.url).toMatch(/^http/);
	expect(await client.mutation(api.entries.uploadUrl, {})).toMatch(/^http/);
	expect((await client.query(api.sessions.get, { sessionId: "s" }))?.title).toBe("a picture");
});

scenario("a file that was uploaded again is the same entry, another file is a conflict", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	const append = (entries: Awaited<ReturnType<typeof storedPush>>[]) =>
		client.mutation(api.entries.append, { sessionId: "s", entries });
	await append([await storedPush(app, "a", "the text")]);
	expect(await append([await storedPush(app, "a", "the text")])).toEqual({
		added: 0,
		lastSeq: 1,
		entryCount: 1,
	});
	expect((await append([await storedPush(app, "a", "not the text")])).conflicts).toEqual(["a"]);
	const bogus = {
		...(await storedPush(app, "b", "x")),
		body: { kind: "stored" as const, storageId: "no file", bytes: 1, columns: {} },
	};
	expect(await client.refused(api.entries.append, { sessionId: "s", entries: [bogus] })).toBe("invalid");
});

scenario("entries are not mixed into a session that is another agent's messages", async (app) => {
	const client = await app.signIn();
	await push(client, { externalId: "s" }, [agentMessage("m", "user", "posted")]);
	expect(await client.refused(api.entries.append, { sessionId: "s", entries: talk(["a"]) })).toBe(
		"session_unknown",
	);
	expect(await idsOf(client, "s")).toBe("m");
});

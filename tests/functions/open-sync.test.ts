import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import type { AgentEntry, AgentSession, PushedAgentSession } from "../../src/protocol/agent-session.ts";
import { INLINE_ENTRY_BYTES } from "../../src/protocol/limits.ts";
import { type App, type Client, scenario, storyStart } from "./app.ts";
import { agentMessage, push } from "./open-sync-stories.ts";
import { idsOf, readAll, session, talk, tell } from "./stories.ts";

const MINUTE_MS = 60_000;
const view = async (client: Client, sessionId = "s") => await client.query(api.sessions.get, { sessionId });
const outcomes = ({ session, entries }: PushedAgentSession) =>
	`${session}: ${entries.map(({ entryId, outcome }) => `${entryId} ${outcome}`).join(", ")}`;

scenario("a session of another agent is there with its messages, numbers and source", async (app) => {
	const client = await app.signIn();
	const told: AgentSession = {
		externalId: "s",
		source: "cursor",
		title: "Fix the build",
		projectPath: "/home/dev/proj",
		gitBranch: "main",
		machine: "laptop",
		createdAt: storyStart() - MINUTE_MS,
	};
	const pushed = await push(client, told, [
		agentMessage("m1", "user", "fix it\nplease"),
		agentMessage("m2", "assistant", "done", {
			model: "m",
			provider: "p",
			promptTokens: 10,
			completionTokens: 5,
		}),
	]);
	expect(outcomes(pushed)).toBe("added: m1 added, m2 added");
	expect(await view(client)).toMatchObject({
		source: "cursor-sync",
		via: "openSync",
		title: "Fix the build",
		projectPath: "/home/dev/proj",
		projectName: "proj",
		gitBranch: "main",
		machine: "laptop",
		model: "m",
		provider: "p",
		status: "idle",
		leafId: "m2",
		lineage: null,
		tokens: { input: 10, output: 5, cacheRead: 0, cacheWrite: 0 },
		entryCount: 2,
		messageCount: 2,
		lastSeq: 2,
		durationMs: null,
		startedAt: storyStart() - MINUTE_MS,
		updatedAt: storyStart(),
	});
	expect((await readAll(client, "s")).map(({ entryId, parentId, seq }) => [entryId, parentId, seq])).toEqual([
		["m2", "m1", 2],
		["m1", null, 1],
	]);
});

scenario("what was posted is posted again without any change, at any time", async (app) => {
	const client = await app.signIn();
	const told = { externalId: "s", title: "t", cost: 0.5, createdAt: storyStart() };
	const entries = [agentMessage("m1", "user", "one"), agentMessage("m2", "assistant", "two")];
	await push(client, told, entries);
	const before = await view(client);
	await app.advance(MINUTE_MS);
	expect(outcomes(await push(client, told, entries))).toBe("unchanged: m1 unchanged, m2 unchanged");
	expect(outcomes(await push(client, { externalId: "s" }))).toBe("unchanged: ");
	expect(await view(client)).toEqual(before);
});

scenario("a message with other content takes the place of the one that stands", async (app) => {
	const client = await app.signIn();
	await push(client, { externalId: "s" }, [
		agentMessage("m1", "user", "fisrt"),
		agentMessage("m2", "assistant", "half", { promptTokens: 10, completionTokens: 1, cost: 0.1 }),
		agentMessage("m3", "user", "third"),
	]);
	await app.advance(MINUTE_MS);
	const again = await push(client, { externalId: "s" }, [
		agentMessage("m1", "user", "first"),
		agentMessage("m2", "assistant", "the whole answer", {
			promptTokens: 10,
			completionTokens: 7,
			cost: 0.3,
			model: "m",
			parts: [{ type: "tool-call", content: { name: "bash", args: {} } }],
		}),
		agentMessage("m4", "assistant", "new", { promptTokens: 1 }),
	]);
	expect(outcomes(again)).toBe("updated: m1 updated, m2 updated, m4 added");
	expect(await view(client)).toMatchObject({
		title: "first",
		model: "m",
		tokens: { input: 11, output: 7, cacheRead: 0, cacheWrite: 0 },
		entryCount: 4,
		toolCallCount: 1,
		lastSeq: 4,
		updatedAt: storyStart() + MINUTE_MS,
	});
	expect((await view(client))?.cost).toBeCloseTo(0.3);
	const rows = (await readAll(client, "s")).reverse();
	expect(rows.map(({ seq, timestamp }) => [seq, timestamp - storyStart()])).toEqual([
		[1, 0],
		[2, 0],
		[3, 0],
		[4, MINUTE_MS],
	]);
	expect(rows[1]?.json).toContain("the whole answer");
	expect(rows[1]?.bytes).toBe(Buffer.byteLength(rows[1]?.json ?? ""));
	expect(await app.runner.rows("bodies")).toBe(4);
});

scenario("a message that comes twice in one push is there once, as it came last", async (app) => {
	const client = await app.signIn();
	const twice = [
		agentMessage("m", "user", "one"),
		agentMessage("m", "user", "two"),
		agentMessage("n", "user", "x"),
	];
	expect(outcomes(await push(client, { externalId: "s" }, twice))).toBe("added: m added, m updated, n added");
	expect(
		(await readAll(client, "s")).map(({ json }) => JSON.parse(json ?? "").message.content[0].text),
	).toEqual(["x", "two"]);
});

scenario(
	"counts that are told stand, nothing lowers them to 0, and else the messages are summed",
	async (app) => {
		const client = await app.signIn();
		const tokens = (input: number, output: number) => ({ input, output, cacheRead: 0, cacheWrite: 0 });
		await push(client, { externalId: "s" }, [
			agentMessage("m", "assistant", "a", {
				promptTokens: 3,
				completionTokens: 4,
				cacheReadTokens: 5,
				cost: 0.5,
			}),
		]);
		expect(await view(client)).toMatchObject({ tokens: { ...tokens(3, 4), cacheRead: 5 }, cost: 0.5 });
		await push(client, { externalId: "s", tokens: tokens(100, 0), durationMs: 900 });
		expect(await view(client)).toMatchObject({ tokens: tokens(100, 4), cost: 0.5, durationMs: 900 });
		await push(client, { externalId: "s", tokens: tokens(0, 50), cost: 2, durationMs: 0 });
		expect(await view(client)).toMatchObject({ tokens: tokens(100, 50), cost: 2, durationMs: 900 });
		await push(client, { externalId: "s", tokens: tokens(0, 0), cost: 0 });
		expect(await view(client)).toMatchObject({ tokens: tokens(100, 50), cost: 2 });
		await push(client, { externalId: "s", tokens: tokens(90, 40), cost: 1 });
		expect(await view(client)).toMatchObject({ tokens: tokens(90, 40), cost: 1 });
	},
);

scenario("only what is given changes, nothing is emptied, and the start only moves back", async (app) => {
	const client = await app.signIn();
	await push(client, { externalId: "s", source: "codex", title: "first", projectPath: "C:\\dev\\proj\\" });
	await push(client, { externalId: "s", title: "", projectPath: "", source: "", model: "m" });
	expect(await view(client)).toMatchObject({
		source: "codex-cli",
		title: "first",
		projectPath: "C:\\dev\\proj\\",
		projectName: "proj",
		model: "m",
	});
	await push(client, { externalId: "s", title: "second", createdAt: storyStart() + MINUTE_MS });
	expect(await view(client)).toMatchObject({ title: "second", startedAt: storyStart() });
	await push(client, { externalId: "s", createdAt: storyStart() - MINUTE_MS });
	expect(await view(client)).toMatchObject({ startedAt: storyStart() - MINUTE_MS });
});

scenario("what is imported keeps its dates", async (app) => {
	const client = await app.signIn();
	const at = (minutes: number) => storyStart() - minutes * MINUTE_MS;
	const entries = [
		agentMessage("a", "user", "one", { createdAt: at(60) }),
		agentMessage("b", "assistant", "two", { createdAt: at(50) }),
	];
	await client.mutation(api.openSync.push, { session: { externalId: "s" }, entries, imported: true });
	expect(await view(client)).toMatchObject({ startedAt: at(60), updatedAt: at(50) });
	const more = [agentMessage("c", "user", "zero", { createdAt: at(70) })];
	await client.mutation(api.openSync.push, {
		session: { externalId: "s", title: "t" },
		entries: more,
		imported: true,
	});
	expect(await view(client)).toMatchObject({ startedAt: at(70), updatedAt: at(50), title: "t" });
	await client.mutation(api.openSync.push, {
		session: { externalId: "empty", createdAt: at(90) },
		entries: [],
		imported: true,
	});
	expect(await view(client, "empty")).toMatchObject({ startedAt: at(90), updatedAt: at(90) });
});

scenario("ids are the user's own: two users post the same ones", async (app) => {
	const [ann, bob] = [await app.signIn({ user: "ann" }), await app.signIn({ user: "bob" })];
	await push(ann, { externalId: "s" }, [agentMessage("m", "user", "of ann")]);
	const pushed = await push(bob, { externalId: "s" }, [agentMessage("m", "user", "of bob")]);
	expect(outcomes(pushed)).toBe("added: m added");
	expect([(await view(ann))?.title, (await view(bob))?.title]).toEqual(["of ann", "of bob"]);
	await push(ann, { externalId: "t" }, [agentMessage("m", "user", "in another session")]);
	expect((await view(ann, "s"))?.title).toBe("of ann");
});

scenario("a session that Pi syncs is left as it is", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), talk(["a", "b"]));
	const before = await view(client);
	const pushed = await push(client, { externalId: "s", title: "other", cost: 9 }, [
		agentMessage("a", "user", "other"),
		agentMessage("x", "user", "new"),
	]);
	expect(outcomes(pushed)).toBe("kept: a kept, x kept");
	expect(await view(client)).toEqual(before);
});

scenario("a session file takes the place of what was posted of its session", async (app) => {
	const client = await app.signIn();
	await push(client, { externalId: "s", source: "pi" }, [agentMessage("pi:s:a", "user", "text of a")]);
	await tell(client, session("fork", { lineage: { parentSessionId: "s", forkEntryId: "b" } }));
	await tell(client, session("s"), talk(["a", "b"]));
	expect(await view(client)).toMatchObject({ via: "pi", entryCount: 2 });
	expect(await idsOf(client, "fork")).toBe("a b");
	app.forget();
	await app.settle();
	expect(await idsOf(client, "s")).toBe("a b");
	expect([await app.runner.rows("sessions"), await app.runner.rows("entries")]).toEqual([2, 2]);
	expect(await app.runner.rows("bodies")).toBe(2);
});

scenario("a removed session is gone, and one that is posted again is new", async (app) => {
	const client = await app.signIn();
	await push(client, { externalId: "s" }, [agentMessage("m", "user", "one")]);
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	expect(await view(client)).toBeNull();
	expect(outcomes(await push(client, { externalId: "s" }, [agentMessage("n", "user", "two")]))).toBe(
		"added: n added",
	);
	expect(await idsOf(client, "s")).toBe("n");
	app.forget();
	await app.settle();
	expect([await app.runner.rows("sessions"), await app.runner.rows("bodies")]).toEqual([1, 1]);
});

/** A message whose line is a file. */
async function fileMessage(app: App, id: string, text: string): Promise<AgentEntry> {
	const { entryId, body } = agentMessage(id, "user", text);
	const json = body.kind === "inline" ? body.json : "";
	const storageId = await app.store(json);
	return {
		entryId,
		timestamp: storyStart(),
		body: {
			kind: "stored",
			storageId,
			bytes: json.length,
			columns: { role: "user", preview: text.slice(0, 5) },
		},
	};
}

scenario("a long message is a file, which goes when the message is replaced", async (app) => {
	const client = await app.signIn();
	await push(client, { externalId: "s" }, [await fileMessage(app, "m", "long one")]);
	expect((await view(client))?.title).toBe("long");
	expect(outcomes(await push(client, { externalId: "s" }, [await fileMessage(app, "m", "long one")]))).toBe(
		"unchanged: m unchanged",
	);
	expect(await app.runner.files()).toBe(1);
	expect(outcomes(await push(client, { externalId: "s" }, [await fileMessage(app, "m", "other")]))).toBe(
		"updated: m updated",
	);
	expect(await app.runner.files()).toBe(1);
	await push(client, { externalId: "s" }, [agentMessage("m", "user", "short now")]);
	expect([await app.runner.files(), await app.runner.rows("bodies")]).toEqual([0, 1]);
});

scenario("what cannot be is refused, with nothing of the push kept", async (app) => {
	const client = await app.signIn();
	const fine = agentMessage("fine", "user", "fine");
	const refused = (told: AgentSession, entries: AgentEntry[]) =>
		client.refused(api.openSync.push, { session: told, entries });
	const long = "x".repeat(INLINE_ENTRY_BYTES);
	expect(await refused({ externalId: "" }, [fine])).toBe("invalid");
	expect(await refused({ externalId: "s", cost: -1 }, [fine])).toBe("invalid");
	expect(await refused({ externalId: "s", cost: Number.NaN }, [fine])).toBe("invalid");
	expect(await refused({ externalId: "s", createdAt: 1e16 }, [fine])).toBe("invalid");
	expect(await refused({ externalId: "s" }, [fine, { ...fine, entryId: "y", timestamp: -1 }])).toBe(
		"invalid",
	);
	expect(await refused({ externalId: "s" }, [fine, agentMessage("long", "user", long)])).toBe("too_large");
	expect(await refused({ externalId: "s" }, [fine, { ...fine, entryId: "other" }])).toBe("invalid");
	expect(await view(client)).toBeNull();
	const reader = await app.signIn({ scopes: ["read"] });
	expect(await reader.refused(api.openSync.push, { session: { externalId: "s" }, entries: [] })).toBe(
		"scope_missing",
	);
});

scenario("terminals are not offered sessions of other agents", async (app) => {
	const client = await app.signIn();
	await tell(client, session("native"), talk(["a"]));
	await push(client, { externalId: "s" }, [agentMessage("m", "user", "one")]);
	const offered = await client.query(api.sessions.attachable, { limit: 1 });
	expect(offered.map((one) => one.session.sessionId)).toEqual(["native"]);
});

scenario(
	"what is replaced is found as it is now, under the name and source that the session has now",
	async (app) => {
		const client = await app.signIn();
		const found = async (query: string, source?: string) => {
			const more = source === undefined ? {} : { source };
			const { hits } = await client.query(api.search.passages, { query, limit: 10, cursor: null, ...more });
			return hits.map(({ entryId, kind }) => `${entryId} ${kind}`).join(", ");
		};
		await push(client, { externalId: "s", title: "walrus" }, [agentMessage("m", "user", "an aardvark")]);
		await app.advance(5000);
		expect([await found("aardvark"), await found("walrus")]).toEqual(["m prompt", " title"]);
		await push(client, { externalId: "s", title: "narwhal", source: "codex" }, [
			agentMessage("m", "user", "a badger"),
		]);
		await app.advance(5000);
		expect([await found("aardvark"), await found("walrus")]).toEqual(["", ""]);
		expect([await found("badger", "codex-cli"), await found("narwhal", "codex-cli")]).toEqual([
			"m prompt",
			" title",
		]);
		const text = "c".repeat(10);
		await push(client, { externalId: "s" }, [await fileMessage(app, "m", `${text} caracal`)]);
		await app.advance(5000);
		expect([await found("badger"), await found("caracal")]).toEqual(["", "m prompt"]);
	},
);

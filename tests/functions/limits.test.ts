/** What is within our own limits is within Convex's, in every mutation that it leads to. */
import { expect, test } from "bun:test";
import { api, internal } from "../../convex/_generated/api.js";
import { agentEntry } from "../../src/protocol/agent-entry.ts";
import { INLINE_ENTRY_BYTES, PUSH_MAX_BYTES } from "../../src/protocol/limits.ts";
import type { Delta, DeltaOp } from "../../src/protocol/stream.ts";
import { type App, type Client, hashOf, identityOf, type Kind, scenario } from "./app.ts";
import { closeEngines, openEngineRunner } from "./engine-runner.ts";
import { caller, got, message } from "./open-sync-stories.ts";
import { idsOf, session, talk, tell, user } from "./stories.ts";

const start = (client: Client, streamId: string, terminalId = "terminal-1", sessionId = "s") =>
	client.mutation(api.streams.start, { sessionId, streamId, terminalId, startedAt: 5 });

/** As many pushes as large as one may be. */
async function fill(client: Client, streamId: string, pushes: number): Promise<void> {
	const op: DeltaOp = ["t", 0, "x".repeat(PUSH_MAX_BYTES - 100)];
	for (let at = 0; at < pushes; at++)
		await client.mutation(api.streams.push, { streamId, start: at, ops: [op] });
}

async function cleared(app: App): Promise<number> {
	for (let round = 0; round < 200 && (await app.runner.rows("streamDeltas")) > 0; round++) await app.step();
	return await app.runner.rows("streamDeltas");
}

scenario("a stream of pushes as large as they may be ends, and leaves nothing behind", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	await start(client, "stream-1");
	await fill(client, "stream-1", 70);
	await client.mutation(api.streams.end, { streamId: "stream-1" });
	expect(await client.query(api.streams.current, { sessionId: "s" })).toBeNull();
	expect(await cleared(app)).toBe(0);
});

scenario("several large streams of a terminal end with it", async (app) => {
	const client = await app.signIn();
	const here = { clientId: "terminal-1", kind: "terminal" as const, watching: false, label: "laptop" };
	await client.mutation(api.presence.beat, { ...here, sessionId: "a" });
	for (const id of ["a", "b", "c"]) {
		await tell(client, session(id));
		await start(client, `stream-${id}`, "terminal-1", id);
		await fill(client, `stream-${id}`, 45);
	}
	await client.mutation(api.presence.leave, { clientId: "terminal-1" });
	expect(await client.query(api.presence.list, { sessionId: "a" })).toEqual([]);
	for (const id of ["a", "b", "c"])
		expect(await client.query(api.streams.current, { sessionId: id })).toBeNull();
	expect(await cleared(app)).toBe(0);
});

/** As long as a message may be in a row, and in words, so that all of it is searched. */
const LONG = "word ".repeat(INLINE_ENTRY_BYTES / 5 - 200);

scenario("long messages are posted again with other content, many at once", async (app) => {
	const http = await caller(app);
	const ids = Array.from({ length: 90 }, (_, at) => `m${at}`);
	const post = async (some: string[], text: string) => {
		const messages = some.map((id) => message(id, { textContent: text, createdAt: 1000 }));
		const { status, body } = await http.post("/sync/batch", { messages });
		expect([status, body.errors, body.messages]).toEqual([200, [], some.length]);
		const { messages: told } = body.results as { messages: { outcome: string }[] };
		return [...new Set(told.map(({ outcome }) => outcome))];
	};
	for (let at = 0; at < ids.length; at += 30)
		expect(await post(ids.slice(at, at + 30), `${LONG} first`)).toEqual(["added"]);
	await app.settle();
	for (let at = 0; at < ids.length; at += 30)
		expect(await post(ids.slice(at, at + 30), `${LONG} second`)).toEqual(["updated"]);
	expect(await post(ids, "short")).toEqual(["updated"]);
	expect(await post(ids, "short")).toEqual(["unchanged"]);
	const { session, messages } = await got(http);
	expect([session.messageCount, messages.length]).toEqual([90, 90]);
	expect(new Set(messages.map(({ parts }) => JSON.stringify(parts))).size).toBe(1);
});

scenario("long messages of an import are replaced by short ones in one push", async (app) => {
	const client = await app.signIn();
	const ids = Array.from({ length: 90 }, (_, at) => `m${at}`);
	const push = (some: string[], textContent: string) =>
		client.mutation(api.openSync.push, {
			session: { externalId: "s" },
			entries: some.map((externalId) => {
				const { entryId, json, timestamp } = agentEntry({ externalId, role: "user", textContent });
				return { entryId, timestamp, body: { kind: "inline" as const, json } };
			}),
		});
	for (let at = 0; at < ids.length; at += 15) await push(ids.slice(at, at + 15), LONG);
	await app.settle();
	const { entries } = await push(ids, "short");
	expect(entries.filter(({ outcome }) => outcome === "updated")).toHaveLength(90);
});

scenario("other content under the ids of long entries is reported, however many they are", async (app) => {
	const client = await app.signIn();
	const ids = Array.from({ length: 90 }, (_, at) => `e${at}`);
	await tell(client, session("s"));
	for (let at = 0; at < ids.length; at += 15) {
		const entries = ids.slice(at, at + 15).map((id) => user(id, null, LONG));
		await client.mutation(api.entries.append, { sessionId: "s", entries });
	}
	const entries = ids.map((id) => user(id, null, "short"));
	const { conflicts } = await client.mutation(api.entries.append, { sessionId: "s", entries });
	expect(conflicts).toEqual(ids);
});

scenario("many large streams that nobody drives any more are swept away", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	for (let at = 0; at < 30; at++) {
		await start(client, `stream-${at}`, `terminal-${at}`);
		await fill(client, `stream-${at}`, 3);
	}
	await app.pass(2 * 60 * 60 * 1000);
	await app.runMutation(internal.garbage.sweep, {});
	expect(await cleared(app)).toBe(0);
	expect(await app.runner.rows("streams")).toBe(0);
});

/** Convex's limit for an array, also in what a function answers. */
const ARRAY_MAX = 8192;

scenario(
	"the last two pushes are no longer array than Convex takes, however many ops they have",
	async (app) => {
		const client = await app.signIn();
		await tell(client, session("s"));
		await start(client, "stream-1");
		const many = Array.from({ length: ARRAY_MAX }, () => ["e"]);
		await client.mutation(api.streams.push, { streamId: "stream-1", start: 0, ops: many });
		await client.mutation(api.streams.push, { streamId: "stream-1", start: ARRAY_MAX, ops: [["e"]] });
		const deltas = await client.query(api.streams.tail, { streamId: "stream-1" });
		expect(deltas.map(({ ops }) => ops.length)).toEqual([ARRAY_MAX, 1]);
		expect(deltas.map((delta) => [delta.start, delta.end])).toEqual([
			[0, ARRAY_MAX],
			[ARRAY_MAX, ARRAY_MAX + 1],
		]);
	},
);

// On the engine alone, which has a function to tell so many at once.
test("a stream of very many short pushes is read in answers that Convex takes", async () => {
	const runner = await openEngineRunner({ env: {} });
	try {
		const hash = hashOf(1);
		const key = { name: "key", hash, shown: "osk_test…", scopes: ["read", "write"] };
		const { id } = (await runner.run("mutation", "apiKeys:addFirst", key)) as { id: string };
		const { userId } = (await runner.run("mutation", "apiKeys:find", { hash })) as { userId: string };
		const call = (kind: Kind, path: string, args: Record<string, unknown>) =>
			runner.call(kind, path, args, identityOf(userId, id));
		const streamId = "stream-1";
		await call("mutation", "sessions:open", session("s"));
		const stream = { sessionId: "s", streamId, terminalId: "terminal-1", startedAt: 5 };
		await call("mutation", "streams:start", stream);
		const pushes = ARRAY_MAX + 100;
		for (let from = 0; from < pushes; from += 1000) {
			const to = Math.min(from + 1000, pushes);
			await runner.run("mutation", "story:addPushes", { userId, streamId, from, to });
		}
		let read = 0;
		while (read < pushes) {
			const deltas = (await call("query", "streams:read", { streamId, start: read })) as Delta[];
			expect(deltas[0]?.start).toBe(read);
			expect(deltas.length).toBeLessThanOrEqual(ARRAY_MAX);
			read = deltas.at(-1)?.end ?? pushes;
		}
	} finally {
		await closeEngines();
	}
});

scenario("a fork of a fork of many takes a full batch, or says that it is too large for it", async (app) => {
	const client = await app.signIn();
	const generations = 30;
	for (let at = 0; at < generations; at++) {
		const lineage = at === 0 ? {} : { lineage: { parentSessionId: `s${at - 1}`, forkEntryId: `e${at - 1}` } };
		const parent = at === 0 ? null : `e${at - 1}`;
		await tell(client, session(`s${at}`, lineage), [user(`e${at}`, parent, "hello")]);
	}
	const last = `s${generations - 1}`;
	const ids = Array.from({ length: 200 }, (_, at) => `n${at}`);
	const entries = talk(ids, `e${generations - 1}`);
	expect(await client.refused(api.entries.append, { sessionId: last, entries })).toBe("too_large");
	for (let at = 0; at < 200; at += 50) {
		const batch = entries.slice(at, at + 50);
		expect((await client.mutation(api.entries.append, { sessionId: last, entries: batch })).added).toBe(50);
	}
	expect(await client.query(api.entries.missing, { sessionId: last, entryIds: ["e0", ...ids, "x"] })).toEqual(
		["x"],
	);
});

scenario("a session whose prompts and questions are as large as they may be is removed", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), talk(["a", "b"]));
	const large = JSON.stringify("x".repeat(INLINE_ENTRY_BYTES - 10));
	for (let at = 0; at < 16; at++)
		await client.mutation(api.prompts.send, {
			...{ sessionId: "s", promptId: `p${at}`, terminalId: "t2", kind: "prompt" },
			body: { kind: "inline", json: large },
		});
	const ask = (questionId: string, chars: number) => ({
		...{ sessionId: "s", questionId, terminalId: "t1", kind: "editor" as const },
		title: "x".repeat(chars),
	});
	for (let at = 0; at < 20; at++) {
		const questionId = `q${at}`;
		await client.mutation(api.questions.ask, ask(questionId, 50_000));
		await client.mutation(api.questions.answer, { questionId, terminalId: "t2", value: "x".repeat(120_000) });
	}
	await tell(client, session("other"));
	for (let at = 0; at < 8; at++)
		await client.mutation(api.questions.ask, { ...ask(`o${at}`, 130_000), sessionId: "other" });
	const more = { ...ask("o8", 130_000), sessionId: "other" };
	expect(await client.refused(api.questions.ask, more)).toBe("too_large");
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	await app.settle();
	expect([await app.runner.rows("prompts"), await app.runner.rows("questions")]).toEqual([0, 8]);
});

scenario("a parent of many forks is taken apart", async (app) => {
	const client = await app.signIn();
	await tell(client, session("parent"), talk(["a", "b", "c"]));
	for (let at = 0; at < 300; at++)
		await tell(client, session(`f${at}`, { lineage: { parentSessionId: "parent", forkEntryId: "b" } }));
	await client.mutation(api.sessions.remove, { sessionId: "parent" });
	await app.settle();
	expect(await app.runner.rows("removals")).toBe(0);
	expect(await idsOf(client, "f0")).toBe("a b");
	expect(await idsOf(client, "f299")).toBe("a b");
});

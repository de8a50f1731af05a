import { expect } from "bun:test";
import { api, internal } from "../../convex/_generated/api.js";
import { PUSH_MAX_BYTES } from "../../src/protocol/limits.ts";
import type { DeltaOp } from "../../src/protocol/stream.ts";
import { type App, type Client, scenario } from "./app.ts";
import { session, talk, tell } from "./stories.ts";

const text = (value: string): DeltaOp => ["t", 0, value];
const start = (client: Client, streamId: string, extra: { sessionId?: string; terminalId?: string } = {}) =>
	client.mutation(api.streams.start, {
		sessionId: "s",
		streamId,
		terminalId: "terminal-1",
		startedAt: 5,
		...extra,
	});
const push = (client: Client, from: number, ...ops: DeltaOp[]) =>
	client.mutation(api.streams.push, { streamId: "stream-1", start: from, ops });
const current = (client: Client) => client.query(api.streams.current, { sessionId: "s" });
const read = (client: Client, from: number) =>
	client.query(api.streams.read, { streamId: "stream-1", start: from });
const tail = (client: Client) => client.query(api.streams.tail, { streamId: "stream-1" });

async function running(app: App): Promise<Client> {
	const client = await app.signIn();
	await tell(client, session("s"));
	await start(client, "stream-1");
	return client;
}

scenario(
	"pushes make one unbroken range, and a reader gets the last two or all from a position",
	async (app) => {
		const client = await running(app);
		expect(await push(client, 0, ["m", "assistant"], text("a"))).toBe(2);
		expect(await push(client, 2, text("b"))).toBe(3);
		expect(await push(client, 3, text("c"), text("d"), text("e"))).toBe(6);
		expect((await tail(client)).map(({ start: from, end }) => [from, end])).toEqual([[2, 6]]);
		expect((await read(client, 0)).map(({ start: from }) => from)).toEqual([0, 2, 3]);
		expect((await read(client, 4)).map(({ start: from }) => from)).toEqual([3]);
		expect((await read(client, 0)).flatMap(({ ops }) => ops)).toEqual([
			["m", "assistant"],
			...["a", "b", "c", "d", "e"].map(text),
		]);
		expect(await read(client, 6)).toEqual([]);
	},
);

scenario("a push that does not begin at the end is not taken, and learns the end (S1)", async (app) => {
	const client = await running(app);
	await push(client, 0, text("a"), text("b"));
	expect(await push(client, 0, text("a"), text("b"))).toBe(2);
	expect(await push(client, 1, text("b"), text("c"))).toBe(2);
	expect(await push(client, 5, text("z"))).toBe(2);
	expect(await push(client, 2)).toBe(2);
	expect(await read(client, 0)).toHaveLength(1);
	expect(await client.mutation(api.streams.push, { streamId: "unknown", start: 0, ops: [["e"]] })).toBe(-1);
});

scenario("a push that is too large or no list of ops is refused", async (app) => {
	const client = await running(app);
	const ref = api.streams.push;
	const of = (ops: unknown[]) => client.refused(ref, { streamId: "stream-1", start: 0, ops });
	expect(await of([text("ü".repeat(PUSH_MAX_BYTES / 2))])).toBe("too_large");
	expect(await of(Array.from({ length: 8193 }, () => ["e"]))).toBe("too_large");
	expect(await of(["text"])).toBe("invalid");
	expect(await of([["t", { deep: 1 }]])).toBe("invalid");
	expect(await of([["t", 1n]])).toBe("invalid");
	expect(await push(client, 0, text("x".repeat(PUSH_MAX_BYTES - 100)))).toBe(1);
});

scenario("entries settle the stream in the same mutation, never backwards (S2)", async (app) => {
	const client = await running(app);
	await push(client, 0, ["m", "assistant"], text("a"), ["e"]);
	expect(await current(client)).toEqual({
		streamId: "stream-1",
		terminalId: "terminal-1",
		startedAt: 5,
		settled: 0,
		settledEntryId: null,
	});
	const settles = (upTo: number, streamId = "stream-1") => ({ settles: { streamId, upTo } });
	await client.mutation(api.entries.append, { sessionId: "s", entries: talk(["a"]), ...settles(3) });
	expect((await current(client))?.settled).toBe(3);
	await client.mutation(api.entries.append, { sessionId: "s", entries: talk(["a"]), ...settles(2) });
	expect((await current(client))?.settled).toBe(3);
	await client.mutation(api.entries.append, {
		sessionId: "s",
		entries: talk(["b"], "a"),
		...settles(9, "ended meanwhile"),
	});
	await tell(client, session("other"));
	await client.mutation(api.entries.append, { sessionId: "other", entries: [], ...settles(9) });
	expect((await current(client))?.settled).toBe(3);
	expect(await push(client, 3, text("b"))).toBe(4);
});

scenario("the stream names the last entry that is settled, from the start on", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"), talk(["a", "b"]));
	const start = { sessionId: "s", streamId: "stream-1", terminalId: "terminal-1", startedAt: 5 };
	await client.mutation(api.streams.start, { ...start, afterEntryId: "b" });
	await client.mutation(api.streams.start, { ...start, afterEntryId: "a" });
	const settled = async () => {
		const stream = await current(client);
		return `${stream?.settled} ${stream?.settledEntryId}`;
	};
	expect(await settled()).toBe("0 b");
	await push(client, 0, ["m", "assistant"], text("c"), ["e"]);
	let parent = "b";
	const settles = async (upTo: number, id: string, names = true) => {
		const entries = talk([id], parent);
		parent = id;
		const entryId = names ? { entryId: id } : {};
		await client.mutation(api.entries.append, {
			sessionId: "s",
			entries,
			settles: { streamId: "stream-1", upTo, ...entryId },
		});
	};
	await settles(2, "c");
	expect(await settled()).toBe("2 c");
	// An entry that no op told moves the entry alone.
	await settles(2, "d");
	expect(await settled()).toBe("2 d");
	const again = (entryId: string, upTo: number) =>
		client.mutation(api.entries.append, {
			sessionId: "s",
			entries: [],
			settles: { streamId: "stream-1", upTo, entryId },
		});
	for (const [entryId, upTo] of [
		["c", 2],
		["d", 2],
		["a", 1],
		["nowhere", 2],
	] as const) {
		await again(entryId, upTo);
		expect(await settled()).toBe("2 d");
	}
	await settles(3, "e", false);
	expect(await settled()).toBe("3 null");
	await again("e", 3);
	expect(await settled()).toBe("3 e");
});

scenario("a fork's stream may begin after an entry that it shares", async (app) => {
	const client = await app.signIn();
	await tell(client, session("parent"), talk(["a", "b"]));
	const lineage = { parentSessionId: "parent", forkEntryId: "b" };
	await tell(client, session("s", { lineage }));
	const start = { sessionId: "s", streamId: "stream-1", terminalId: "terminal-1", startedAt: 5 };
	await client.mutation(api.streams.start, { ...start, afterEntryId: "b" });
	await client.mutation(api.entries.append, {
		sessionId: "s",
		entries: talk(["c"], "b"),
		settles: { streamId: "stream-1", upTo: 0, entryId: "c" },
	});
	expect(await current(client)).toMatchObject({ settled: 0, settledEntryId: "c" });
});

scenario("a stream that ends is gone with all that it said", async (app) => {
	const client = await running(app);
	for (let n = 0; n < 150; n++) await push(client, n, text(`${n}`));
	await client.mutation(api.streams.end, { streamId: "stream-1" });
	expect(await current(client)).toBeNull();
	expect(await push(client, 150, text("late"))).toBe(-1);
	await app.settle();
	expect(await read(client, 0)).toEqual([]);
	await client.mutation(api.streams.end, { streamId: "stream-1" });
});

scenario(
	"starting twice is one start; a new stream ends this terminal's older one, not another terminal's",
	async (app) => {
		const client = await running(app);
		await push(client, 0, text("a"));
		await start(client, "stream-1");
		expect(await read(client, 0)).toHaveLength(1);
		await start(client, "stream-2", { terminalId: "terminal-2" });
		expect((await current(client))?.streamId).toBe("stream-2");
		await start(client, "stream-3");
		expect(await push(client, 1, text("b"))).toBe(-1);
		await client.mutation(api.streams.end, { streamId: "stream-3" });
		expect((await current(client))?.streamId).toBe("stream-2");
	},
);

scenario("a stream belongs to one session of one user", async (app) => {
	const client = await running(app);
	await tell(client, session("other"));
	expect(
		await client.refused(api.streams.start, {
			sessionId: "other",
			streamId: "stream-1",
			terminalId: "t",
			startedAt: 1,
		}),
	).toBe("invalid");
	const theirs = await app.signIn({ user: "somebody else" });
	await tell(theirs, session("s"));
	expect(
		await theirs.refused(api.streams.start, {
			sessionId: "s",
			streamId: "stream-1",
			terminalId: "t",
			startedAt: 1,
		}),
	).toBe("invalid");
	expect(
		await client.refused(api.streams.start, {
			sessionId: "none",
			streamId: "x",
			terminalId: "t",
			startedAt: 1,
		}),
	).toBe("session_unknown");
	expect(
		await client.refused(api.streams.start, { sessionId: "s", streamId: "x", terminalId: "", startedAt: 1 }),
	).toBe("invalid");
});

scenario("reading a long stream takes several calls of bounded size", async (app) => {
	const client = await running(app);
	const chunk = "x".repeat(100_000);
	for (let n = 0; n < 25; n++) await push(client, n, text(chunk));
	let position = 0;
	let calls = 0;
	for (let deltas = await read(client, 0); deltas.length > 0; deltas = await read(client, position)) {
		expect(deltas[0]?.start).toBe(position);
		expect(deltas.length).toBeLessThan(13);
		position = deltas.at(-1)?.end ?? 0;
		calls += 1;
	}
	expect(position).toBe(25);
	expect(calls).toBe(3);
});

scenario(
	"the sweep ends streams whose terminal left no trace, and keeps those that live (S3)",
	async (app) => {
		const client = await running(app);
		await push(client, 0, text("a"));
		await tell(client, session("alive"));
		await start(client, "stream-2", { sessionId: "alive", terminalId: "terminal-2" });
		await app.advance(61 * 60 * 1000);
		await client.mutation(api.streams.push, { streamId: "stream-2", start: 0, ops: [["e"]] });
		await app.runMutation(internal.garbage.sweep, {});
		expect(await current(client)).toBeNull();
		expect(await read(client, 0)).toEqual([]);
		expect((await client.query(api.streams.current, { sessionId: "alive" }))?.streamId).toBe("stream-2");
	},
);

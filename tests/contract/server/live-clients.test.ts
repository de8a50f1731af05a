/** Stock clients over real sockets: what they show is what the functions say, at once and in order. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { OptimisticLocalStore } from "convex/browser";
import { ConvexReactClient } from "convex/react";
import { ConvexError } from "convex/values";
import { WebSocket as WsWebSocket } from "ws";
import { action, mutation, query, type RunningApp, startApp, until, watch } from "./running-app.ts";

let app: RunningApp;
beforeAll(async () => {
	app = await startApp();
});
afterAll(async () => {
	await app.close();
});

test("A live query gives its first result and every later one", async () => {
	const reader = watch<string[]>(app.client(), "notes:list", { room: "live" });
	expect(await reader.until(() => true)).toEqual([]);
	const writer = app.client();
	for (const text of ["one", "two", "three"])
		await writer.mutation(mutation("notes:send"), { room: "live", text });
	expect(await reader.until((texts) => texts.length === 3)).toEqual(["one", "two", "three"]);
});

test("A client on the ws package is served like any other", async () => {
	const client = app.client({ webSocketConstructor: WsWebSocket as unknown as typeof WebSocket });
	const reader = watch<string[]>(client, "notes:list", { room: "ws" });
	await client.mutation(mutation("notes:send"), { room: "ws", text: "over ws" });
	expect(await reader.until((texts) => texts.length > 0)).toEqual(["over ws"]);
});

test("A query of another room does not hear of a commit", async () => {
	const client = app.client();
	const quiet = watch<string[]>(client, "notes:list", { room: "quiet" });
	const busy = watch<string[]>(client, "notes:list", { room: "busy" });
	await quiet.until(() => true);
	await client.mutation(mutation("notes:send"), { room: "busy", text: "x" });
	await busy.until((texts) => texts.length === 1);
	expect(quiet.seen).toEqual([[]]);
});

test("A mutation's promise resolves when the live queries show it", async () => {
	const client = app.client();
	const reader = watch<string[]>(client, "notes:list", { room: "own" });
	await reader.until(() => true);
	for (let n = 1; n <= 20; n++) {
		await client.mutation(mutation("notes:send"), { room: "own", text: String(n) });
		expect(reader.seen.at(-1)).toHaveLength(n);
	}
});

test("An optimistic update stands until the real result replaces it, with no state in between", async () => {
	const client = app.client();
	const reader = watch<string[]>(client, "notes:list", { room: "hope" });
	await reader.until(() => true);
	await client.mutation(mutation("notes:send"), { room: "hope", text: "sent" }, {
		optimisticUpdate: (store: OptimisticLocalStore) => {
			const now = store.getQuery(query("notes:list"), { room: "hope" }) as string[];
			store.setQuery(query("notes:list"), { room: "hope" }, [...now, "sent"]);
		},
	} as never);
	await reader.until((texts) => texts.length === 1);
	expect(reader.seen.every((texts) => texts.length <= 1)).toBe(true);
	expect(reader.seen.filter((texts) => texts.length === 0)).toHaveLength(1);
});

test("An optimistic update of a mutation that fails is taken back", async () => {
	const client = app.client();
	const reader = watch<string[]>(client, "notes:list", { room: "vain" });
	await reader.until(() => true);
	const failed = client.mutation(mutation("notes:fail"), { room: "vain", how: "plain" }, {
		optimisticUpdate: (store: OptimisticLocalStore) =>
			store.setQuery(query("notes:list"), { room: "vain" }, ["maybe"]),
	} as never);
	await expect(failed).rejects.toThrow("plain failure");
	await reader.until((texts) => texts.length === 0);
	expect(reader.seen.at(-1)).toEqual([]);
});

test("Mutations of one client run in the order in which they were sent", async () => {
	const client = app.client();
	const numbers = Array.from({ length: 50 }, (_, n) => String(n));
	await Promise.all(numbers.map((text) => client.mutation(mutation("notes:send"), { room: "order", text })));
	expect(await app.http().query(query("notes:list"), { room: "order" })).toEqual(numbers);
});

test("A mutation that writes nothing resolves too", async () => {
	const client = app.client();
	expect(await client.mutation(mutation("notes:nothing"), {})).toBeNull();
	watch(client, "notes:list", { room: "nothing" });
	expect(await client.mutation(mutation("notes:nothing"), {})).toBeNull();
});

test("Actions run side by side, and beside mutations", async () => {
	const client = app.client();
	const slow = client.action(action("notes:waitFor"), { room: "actions", text: "go" });
	expect(await client.action(action("notes:relay"), { room: "actions", text: "other" })).toEqual(["other"]);
	await client.mutation(mutation("notes:send"), { room: "actions", text: "go" });
	expect(await slow).toBe("go");
});

test("Errors arrive with their text and where they were called", async () => {
	const client = app.client();
	await expect(client.mutation(mutation("notes:fail"), { room: "e", how: "plain" })).rejects.toThrow(
		/\[CONVEX M\(notes:fail\)\] \[Request ID: [0-9a-f]{16}\] Server Error[\s\S]*Uncaught Error: plain failure/,
	);
	await expect(client.mutation(mutation("notes:missing"), {})).rejects.toThrow(
		"Could not find public function",
	);
	await expect(client.mutation(mutation("notes:send"), { room: 1 })).rejects.toThrow(
		"ArgumentValidationError",
	);
	await expect(client.mutation(mutation("notes:list"), { room: "e" })).rejects.toThrow("Trying to execute");
	expect(await app.http().query(query("notes:list"), { room: "e" })).toEqual([]);
});

test("The data of a ConvexError arrives as it was thrown, null included", async () => {
	const client = app.client();
	const caught = (how: string) =>
		client.mutation(mutation("notes:fail"), { room: "e", how }).catch((error: unknown) => error);
	const full = await caught("convex");
	expect(full).toBeInstanceOf(ConvexError);
	expect((full as ConvexError<{ code: string; left: bigint }>).data).toEqual({ code: "full", left: 3n });
	const none = await caught("null");
	expect(none).toBeInstanceOf(ConvexError);
	expect((none as ConvexError<null>).data).toBeNull();
});

test("A query that fails recovers when its data does", async () => {
	const client = app.client();
	const reader = watch<string>(client, "notes:failingQuery", { room: "recover" });
	expect(((await reader.error()) as ConvexError<{ code: string }>).data).toEqual({ code: "empty" });
	await client.mutation(mutation("notes:send"), { room: "recover", text: "here" });
	expect(await reader.until(() => true)).toBe("here");
});

test("Log lines of a function appear at the client that called it", async () => {
	const lines: string[] = [];
	await app.client({ lines }).mutation(mutation("notes:loud"), {});
	expect(lines.some((line) => line.includes("M(notes:loud)") && line.includes("'hello' { a: 1 }"))).toBe(
		true,
	);
	expect(lines.some((line) => line.includes("'careful'"))).toBe(true);
	expect(lines.some((line) => line.includes("Could not parse"))).toBe(false);
});

test("A result of several megabytes arrives whole, and changes arrive after it", async () => {
	const client = app.client();
	const reader = watch<{ notes: number; text: string }>(client, "notes:big", { room: "big", kib: 8_000 });
	const first = await reader.until(() => true);
	expect(first.text).toBe("0123456789abcdé😀".repeat(64).repeat(8_000));
	await client.mutation(mutation("notes:send"), { room: "big", text: "more" });
	expect((await reader.until(({ notes }) => notes === 1)).text).toHaveLength(first.text.length);
});

test("Every kind of value keeps its kind", async () => {
	const reader = watch<Record<string, unknown>>(app.client(), "notes:values", {});
	const values = await reader.until(() => true);
	expect(values.int).toBe(7n);
	expect([...new Uint8Array(values.bytes as ArrayBuffer)]).toEqual([1, 2, 3]);
	expect(values.notANumber).toBeNaN();
	expect(Object.is(values.minusZero, -0)).toBe(true);
	expect(values.plain).toEqual({ text: "é", list: [1, null, true] });
});

type Page = { page: { text: string }[]; isDone: boolean; continueCursor: string };

test("Live pages keep their ends: what is added appears in the first page only", async () => {
	const client = app.client();
	const send = (text: string) => client.mutation(mutation("notes:send"), { room: "pages", text });
	for (const text of ["1", "2", "3", "4", "5", "6"]) await send(text);
	const opts = (cursor: string | null, id: number) => ({
		room: "pages",
		paginationOpts: { numItems: 3, cursor, id },
	});
	const first = watch<Page>(client, "notes:page", opts(null, 1));
	const one = await first.until(() => true);
	expect(one.page.map(({ text }) => text)).toEqual(["6", "5", "4"]);
	const second = watch<Page>(client, "notes:page", opts(one.continueCursor, 1));
	expect((await second.until(() => true)).page.map(({ text }) => text)).toEqual(["3", "2", "1"]);
	await send("7");
	const grown = await first.until(({ page }) => page.length === 4);
	expect(grown.page.map(({ text }) => text)).toEqual(["7", "6", "5", "4"]);
	expect(grown.continueCursor).toBe(one.continueCursor);
	expect(second.seen).toHaveLength(1);
});

test("A reconnected client keeps the ends of its pages", async () => {
	const sockets: WebSocket[] = [];
	class Kept extends WebSocket {
		constructor(url: string | URL) {
			super(url);
			sockets.push(this);
		}
	}
	const client = app.client({ webSocketConstructor: Kept });
	const other = app.client();
	const send = (text: string) => other.mutation(mutation("notes:send"), { room: "again", text });
	for (const text of ["1", "2", "3", "4"]) await send(text);
	const first = watch<Page>(client, "notes:page", {
		room: "again",
		paginationOpts: { numItems: 2, cursor: null, id: 1 },
	});
	const before = await first.until(() => true);
	sockets.at(-1)?.close();
	await until(() => !client.connectionState().isWebSocketConnected);
	await send("5");
	const after = await first.until(({ page }) => page.length === 3);
	expect(after.page.map(({ text }) => text)).toEqual(["5", "4", "3"]);
	expect(after.continueCursor).toBe(before.continueCursor);
});

test("The React client sees the same", async () => {
	const client = new ConvexReactClient(app.url, { logger: false });
	const live = client.watchQuery(query("notes:list"), { room: "react" });
	const changed = new Promise<void>((resolve) => {
		const stop = live.onUpdate(() => {
			if ((live.localQueryResult() as string[] | undefined)?.length !== 1) return;
			stop();
			resolve();
		});
	});
	await client.mutation(mutation("notes:send"), { room: "react", text: "hooked" });
	await changed;
	expect(live.localQueryResult()).toEqual(["hooked"]);
	expect(await client.query(query("notes:list"), { room: "react" })).toEqual(["hooked"]);
	await client.close();
});

test("Two clients with the same query see each commit once", async () => {
	const [a, b] = [app.client(), app.client()];
	const readers = [a, b].map((client) => watch<number>(client, "notes:counter", { name: "shared" }));
	for (const reader of readers) await reader.until(() => true);
	for (let n = 1; n <= 5; n++) {
		await a.mutation(mutation("notes:count"), { name: "shared" });
		for (const reader of readers) await reader.until((value) => value === n);
	}
	for (const reader of readers) expect(reader.seen).toEqual([0, 1, 2, 3, 4, 5]);
});

test("Nothing went wrong on the server meanwhile", () => {
	expect(app.logged.filter((line) => /failed:/.test(line))).toEqual([]);
});

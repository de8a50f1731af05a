/** Pagination, search and live queries. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { jsonToConvex } from "convex/values";
import { Documents } from "../../../src/engine/storage/documents.ts";
import type { QuerySet } from "../../../src/engine/types.ts";
import {
	argsText,
	type CallFailed,
	cleanUp,
	NOBODY,
	type TestEngine,
	testEngine,
} from "../../support/test-engine.ts";

let t: TestEngine;
beforeEach(async () => {
	t = await testEngine();
});
afterEach(cleanUp);

const send = (n: number, channel = "a", body?: string) =>
	t.mutation("messages:send", body === undefined ? { channel, n } : { channel, n, body });
const page = (opts: Record<string, unknown>, more: Record<string, unknown> = {}) =>
	t.query("messages:page", { channel: "a", paginationOpts: { cursor: null, numItems: 2, ...opts }, ...more });

describe("pagination", () => {
	beforeEach(async () => {
		await t.mutation("messages:sendMany", { channel: "a", from: 1, count: 4 });
	});

	test("an exactly full last page is not the end; an empty one is", async () => {
		const first = await page({});
		expect(first).toMatchObject({ page: [1, 2], isDone: false });
		const second = await page({ cursor: first.continueCursor });
		expect(second).toMatchObject({ page: [3, 4], isDone: false });
		const third = await page({ cursor: second.continueCursor });
		expect(third).toMatchObject({ page: [], isDone: true });
		expect(await page({ cursor: third.continueCursor })).toMatchObject({ page: [], isDone: true });
	});

	test("an end cursor fixes the end whatever the size", async () => {
		const first = await page({});
		await send(1.5);
		await send(2.5);
		const again = await page({ endCursor: first.continueCursor, numItems: 1 });
		expect(again).toMatchObject({ page: [1, 1.5, 2], isDone: false, continueCursor: first.continueCursor });
		expect(await page({ cursor: first.continueCursor })).toMatchObject({ page: [2.5, 3] });
	});

	test("descending pages go the other way", async () => {
		const first = await page({}, { order: "desc" });
		expect(first.page).toEqual([4, 3]);
		await send(3.5);
		expect((await page({ endCursor: first.continueCursor }, { order: "desc" })).page).toEqual([4, 3.5, 3]);
		expect((await page({ cursor: first.continueCursor, numItems: 9 }, { order: "desc" })).page).toEqual([
			2, 1,
		]);
	});

	test("a filtered page counts only what matches", async () => {
		const first = await page({ numItems: 1 }, { only: "even" });
		expect(first).toMatchObject({ page: [2], isDone: false });
		expect(await page({ numItems: 5, cursor: first.continueCursor }, { only: "even" })).toMatchObject({
			page: [4],
			isDone: true,
		});
	});

	test("a cursor of another query is refused in a way that clients understand", async () => {
		const first = await page({});
		for (const cursor of ["nonsense", first.continueCursor]) {
			try {
				await page({ cursor }, cursor === "nonsense" ? {} : { order: "desc" });
				throw new Error("not refused");
			} catch (error) {
				expect((error as CallFailed).data).toEqual({
					isConvexSystemError: true,
					paginationError: "InvalidCursor",
				});
				expect((error as CallFailed).message).toContain("InvalidCursor");
			}
		}
	});

	test("read limits split the page", async () => {
		const limited = await page({ numItems: 4, maximumRowsRead: 2 });
		expect(limited).toMatchObject({ page: [1, 2], isDone: false, pageStatus: "SplitRequired" });
		const whole = await page({ numItems: 4 });
		expect(whole.pageStatus).toBeNull();
		const half = await page({ endCursor: whole.splitCursor });
		const rest = await page({ cursor: whole.splitCursor, endCursor: whole.continueCursor });
		expect([...half.page, ...rest.page]).toEqual([1, 2, 3, 4]);
		expect(half.page.length).toBeGreaterThan(0);
	});

	test("large documents are read a few at a time, however long the page", async () => {
		for (let n = 1; n <= 60; n++) await send(n, "large", "long".repeat(200_000));
		const { scan } = Documents.prototype;
		const held: number[] = [];
		const spy = spyOn(Documents.prototype, "scan").mockImplementation(function (
			this: Documents,
			...args: Parameters<Documents["scan"]>
		) {
			const found = scan.apply(this, args);
			held.push(found.rows.reduce((sum, row) => sum + row.size, 0));
			return found;
		});
		const first = await page({ numItems: 1000 }, { channel: "large" });
		const next = await page({ numItems: 1000, cursor: first.continueCursor }, { channel: "large" });
		spy.mockRestore();
		expect(Math.max(...held)).toBeLessThan(4 * 1024 * 1024);
		expect(first).toMatchObject({ isDone: false, pageStatus: "SplitRequired" });
		expect(first.page.length).toBeGreaterThan(15);
		const shown = [...first.page, ...next.page];
		expect(shown).toEqual(shown.map((_n, i) => i + 1));
	});

	test("bad sizes and a second page in one function are refused", async () => {
		await expect(page({ numItems: 0 })).rejects.toThrow("Must request at least 1 document while paginating");
		await expect(
			t.query("messages:twoPages", { paginationOpts: { cursor: null, numItems: 1 } }),
		).rejects.toThrow("multiple paginated queries");
	});
});

describe("search", () => {
	const search = (text: string, more: Record<string, unknown> = {}) =>
		t.query("messages:search", { text, ...more });

	beforeEach(async () => {
		await send(1, "a", "The quick brown fox");
		await send(2, "a", "A quick answer, quickly given");
		await send(3, "b", "Lazy dogs sleep; the fox is brown");
		await send(4, "b", "Ünïcode wörds too");
	});

	test("finds documents with any of the words, the more relevant first", async () => {
		expect(await search("fox brown quick")).toHaveLength(3);
		expect((await search("quick fox"))[0]).toBe("The quick brown fox");
		expect(await search("nothing")).toEqual([]);
		expect(await search("")).toEqual([]);
		expect(await search('"; DROP -- * ( fox')).toHaveLength(2);
	});

	test("the last word is a prefix", async () => {
		expect(await search("sle")).toEqual(["Lazy dogs sleep; the fox is brown"]);
		expect(await search("sle fox")).toHaveLength(2);
		expect(await search("WÖR")).toEqual(["Ünïcode wörds too"]);
	});

	test("filters narrow by equality, and take stops", async () => {
		expect(await search("fox", { channel: "b" })).toEqual(["Lazy dogs sleep; the fox is brown"]);
		expect(await search("fox", { channel: "c" })).toEqual([]);
		expect(await search("fox", { take: 1 })).toHaveLength(1);
	});

	test("follows changes and removals, and sees its own transaction", async () => {
		const id = await send(5, "a", "temporary giraffe");
		expect(await search("giraffe")).toHaveLength(1);
		await t.mutation("messages:edit", { id, changes: { body: "temporary zebra" } });
		expect(await search("giraffe")).toEqual([]);
		expect(await search("zebra")).toHaveLength(1);
		await t.mutation("messages:remove", { id });
		expect(await search("zebra")).toEqual([]);
		expect(await t.mutation("messages:sendAndSearch", { body: "fresh okapi", text: "okapi" })).toBe(1);
	});
});

describe("search at length", () => {
	const search = (text: string, take = 100) => t.query("messages:search", { text, take });

	test("a phrase comes before all words apart, and those before some of them, however rare", async () => {
		await send(1, "a", "rare");
		await send(2, "a", "turn signal and a lock, far apart: rare lock turn");
		await send(3, "a", `${"much is said here ".repeat(20)} and the turn lock comes late`);
		await send(4, "a", "turn turn turn turn");
		await send(5, "a", "turn locks");
		await send(6, "b", "nothing of it");
		const found = (await search("turn lock")) as string[];
		expect(found.slice(0, 2).toSorted()[0]).toStartWith("much is said");
		expect(found.slice(0, 2)).toContain("turn locks");
		expect(found[2]).toStartWith("turn signal");
		expect(found.slice(3)).toEqual(["turn turn turn turn"]);
		expect(((await search("rare turn lock")) as string[])[0]).toStartWith("turn signal");
		expect(await search("turn turn lock lock")).toHaveLength(4);
	});

	test("pages go on where the last one ended, over all lots, and end", async () => {
		for (let n = 0; n < 5; n++) await send(n, "a", `red fox ${n}`);
		for (let n = 5; n < 9; n++) await send(n, "a", `fox in red ${n}`);
		for (let n = 9; n < 12; n++) await send(n, "a", `fox ${n}`);
		const all = (await search("red fox")) as string[];
		expect(all).toHaveLength(12);
		const seen: string[] = [];
		let cursor: string | null = null;
		for (let pages = 0; pages < 10; pages++) {
			const paginationOpts = { cursor, numItems: 4 };
			const { page, isDone, continueCursor } = (await t.query("messages:searchPage", {
				text: "red fox",
				paginationOpts,
			})) as { page: string[]; isDone: boolean; continueCursor: string };
			seen.push(...page);
			cursor = continueCursor;
			if (isDone) break;
		}
		expect(seen).toEqual(all);
	});

	test("who stops early has the best ones, and more than Convex gives is refused", async () => {
		await t.mutation("messages:sendMany", { channel: "a", from: 1, count: 1100 });
		await send(2000, "a", "a message with a rare word: okapi");
		expect(await t.query("messages:searchUntil", { text: "message okapi", count: 1 })).toEqual([
			"a message with a rare word: okapi",
		]);
		expect(await t.query("messages:searchUntil", { text: "message", count: 1024 })).toHaveLength(1024);
		const tooMany = t.query("messages:searchUntil", { text: "message", count: 1025 });
		await expect(tooMany).rejects.toThrow("scanned too many documents");
	});

	test("what the searching transaction removes meanwhile is passed over", async () => {
		for (let n = 0; n < 3; n++) await send(n, "a", `red fox ${n}`);
		for (let n = 3; n < 6; n++) await send(n, "a", `a fox ${n}`);
		expect(await t.mutation("messages:searchAndRemove", { text: "red fox" })).toBe(6);
		expect(await search("fox")).toEqual([]);
	});
});

describe("live queries", () => {
	const caller = NOBODY;
	const list = (channel: string) => ({
		path: "messages:list",
		argsJson: argsText({ channel }),
		caller,
		journal: null,
	});
	const numbers = async (set: QuerySet): Promise<Record<number, unknown>> => {
		const { results } = await set.evaluate();
		return Object.fromEntries(
			[...results].map(([id, outcome]) => [
				id,
				outcome.kind === "ok" ? jsonToConvex(JSON.parse(outcome.valueJson)) : outcome.errorMessage,
			]),
		);
	};

	test("a commit makes exactly the touched queries stale, and only changes are given", async () => {
		const set = t.engine.openQuerySet();
		let calls = 0;
		set.onStale = () => {
			calls += 1;
		};
		set.add(1, list("a"));
		set.add(2, list("b"));
		expect(await numbers(set)).toEqual({ 1: [], 2: [] });
		await send(1, "a");
		await send(2, "a");
		expect(calls).toBe(1);
		expect(await numbers(set)).toEqual({ 1: [1, 2] });
		await send(1, "c");
		expect(calls).toBe(1);
		expect(await numbers(set)).toEqual({});
	});

	test("a change that changes no result is left out", async () => {
		const id = await send(1);
		const set = t.engine.openQuerySet();
		set.add(1, list("a"));
		await numbers(set);
		await t.mutation("messages:edit", { id, changes: { body: "other text" } });
		expect(await numbers(set)).toEqual({});
		await t.mutation("messages:edit", { id, changes: { channel: "b" } });
		expect(await numbers(set)).toEqual({ 1: [] });
	});

	test("only what was consumed is watched", async () => {
		await t.mutation("messages:sendMany", { channel: "a", from: 10, count: 5 });
		const set = t.engine.openQuerySet();
		let calls = 0;
		set.onStale = () => {
			calls += 1;
		};
		set.add(1, {
			path: "messages:latest",
			argsJson: argsText({ channel: "a", count: 2 }),
			caller,
			journal: null,
		});
		await numbers(set);
		await send(1);
		expect(calls).toBe(0);
		await send(20);
		expect(calls).toBe(1);
		expect(await numbers(set)).toEqual({ 1: [20, 14] });
	});

	test("a missing document, a missing table and a nested query are watched", async () => {
		const id = await t.mutation("users:create", { name: "x", email: "y" });
		await t.mutation("users:remove", { id });
		const set = t.engine.openQuerySet();
		set.add(1, { path: "things:inTable", argsJson: argsText({ table: "later" }), caller, journal: null });
		set.add(2, { path: "nesting:viaQuery", argsJson: argsText({}), caller, journal: null });
		set.add(3, { path: "users:get", argsJson: argsText({ id }), caller, journal: null });
		expect(await numbers(set)).toEqual({ 1: 0, 2: 0, 3: null });
		await t.mutation("things:newTable", { table: "later" });
		await t.mutation("nesting:outer");
		expect(await numbers(set)).toEqual({ 1: 1, 2: 3 });
	});

	test("a count is live, too", async () => {
		const set = t.engine.openQuerySet();
		set.add(1, { path: "things:count", argsJson: argsText({ table: "messages" }), caller, journal: null });
		expect(await numbers(set)).toEqual({ 1: 0 });
		await t.mutation("messages:sendMany", { channel: "x", from: 0, count: 3 });
		expect(await numbers(set)).toEqual({ 1: 3 });
	});

	test("identical subscriptions share a run and its result", async () => {
		const [one, two] = [t.engine.openQuerySet(), t.engine.openQuerySet()];
		const chance = { path: "errors:chance", argsJson: "[{}]", caller, journal: null };
		one.add(1, chance);
		two.add(7, chance);
		const [a, b] = [await numbers(one), await numbers(two)];
		expect(a[1]).toEqual(b[7] as unknown[]);
		one.close();
		expect(await numbers(one)).toEqual({});
	});

	test("failures are results, too, and get well again", async () => {
		const set = t.engine.openQuerySet();
		set.add(1, {
			path: "messages:page",
			argsJson: argsText({ channel: "a", paginationOpts: { numItems: 1, cursor: "bad" } }),
			caller,
			journal: null,
		});
		set.add(2, { path: "users:byEmail", argsJson: argsText({ email: "same" }), caller, journal: null });
		await numbers(set);
		await t.mutation("users:create", { name: "1", email: "same" });
		await t.mutation("users:create", { name: "2", email: "same" });
		expect((await numbers(set))[2]).toContain("unique() query returned more than one result");
		const [user] = await t.query("users:all");
		await t.mutation("users:remove", { id: user._id });
		expect((await numbers(set))[2]).toMatchObject({ name: "2" });
	});

	test("all results of one evaluation have one timestamp, and it covers the commit", async () => {
		const set = t.engine.openQuerySet();
		set.add(1, list("a"));
		set.add(2, list("b"));
		const outcome = await t.mutationOutcome("messages:send", { channel: "a", n: 1 });
		const { ts, results } = await set.evaluate(outcome.ts ?? undefined);
		expect(ts).toBeGreaterThanOrEqual(outcome.ts as bigint);
		expect([...results.values()].map((result) => result.ts)).toEqual([ts, ts]);
	});

	test("a live page keeps its end, and a journal brings it back", async () => {
		await t.mutation("messages:sendMany", { channel: "a", from: 1, count: 4 });
		const subscription = {
			path: "messages:page",
			argsJson: argsText({ channel: "a", paginationOpts: { numItems: 2, cursor: null } }),
			caller,
			journal: null as string | null,
		};
		const set = t.engine.openQuerySet();
		set.add(1, subscription);
		const { journal } = (await set.evaluate()).results.get(1) as { journal: string };
		await send(1.5);
		expect((await numbers(set))[1]).toMatchObject({ page: [1, 1.5, 2] });
		const reconnected = t.engine.openQuerySet();
		reconnected.add(1, { ...subscription, journal });
		expect((await numbers(reconnected))[1]).toMatchObject({ page: [1, 1.5, 2] });
	});

	test("search results follow what is written", async () => {
		const set = t.engine.openQuerySet();
		set.add(1, { path: "messages:search", argsJson: argsText({ text: "fox" }), caller, journal: null });
		expect(await numbers(set)).toEqual({ 1: [] });
		await send(1, "a", "a fox");
		expect(await numbers(set)).toEqual({ 1: ["a fox"] });
	});

	test("what depends on a stored file follows its end", async () => {
		const id = await t.action("files:storeText", { text: "x" });
		const set = t.engine.openQuerySet();
		set.add(1, { path: "files:url", argsJson: argsText({ id }), caller, journal: null });
		expect((await numbers(set))[1]).toStartWith("http://cloud.test/api/storage/");
		await t.mutation("files:remove", { id });
		expect(await numbers(set)).toEqual({ 1: null });
	});
});

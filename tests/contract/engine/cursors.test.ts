/** Cursors come from clients, so they may say anything: a page stays within the range that its query names. */
import { afterEach, expect, test } from "bun:test";
import { encodeKey } from "../../../src/engine/values/sort-key.ts";
import { appWith, cleanUp, type Loose, type TestEngine, testEngine } from "../../support/test-engine.ts";

afterEach(cleanUp);

async function threeChannels(): Promise<TestEngine> {
	const t = await testEngine();
	for (const channel of ["a", "b", "c"]) {
		const from = channel.charCodeAt(0) * 10;
		await t.mutation("messages:sendMany", { channel, from, count: 3 });
	}
	return t;
}

/** A cursor as the engine writes it, but with a place of the client's choosing. */
function forged(real: string, values: (string | number)[]): string {
	const key = Buffer.from(encodeKey(values)).toString("base64url");
	return `${real.split(".")[0]}.after.${key}`;
}

for (const order of ["asc", "desc"]) {
	test(`a cursor from outside of the range opens nothing beyond it, ${order}`, async () => {
		const t = await threeChannels();
		const page = (opts: Record<string, unknown>): Promise<Loose> =>
			t.query("messages:page", {
				channel: "b",
				order,
				paginationOpts: { numItems: 2, cursor: null, ...opts },
			});
		const real = (await page({})).continueCursor;
		const own = order === "asc" ? [980, 981, 982] : [982, 981, 980];
		const below = forged(real, ["a"]);
		const above = forged(real, ["d"]);
		const [first, last] = order === "asc" ? [below, above] : [above, below];
		expect((await page({ cursor: first, numItems: 50 })).page).toEqual(own);
		expect((await page({ endCursor: last })).page).toEqual(own);
		expect((await page({ cursor: first, endCursor: last })).page).toEqual(own);
		expect((await page({ cursor: last, numItems: 50 })).page).toEqual([]);
		expect((await page({ endCursor: first })).page).toEqual([]);
	});
}

test("a journal from outside of the range opens nothing beyond it", async () => {
	const t = await threeChannels();
	const args = { channel: "b", paginationOpts: { numItems: 2, cursor: null } };
	const real = (await t.query("messages:page", args)).continueCursor;
	const set = t.engine.openQuerySet();
	const argsJson = JSON.stringify([args]);
	set.add(1, { path: "messages:page", argsJson, caller: t.caller, journal: forged(real, ["d"]) });
	const outcome = (await set.evaluate()).results.get(1) as Loose;
	expect(JSON.parse(outcome.valueJson).page).toEqual([980, 981, 982]);
	// What is written next door is not this page's business, either.
	await t.mutation("messages:send", { channel: "c", n: 1 });
	expect((await set.evaluate()).results.size).toBe(0);
	set.close();
});

test("a live page that failed for a while keeps its end when it recovers", async () => {
	const functionsDir = appWith({
		"rows.ts": `import { mutationGeneric as mutation, queryGeneric as query } from "convex/server";
			export const put = mutation((ctx, { n, bad }: any) => ctx.db.insert("rows", { n, bad }));
			export const drop = mutation(async (ctx, { n }: any) => {
				for (const row of await ctx.db.query("rows").collect()) if (row.n === n) await ctx.db.delete(row._id);
			});
			export const page = query(async (ctx, { paginationOpts }: any) => {
				const newest = await ctx.db.query("rows").order("desc").first();
				if (newest.bad) throw new Error("not now");
				const found = await ctx.db.query("rows").order("desc").paginate(paginationOpts);
				return { ...found, page: found.page.map((row: any) => row.n) };
			});`,
	});
	const t = await testEngine({ functionsDir });
	for (const n of [1, 2, 3, 4]) await t.mutation("rows:put", { n, bad: false });
	const set = t.engine.openQuerySet();
	const shown: Loose[] = [];
	const refresh = async (): Promise<void> => {
		for (const [id, outcome] of (await set.evaluate()).results)
			shown[id] = outcome.kind === "ok" ? JSON.parse(outcome.valueJson) : outcome;
	};
	const watch = (id: number, cursor: string | null, journal: string | null = null): void => {
		const argsJson = JSON.stringify([{ paginationOpts: { numItems: 2, cursor } }]);
		set.add(id, { path: "rows:page", argsJson, caller: t.caller, journal });
	};
	watch(0, null);
	await refresh();
	watch(1, shown[0].continueCursor);
	await refresh();
	expect(shown.map(({ page }) => page)).toEqual([
		[4, 3],
		[2, 1],
	]);
	const journal = shown[0].continueCursor;
	await t.mutation("rows:put", { n: 5, bad: true });
	await refresh();
	// A client that connects again brings the journal it was given with the failure.
	expect(shown[0]).toMatchObject({ kind: "error", journal });
	await t.mutation("rows:put", { n: 6, bad: false });
	await t.mutation("rows:drop", { n: 5 });
	await refresh();
	expect(shown.map(({ page }) => page)).toEqual([
		[6, 4, 3],
		[2, 1],
	]);
	set.close();
});

test("who joins a page that others have had open for long gets as much as it asks for, and they keep theirs", async () => {
	const t = await testEngine();
	await t.mutation("messages:sendMany", { channel: "a", from: 1, count: 4 });
	const argsJson = JSON.stringify([
		{ channel: "a", order: "desc", paginationOpts: { numItems: 2, cursor: null } },
	]);
	const watch = () => {
		const set = t.engine.openQuerySet();
		set.add(0, { path: "messages:page", argsJson, caller: t.caller, journal: null });
		return async (): Promise<Loose> => {
			const outcome = (await set.evaluate()).results.get(0);
			return outcome?.kind === "ok" ? JSON.parse(outcome.valueJson).page : outcome;
		};
	};
	const early = watch();
	expect(await early()).toEqual([4, 3]);
	await t.mutation("messages:sendMany", { channel: "a", from: 5, count: 3 });
	// Once before and once after the page ran again for the one who has it.
	const joining = watch();
	expect(await joining()).toEqual([7, 6]);
	expect(await early()).toEqual([7, 6, 5, 4, 3]);
	const late = watch();
	expect(await late()).toEqual([7, 6]);
	await t.mutation("messages:send", { channel: "a", n: 8 });
	expect(await early()).toEqual([8, 7, 6, 5, 4, 3]);
	expect(await joining()).toEqual([8, 7, 6]);
	expect(await late()).toEqual([8, 7, 6]);
});

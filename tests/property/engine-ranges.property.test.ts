/** Index ranges, orders and pages against a plain list of the same documents. */
import { afterEach, expect, test } from "bun:test";
import { compareValues, type Value } from "convex/values";
import fc from "fast-check";
import { appWith, cleanUp, testEngine } from "../support/test-engine.ts";

afterEach(cleanUp);

const APP = {
	"schema.ts": `import { defineSchema, defineTable } from "convex/server"; import { v } from "convex/values";
		export default defineSchema({ rows: defineTable({ a: v.optional(v.any()), b: v.optional(v.any()), n: v.number() }).index("by_a_b", ["a", "b"]) });`,
	"rows.ts": `import { mutationGeneric as mutation, queryGeneric as query } from "convex/server";
		export const fill = mutation(async (ctx, { rows }: any) => {
			for (const row of await ctx.db.query("rows").collect()) await ctx.db.delete(row._id);
			for (const row of rows) await ctx.db.insert("rows", row);
		});
		const ranged = (ctx: any, { bounds, order }: any) => ctx.db.query("rows")
			.withIndex("by_a_b", (q: any) => bounds.reduce((range: any, [op, field, value]: any[]) => range[op](field, value), q)).order(order);
		export const all = query(async (ctx, args: any) => (await ranged(ctx, args).collect()).map((row: any) => row.n));
		export const pages = query(async (ctx, args: any) => {
			const { page, ...rest } = await ranged(ctx, args).paginate(args.paginationOpts);
			return { ...rest, page: page.map((row: any) => row.n) };
		});`,
};

const value = fc.constantFrom<(Value | undefined)[]>(
	undefined,
	null,
	-5n,
	2n ** 62n,
	Number.NEGATIVE_INFINITY,
	-0,
	0,
	1.5,
	Number.NaN,
	false,
	true,
	"",
	"a",
	"a\0",
	"a\0b",
	"b",
	"é",
	"𐍈",
	"\uffff",
	new Uint8Array([]).buffer,
	new Uint8Array([0, 255]).buffer,
	[],
	[null],
	["a", 1],
	{},
	{ a: 1 },
	{ a: 1, b: null },
);
type Row = { a?: Value; b?: Value; n: number };
type Bound = [op: "eq" | "gt" | "gte" | "lt" | "lte", field: "a" | "b", value: Value];

const defined = value.filter((one) => one !== undefined) as fc.Arbitrary<Value>;
const oneField = (field: "a" | "b"): fc.Arbitrary<Bound[]> =>
	fc
		.tuple(
			fc.option(fc.tuple(fc.constantFrom("gt" as const, "gte" as const), fc.constant(field), defined)),
			fc.option(fc.tuple(fc.constantFrom("lt" as const, "lte" as const), fc.constant(field), defined)),
		)
		.map((bounds) => bounds.filter((bound) => bound !== null));
const bounds: fc.Arbitrary<Bound[]> = fc.oneof(
	oneField("a"),
	fc.tuple(defined, oneField("b")).map(([a, rest]): Bound[] => [["eq", "a", a], ...rest]),
	fc.tuple(defined, defined).map(([a, b]): Bound[] => [
		["eq", "a", a],
		["eq", "b", b],
	]),
);

const HOLDS = {
	eq: (order: number) => order === 0,
	gt: (order: number) => order > 0,
	gte: (order: number) => order >= 0,
	lt: (order: number) => order < 0,
	lte: (order: number) => order <= 0,
};

function expected(rows: readonly Row[], limits: readonly Bound[], order: string): number[] {
	const found = rows.filter((row) =>
		limits.every(([op, field, limit]) => HOLDS[op](compareValues(row[field], limit))),
	);
	found.sort((x, y) => compareValues(x.a, y.a) || compareValues(x.b, y.b) || x.n - y.n);
	if (order === "desc") found.reverse();
	return found.map((row) => row.n);
}

function withoutMissing({ a, b, n }: Row): Record<string, Value> {
	return { ...(a === undefined ? {} : { a }), ...(b === undefined ? {} : { b }), n };
}

test("a range gives what a filter over all documents gives, in order, whole and in pages", async () => {
	const t = await testEngine({ functionsDir: appWith(APP) });
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.tuple(value, value), { maxLength: 40 }),
			fc.array(bounds, { minLength: 1, maxLength: 8 }),
			fc.constantFrom("asc", "desc"),
			fc.integer({ min: 1, max: 7 }),
			async (pairs, ranges, order, numItems) => {
				const rows = pairs.map(([a, b], n): Row => ({ a, b, n }) as Row);
				await t.mutation("rows:fill", { rows: rows.map(withoutMissing) });
				for (const limits of ranges) {
					const wanted = expected(rows, limits, order);
					const args = { bounds: limits as unknown as Value, order };
					expect(await t.query("rows:all", args)).toEqual(wanted);
					const paged: number[] = [];
					for (let cursor: string | null = null, isDone = false; !isDone; ) {
						const page = await t.query("rows:pages", { ...args, paginationOpts: { numItems, cursor } });
						paged.push(...page.page);
						({ isDone, continueCursor: cursor } = page);
					}
					expect(paged).toEqual(wanted);
				}
			},
		),
		{ numRuns: 60 },
	);
}, 60_000);

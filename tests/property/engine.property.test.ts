/** Live pages and invalidation under random writes. */
import { afterEach, expect, test } from "bun:test";
import { jsonToConvex } from "convex/values";
import fc from "fast-check";
import type { QueryOutcome } from "../../src/engine/types.ts";
import { argsText, cleanUp, NOBODY, type TestEngine, testEngine } from "../support/test-engine.ts";

afterEach(cleanUp);

type Write =
	| { kind: "move"; channel: string; n: number; to: string; body: string }
	| { kind: "send"; channel: string; n: number; body: string }
	| { kind: "remove"; channel: string; n: number }
	| { kind: "many"; channel: string; from: number };

const channel = fc.constantFrom("a", "b");
const n = fc.integer({ min: 0, max: 12 });
const body = fc.constantFrom("red fox", "blue fox", "green owl", "owl");
const write: fc.Arbitrary<Write> = fc.oneof(
	fc.record({ kind: fc.constant("move" as const), channel, n, to: channel, body }),
	fc.record({ kind: fc.constant("send" as const), channel, n, body }),
	fc.record({ kind: fc.constant("remove" as const), channel, n }),
	fc.record({ kind: fc.constant("many" as const), channel, from: n }),
);

async function apply(t: TestEngine, one: Write): Promise<void> {
	if (one.kind === "send")
		await t.mutation("messages:send", { channel: one.channel, n: one.n, body: one.body });
	else if (one.kind === "move")
		await t.mutation("messages:moveNumber", { channel: one.channel, n: one.n, to: one.to, body: one.body });
	else if (one.kind === "remove")
		await t.mutation("messages:removeNumber", { channel: one.channel, n: one.n });
	else await t.mutation("messages:sendMany", { channel: one.channel, from: one.from, count: 3 });
}

async function emptied(t: TestEngine): Promise<void> {
	for (const name of ["a", "b"]) {
		for (const number of new Set(await t.query("messages:list", { channel: name })))
			await t.mutation("messages:removeNumber", { channel: name, n: number });
	}
}

const result = (outcome: QueryOutcome | undefined): unknown =>
	outcome?.kind === "ok" ? jsonToConvex(JSON.parse(outcome.valueJson)) : outcome?.errorMessage;

test("live pages neither overlap nor leave a gap", async () => {
	const t = await testEngine();
	await fc.assert(
		fc.asyncProperty(
			fc.array(write, { maxLength: 6 }),
			fc.array(write, { minLength: 1, maxLength: 8 }),
			fc.integer({ min: 1, max: 4 }),
			fc.constantFrom("asc", "desc"),
			async (before, during, numItems, order) => {
				await emptied(t);
				for (const one of before) await apply(t, one);
				const set = t.engine.openQuerySet();
				const pages: Array<{ page: number[]; isDone: boolean; continueCursor: string }> = [];
				const refresh = async (): Promise<void> => {
					for (const [id, outcome] of (await set.evaluate()).results)
						pages[id] = result(outcome) as (typeof pages)[number];
				};
				let cursor: string | null = null;
				for (const one of [...during, ...during]) {
					if (pages.at(-1)?.isDone !== true) {
						const args = { channel: "a", order, paginationOpts: { numItems, cursor } };
						set.add(pages.length, {
							path: "messages:page",
							argsJson: argsText(args),
							caller: NOBODY,
							journal: null,
						});
						await refresh();
						cursor = (pages.at(-1) as { continueCursor: string }).continueCursor;
					}
					await apply(t, one);
					await refresh();
					const all = await t.query("messages:list", { channel: "a" });
					if (order === "desc") all.reverse();
					const shown = pages.flatMap((page) => page.page);
					// Up to the end of the last page nothing is missing and nothing is there twice.
					expect(shown).toEqual(pages.at(-1)?.isDone ? all : all.slice(0, shown.length));
				}
				set.close();
			},
		),
		{ numRuns: 25 },
	);
}, 30_000);

const WATCHED: Array<[string, Record<string, unknown>]> = [
	["messages:list", { channel: "a" }],
	["messages:list", { channel: "b" }],
	["messages:latest", { channel: "a", count: 2 }],
	["messages:first", { channel: "b" }],
	["messages:search", { text: "fox" }],
	["messages:search", { text: "ow", channel: "a" }],
	["messages:filtered", { expression: "and", value: 5 }],
	["messages:page", { channel: "b", paginationOpts: { numItems: 2, cursor: null } }],
];

test("after every commit the reactor gives what a fresh run gives", async () => {
	const t = await testEngine();
	await fc.assert(
		fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 12 }), async (writes) => {
			await emptied(t);
			const set = t.engine.openQuerySet();
			let stale = false;
			set.onStale = () => {
				stale = true;
			};
			const known: unknown[] = [];
			const journals: Array<string | null> = [];
			const refresh = async (): Promise<void> => {
				stale = false;
				for (const [id, outcome] of (await set.evaluate()).results) {
					known[id] = result(outcome);
					journals[id] ??= outcome.journal;
				}
			};
			for (const [id, [path, args]] of WATCHED.entries()) {
				set.add(id, { path, argsJson: argsText(args), caller: NOBODY, journal: null });
			}
			await refresh();
			for (const one of writes) {
				await apply(t, one);
				if (stale) await refresh();
				const fresh = t.engine.openQuerySet();
				for (const [id, [path, args]] of WATCHED.entries()) {
					// The space makes it another subscription, so that nothing is shared.
					const argsJson = `${argsText(args)} `;
					fresh.add(id, { path, argsJson, caller: NOBODY, journal: journals[id] ?? null });
				}
				const { results } = await fresh.evaluate();
				expect(WATCHED.map((_watched, id) => known[id])).toEqual(
					WATCHED.map((_watched, id) => result(results.get(id))),
				);
				fresh.close();
			}
			set.close();
		}),
		{ numRuns: 30 },
	);
}, 30_000);

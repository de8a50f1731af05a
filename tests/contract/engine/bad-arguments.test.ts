/** Arguments come from clients: whatever they are, a call has an outcome and never throws into whoever serves it. */
import { afterEach, expect, test } from "bun:test";
import { appWith, cleanUp, testEngine } from "../../support/test-engine.ts";

afterEach(cleanUp);

const APP = {
	"f.ts": `import { actionGeneric as action, mutationGeneric as mutation, queryGeneric as query } from "convex/server";
		import { v } from "convex/values";
		const fn = { args: { a: v.union(v.string(), v.literal(1n), v.array(v.number())) }, handler: () => 1 };
		export const q = query(fn);
		export const m = mutation(fn);
		export const a = action(fn);`,
};

const NO_VALUES = [
	'{"$integer":"AA=="}',
	'{"$integer":1}',
	'{"$float":{}}',
	'{"$bytes":null}',
	'{"$other":1}',
	"[".repeat(200_000) + "]".repeat(200_000),
	`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`,
];

test("arguments that are no values, or nested beyond all measure, are refused like others that do not match", async () => {
	const t = await testEngine({ functionsDir: appWith(APP) });
	for (const value of NO_VALUES) {
		const args = `[{"a":${value}}]`;
		const refused = { kind: "error", errorMessage: expect.stringContaining("ArgumentValidationError") };
		expect(await t.engine.query("f:q", args, t.caller)).toMatchObject(refused);
		expect(await t.engine.mutation("f:m", args, t.caller)).toMatchObject(refused);
		expect(await t.engine.action("f:a", args, t.caller)).toMatchObject(refused);
	}
});

test("a subscription with such arguments leaves the others of its client alone", async () => {
	const t = await testEngine({ functionsDir: appWith(APP) });
	const set = t.engine.openQuerySet();
	const watch = (id: number, value: string): void =>
		set.add(id, { path: "f:q", argsJson: `[{"a":${value}}]`, caller: t.caller, journal: null });
	watch(0, '{"$integer":1}');
	watch(1, '"well"');
	const { results } = await set.evaluate();
	expect([results.get(0)?.kind, results.get(1)?.kind]).toEqual(["error", "ok"]);
	set.close();
});

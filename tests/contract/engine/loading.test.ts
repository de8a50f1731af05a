/** Which functions folders load, and what is refused by name. */
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { EngineStartError } from "../../../src/engine/types.ts";
import { appWith, cleanUp, temporaryDir, testEngine } from "../../support/test-engine.ts";

afterEach(cleanUp);

const query = (body: string) => `import { queryGeneric as query } from "convex/server"; ${body}`;
const schema = (body: string) =>
	`import { defineSchema, defineTable } from "convex/server"; import { v } from "convex/values"; ${body}`;

async function refusal(files: Record<string, string>): Promise<EngineStartError> {
	const error = await testEngine({ functionsDir: appWith(files) }).then(
		() => null,
		(thrown: unknown) => thrown,
	);
	if (error instanceof EngineStartError) return error;
	throw new Error(`no start error: ${error}`);
}

test('"use node" is refused with the file named', async () => {
	const error = await refusal({
		"work.ts": `// a comment\n"use node";\n${query("export const a = query(() => 1);")}`,
	});
	expect(error).toMatchObject({ code: "unsupported" });
	expect(error.message).toContain("work.ts");
});

test("vector indexes are refused with table and index named", async () => {
	const error = await refusal({
		"schema.ts": schema(
			'export default defineSchema({ t: defineTable({ e: v.array(v.number()) }).vectorIndex("by_e", { vectorField: "e", dimensions: 2 }) });',
		),
	});
	expect(error).toMatchObject({ code: "unsupported" });
	expect(error.message).toContain('"by_e"');
});

test("components are refused; a config without them loads", async () => {
	const config = (body: string) => ({
		"convex.config.ts": `import { defineApp, defineComponent } from "convex/server"; const app = defineApp(); ${body} export default app;`,
	});
	expect(
		await refusal(
			config(
				'app.use({ defaultName: "x", componentDefinitionPath: "../x", _isRoot: false } as any, { name: "x" });',
			),
		),
	).toMatchObject({ code: "unsupported" });
	await testEngine({ functionsDir: appWith(config("")) });
});

test("vector search is refused when it is called", async () => {
	const functionsDir = appWith({
		"a.ts":
			'import { actionGeneric as action } from "convex/server"; export const find = action((ctx) => ctx.vectorSearch("t", "i", { vector: [1] } as never));',
	});
	await expect((await testEngine({ functionsDir })).action("a:find")).rejects.toThrow(
		"Vector search is not supported by this backend.",
	);
});

test("code that does not build, does not load or lies nowhere is told in one sentence", async () => {
	const broken = await refusal({ "bad.ts": 'import x from "./missing"; export const y = x;' });
	expect(broken).toMatchObject({ code: "functions" });
	expect(broken.message).toContain("bad.ts:1: Could not resolve");
	expect((await refusal({ "node.ts": 'import fs from "node:fs"; export const y = fs;' })).message).toContain(
		"node:fs",
	);
	expect(
		(await refusal({ "throws.ts": 'export const x = 1; throw new Error("at load");' })).message,
	).toContain("at load");
	expect(
		await testEngine({ functionsDir: join(temporaryDir(), "none") }).catch((error) => error),
	).toMatchObject({ code: "functions" });
	expect((await refusal({ "schema.ts": "export default 5;" })).message).toContain("schema.ts");
});

test("an index over a field twice, or a reserved name, is refused", async () => {
	for (const index of ['.index("a", ["x", "x"])', '.index("by_id", ["x"])', '.index("a", [])']) {
		expect(
			await refusal({
				"schema.ts": schema(`export default defineSchema({ t: defineTable({ x: v.any() })${index} });`),
			}),
		).toMatchObject({ code: "schema" });
	}
});

test("entry points follow Convex's rules; code from outside the folder comes along", async () => {
	const functionsDir = appWith({
		"../shared/greet.ts": 'export const greet = (name: string): string => "hello " + name;',
		"a.ts": query('import { greet } from "../shared/greet"; export const hi = query(() => greet("you"));'),
		"b.js": query("export default query(() => 2);"),
		"c.test.ts": "throw new Error('not an entry point'); export {};",
		"script.ts": "throw new Error('no module');",
		".hidden.ts": "throw new Error('hidden'); export {};",
		"_generated/api.ts": "throw new Error('generated'); export {};",
		"part/convex.config.ts": "throw new Error('a component'); export {};",
		"deep/er/fn.tsx": query("export const one = query(() => 1);"),
	});
	const t = await testEngine({ functionsDir });
	expect([...t.engine.functions.keys()].sort()).toEqual(["a:hi", "b:default", "deep/er/fn:one"]);
	expect(await t.query("a:hi")).toBe("hello you");
	expect(await t.query("a.js:hi")).toBe("hello you");
	expect(await t.query("b")).toBe(2);
});

test("an app without generated code runs", async () => {
	const functionsDir = appWith({
		"a.ts": `import { api } from "./_generated/api"; import { mutation, query } from "./_generated/server.js"; import type { Doc } from "./_generated/dataModel";
			export const one = query(() => 1); export const two = mutation(async (ctx): Promise<Doc> => (await ctx.runQuery(api.a.one)) + 1);`,
	});
	expect(await (await testEngine({ functionsDir })).mutation("a:two")).toBe(2);
});

test("two engines with different apps and environments do not meet", async () => {
	const files = { "a.ts": query("export const env = query(() => [process.env.NAME, Date.now()]);") };
	const [one, two] = [
		await testEngine({ functionsDir: appWith(files), env: { NAME: "one" }, now: () => 1000 }),
		await testEngine({ functionsDir: appWith(files), env: { NAME: "two" }, now: () => 2000 }),
	];
	expect(await Promise.all([one.query("a:env"), two.query("a:env")])).toEqual([
		["one", 1000],
		["two", 2000],
	]);
});

test("staged indexes cannot be queried yet", async () => {
	const functionsDir = appWith({
		"schema.ts": schema(
			'export default defineSchema({ t: defineTable({ x: v.any() }).index("soon", { fields: ["x"], staged: true }) });',
		),
		"a.ts": query('export const q = query((ctx) => (ctx.db.query("t") as any).withIndex("soon").collect());'),
	});
	await expect((await testEngine({ functionsDir })).query("a:q")).rejects.toThrow(
		"Index t.soon is currently staged and not available to query until it is enabled",
	);
});

test("without schema validation every document is taken", async () => {
	const functionsDir = appWith({
		"schema.ts": schema(
			"export default defineSchema({ t: defineTable({ x: v.number() }) }, { schemaValidation: false });",
		),
		"a.ts":
			'import { mutationGeneric as mutation } from "convex/server"; export const put = mutation((ctx) => ctx.db.insert("t", { x: "text" }));',
	});
	expect(await (await testEngine({ functionsDir })).mutation("a:put")).toBeString();
});

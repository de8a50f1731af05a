/** What the official command line would send to a real deployment, dumped without one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, readSource, sourceFiles } from "../support/source-tree.ts";

type Dump = {
	nodeDependencies: unknown[];
	appDefinition: {
		schema: { path: string; source: string };
		changedModules: { path: string; source: string; environment: string }[];
	};
};

let folder: string;
let dump: Dump;

beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), "pi-opensync-deploy-"));
	const request = join(folder, "push");
	const command = [
		"deploy",
		"--url",
		"http://127.0.0.1:1",
		"--admin-key",
		"a|b",
		"--write-push-request",
		request,
	];
	const flags = ["--push-all-modules", "--typecheck", "disable", "--codegen", "disable"];
	const bin = join(ROOT, "node_modules/.bin/convex");
	const result = spawnSync(bin, [...command, ...flags], { cwd: ROOT, encoding: "utf8", timeout: 60_000 });
	if (result.status !== 0) throw new Error(`convex deploy failed: ${result.stdout}${result.stderr}`);
	dump = JSON.parse(readFileSync(`${request}.json`, "utf8")) as Dump;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the official bundle holds every module, all for the default runtime", () => {
	const modules = dump.appDefinition.changedModules;
	const paths = modules.map((module) => module.path);
	const expected = sourceFiles("convex", /\.ts$/)
		.map((path) => path.replace(/^convex\//, "").replace(/\.ts$/, ".js"))
		.filter((path) => path !== "schema.js");
	expect(paths.filter((path) => !path.startsWith("_deps/")).toSorted()).toEqual(expected.toSorted());
	expect(new Set(modules.map((module) => module.environment))).toEqual(new Set(["isolate"]));
	expect(dump.nodeDependencies).toEqual([]);
	for (const path of [
		"auth.config.js",
		"http.js",
		"crons.js",
		"sessions.js",
		"entries.js",
		"streams.js",
		"presence.js",
	]) {
		expect(paths).toContain(path);
	}
});

test("nothing in the bundle needs Node or Bun", () => {
	for (const { path, source } of dump.appDefinition.changedModules) {
		const imports = [...source.matchAll(/^\s*(?:import|export)[^"';]*from\s*["']([^"']+)["']/gm)].map(
			(match) => match[1],
		);
		expect({ path, imports: imports.filter((one) => !one?.startsWith(".")) }).toEqual({ path, imports: [] });
		expect({ path, uses: /\b(Bun\.|bun:|node:[a-z]|require\()/.exec(source)?.[0] }).toEqual({
			path,
			uses: undefined,
		});
	}
});

test("the first deploy needs no environment, though Convex throws for a variable that is not set", async () => {
	const bundle = join(folder, "bundle");
	for (const { path, source } of dump.appDefinition.changedModules)
		await Bun.write(join(bundle, path), source);
	const before = process.env;
	process.env = new Proxy({ CONVEX_SITE_URL: "https://site.test" } as NodeJS.ProcessEnv, {
		get(target, name) {
			if (typeof name === "string" && !(name in target))
				throw new Error(`Environment variable ${name} is used in auth config file but its value was not set`);
			return Reflect.get(target, name);
		},
	});
	try {
		const { default: config } = (await import(join(bundle, "auth.config.js"))) as { default: unknown };
		const jwks = `data:text/plain;charset=utf-8;base64,${btoa('{"keys":[]}')}`;
		expect(config).toMatchObject({ providers: [{ issuer: "https://site.test", jwks }] });
	} finally {
		process.env = before;
	}
});

test("the bundle's schema has our tables, and every index is called after its fields", async () => {
	expect(dump.appDefinition.schema.path).toBe("schema.js");
	const file = join(folder, "schema.mjs");
	await Bun.write(file, dump.appDefinition.schema.source);
	const schema = (await import(file)) as { default: { export(): string } };
	const { tables } = JSON.parse(schema.default.export()) as {
		tables: { tableName: string; indexes: { indexDescriptor: string; fields: string[] }[] }[];
	};
	expect(tables.map((table) => table.tableName).toSorted()).toEqual([
		"apiKeys",
		"bodies",
		"entries",
		"keyUses",
		"passages",
		"presence",
		"presenceDeadlines",
		"prompts",
		"questions",
		"rateLimits",
		"removals",
		"searchCursors",
		"sessions",
		"signInCodes",
		"streamDeltas",
		"streams",
		"turnLockDeadlines",
		"turnLocks",
		"users",
	]);
	for (const { tableName, indexes } of tables) {
		// The library's own.
		if (tableName === "rateLimits") continue;
		for (const { indexDescriptor, fields } of indexes) {
			expect(indexDescriptor).toBe(`by_${fields.map((field) => field.split(".").at(-1)).join("_")}`);
		}
	}
});

test("every public function has validators for what goes in and what comes out", () => {
	const builders =
		/\b(readQuery|readOrWriteQuery|readMutation|writeMutation|controlMutation|internalQuery|internalMutation)\(\{([\s\S]*?)handler:/g;
	let functions = 0;
	for (const path of sourceFiles("convex", /^[a-zA-Z]+\.ts$/)) {
		for (const [, , head] of readSource(path).matchAll(builders)) {
			expect({
				path,
				head,
				args: /\bargs:/.test(head ?? ""),
				returns: /\breturns:/.test(head ?? ""),
			}).toEqual({
				path,
				head: head ?? "",
				args: true,
				returns: true,
			});
			functions += 1;
		}
	}
	expect(functions).toBeGreaterThan(30);
	const raw = sourceFiles("convex", /^[a-zA-Z]+\.ts$/).filter(
		(path) =>
			path !== "convex/access.ts" &&
			/\bimport \{[^}]*\b(query|mutation)\b[^}]*\} from "\.\/_generated\/server/.test(readSource(path)),
	);
	expect(raw).toEqual([]);
});

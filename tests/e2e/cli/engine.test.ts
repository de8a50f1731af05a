import { afterEach, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConvexHttpClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { createSetup, type Setup } from "../../support/cli.ts";
import { freePorts } from "../../support/free-ports.ts";
import { ROOT } from "../../support/source-tree.ts";

const MAIN = join(ROOT, "src", "cli", "main.ts");
const BUN = join(ROOT, "node_modules", ".bin", "bun");
const APP = {
	"schema.ts": `import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
export default defineSchema({ words: defineTable({ text: v.string() }) });
`,
	"words.ts": `import { internalQueryGeneric, mutationGeneric, queryGeneric } from "convex/server";
import { v } from "convex/values";
export const add = mutationGeneric({ args: { text: v.string() }, handler: (ctx, { text }) => ctx.db.insert("words", { text }) });
export const all = queryGeneric({ args: {}, handler: async (ctx) => (await ctx.db.query("words").collect()).map((word) => word.text) });
export const secret = internalQueryGeneric({ args: {}, handler: async () => process.env.GREETING ?? "unset" });
`,
};

const add = makeFunctionReference<"mutation", { text: string }>("words:add");
const all = makeFunctionReference<"query", Record<string, never>, string[]>("words:all");

type Serving = { url: string; siteUrl: string; dataDir: string | null; pid: number };

const setups: Setup[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
	for (const child of children.splice(0)) await end(child, "SIGKILL");
	for (const setup of setups.splice(0)) await setup.dispose();
});

/** A set-up with a folder of functions that are none of ours. */
function withApp(files: Record<string, string> = APP): { setup: Setup; functions: string } {
	const setup = createSetup();
	setups.push(setup);
	const functions = join(setup.home, "functions");
	mkdirSync(functions);
	for (const [name, text] of Object.entries(files)) writeFileSync(join(functions, name), text);
	return { setup, functions };
}

async function serve(setup: Setup, ...args: string[]): Promise<Serving & { child: ChildProcess }> {
	const child = spawn(BUN, [MAIN, "engine", "--json", "--admin-key", "the-admin", ...args], {
		env: setup.env,
		stdio: ["ignore", "pipe", "inherit"],
	});
	children.push(child);
	const line = await new Promise<string>((resolve, reject) => {
		let text = "";
		child.stdout?.on("data", (part) => {
			text += part;
			if (text.includes("\n")) resolve(text);
		});
		child.on("close", (code) => reject(new Error(`engine ended with ${code}`)));
	});
	return { ...(JSON.parse(line) as Serving), child };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
	if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
	const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
	child.kill(signal);
	return await closed;
}

const asAdmin = async (url: string, key: string): Promise<Response> =>
	await fetch(`${url}/api/function`, {
		method: "POST",
		headers: { "Content-Type": "application/json", Authorization: `Convex ${key}` },
		body: JSON.stringify({ path: "words:secret", args: {}, format: "json" }),
	});

test("any folder of functions is served, with its variables and its admin key, and is there after a restart", async () => {
	const { setup, functions } = withApp();
	const [port, sitePort] = await freePorts(2);
	const where = ["--functions", functions, "--data", join(setup.home, "db")];
	const ports = ["--port", String(port), "--site-port", String(sitePort)];
	const first = await serve(setup, ...where, ...ports, "--env", "GREETING=a=b c");
	expect(first).toMatchObject({ url: `http://127.0.0.1:${port}`, siteUrl: `http://127.0.0.1:${sitePort}` });
	expect(first.pid).toBe(first.child.pid as number);
	const client = new ConvexHttpClient(first.url);
	await client.mutation(add, { text: "kept" });
	expect(await (await asAdmin(first.url, "the-admin")).json()).toMatchObject({
		status: "success",
		value: "a=b c",
	});
	expect((await asAdmin(first.url, "another")).status).toBeGreaterThanOrEqual(400);
	expect(await end(first.child, "SIGTERM")).toBe(0);
	const second = await serve(setup, ...where, ...ports);
	expect(await new ConvexHttpClient(second.url).query(all)).toEqual(["kept"]);
	expect(await end(second.child, "SIGINT")).toBe(0);
}, 60_000);

test("without a data folder everything is in memory, on free ports when they are 0", async () => {
	const { setup, functions } = withApp();
	const serving = await serve(setup, "--functions", functions, "--port", "0");
	expect(serving.dataDir).toBeNull();
	expect(new URL(serving.url).port).not.toBe("0");
	expect(await new ConvexHttpClient(serving.url).query(all)).toEqual([]);
	expect(await end(serving.child, "SIGTERM")).toBe(0);
}, 60_000);

test("what keeps it from starting is one sentence and the right exit code", async () => {
	const { setup, functions } = withApp();
	const broken = withApp({ "words.ts": "export const add = (((;\n" }).functions;
	const notSupported = withApp({ "words.ts": '"use node";\nexport const x = 1;\n' }).functions;
	const plainFile = join(setup.home, "file");
	writeFileSync(plainFile, "");
	const cases: [code: number, says: string, args: string[]][] = [
		[2, "--functions", []],
		[2, "--admin-key", ["--functions", functions]],
		[2, "NAME=VALUE", ["--functions", functions, "--admin-key", "k", "--env", "GREETING"]],
		[1, "There is no folder", ["--functions", join(setup.home, "nowhere"), "--admin-key", "k"]],
		[1, "words.ts", ["--functions", broken, "--admin-key", "k", "--port", "0"]],
		[1, "use node", ["--functions", notSupported, "--admin-key", "k", "--port", "0"]],
		[
			1,
			"file",
			["--functions", functions, "--admin-key", "k", "--port", "0", "--data", join(plainFile, "db")],
		],
	];
	for (const [code, says, args] of cases) {
		const result = await setup.cli("engine", ...args);
		expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(says)]);
		expect(result.stderr).not.toContain("    at ");
		expect(result.stderr).not.toContain("should not have happened");
		expect(result.stdout).toBe("");
	}
}, 60_000);

test("data that another engine has open is left to it", async () => {
	const { setup, functions } = withApp();
	const args = ["--functions", functions, "--data", join(setup.home, "db"), "--port", "0"];
	const first = await serve(setup, ...args);
	const second = await setup.cli("engine", "--admin-key", "k", ...args);
	expect(second.code).toBe(1);
	expect(second.stderr.trim().split("\n")).toHaveLength(1);
	await new ConvexHttpClient(first.url).mutation(add, { text: "still here" });
	expect(await new ConvexHttpClient(first.url).query(all)).toEqual(["still here"]);
}, 60_000);

test("a corrupted database is one sentence and stays as it is", async () => {
	const { setup, functions } = withApp();
	const folder = join(setup.home, "db");
	const args = ["--functions", functions, "--data", folder, "--port", "0"];
	expect(await end((await serve(setup, ...args)).child, "SIGTERM")).toBe(0);
	const database = readdirSync(folder).find((name) => readFile(folder, name).startsWith("SQLite format 3"));
	writeFileSync(join(folder, database as string), "this is no database ".repeat(500));
	const { code, stderr } = await setup.cli("engine", "--admin-key", "k", ...args);
	expect(code).toBe(1);
	expect(stderr.trim().split("\n")).toHaveLength(1);
	expect(readFile(folder, database as string)).toStartWith("this is no database");
}, 60_000);

function readFile(folder: string, name: string): string {
	try {
		return readFileSync(join(folder, name), "latin1");
	} catch {
		return "";
	}
}

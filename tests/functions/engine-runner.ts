/**
 * The functions on our own engine, in memory, with the stories' clock. Opening an engine costs more than a
 * story, so the stories of a file share one and empty it in between.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { ConvexError, convexToJson, type JSONValue, jsonToConvex, type Value } from "convex/values";
import { openEngine } from "../../src/engine/open-engine.ts";
import type { Caller, Engine, Outcome } from "../../src/engine/types.ts";
import { ROOT, readSource, sourceFiles } from "../support/source-tree.ts";
import type { Identity, Runner, RunnerOptions } from "./app.ts";

const SITE_URL = "https://site.test";
const ADMIN: Caller = { identity: null, admin: true };
/** Taken before the stories hold time still. */
const turn = setImmediate;

let functionsDir: string | null = null;
const engines = new Map<string, Promise<Engine>>();

export async function openEngineRunner(options: RunnerOptions): Promise<Runner> {
	const engine = await sharedEngine(options);
	const run = async (path: string, args: Record<string, unknown>) =>
		decoded(await engine.run(path, encoded(args), ADMIN));
	return {
		name: "engine",
		call: async (kind, path, args, identity) =>
			decoded(await engine[kind](path, encoded(args), { identity, admin: false })),
		run: (_kind, path, args) => run(path, args),
		async fetch(path, init) {
			const response = await engine.httpAction(new Request(SITE_URL + path, init), {
				identity: null,
				admin: false,
			});
			if (!response) throw new Error("There is no http.ts.");
			return response;
		},
		async store(text) {
			const stored = await engine.files.store(new TextEncoder().encode(text), {
				contentType: "application/json",
			});
			if (stored.kind !== "stored") throw new Error("The file was not stored.");
			return stored.storageId;
		},
		settle: () => settled(engine),
		rows: async (table) => (await run("story:count", { table })) as number,
		files: async () => (await run("story:files", {})) as number,
		close: async () => {
			while ((await run("story:clear", {})) === true);
		},
	};
}

/** An engine with the app's functions and `story-functions.ts`; one for each environment. */
export function sharedEngine({ env }: RunnerOptions): Promise<Engine> {
	const key = JSON.stringify(env);
	const engine =
		engines.get(key) ??
		openEngine({
			functionsDir: withStoryFunctions(),
			dataDir: null,
			env,
			cloudUrl: env.CONVEX_CLOUD_URL ?? "https://cloud.test",
			siteUrl: SITE_URL,
			now: () => Date.now(),
		});
	engines.set(key, engine);
	return engine;
}

/** Closes what the stories of a file opened; again and again is fine. */
export async function closeEngines(): Promise<void> {
	const open = [...engines.values()];
	engines.clear();
	for (const engine of open) await (await engine).close();
	if (functionsDir) rmSync(functionsDir, { recursive: true, force: true });
	functionsDir = null;
}

/** A folder whose modules are those of `convex/` and one more. */
function withStoryFunctions(): string {
	if (functionsDir) return functionsDir;
	functionsDir = mkdtempSync(join(tmpdir(), "pi-opensync-stories-"));
	const modules = sourceFiles("convex", /\.ts$/).filter((path) => !path.startsWith("convex/model/"));
	for (const path of modules) {
		const from = JSON.stringify(join(ROOT, path));
		const hasDefault = /^export default/m.test(readSource(path));
		const lines = [`export * from ${from};`, ...(hasDefault ? [`export { default } from ${from};`] : [])];
		const to = join(functionsDir, relative("convex", path));
		mkdirSync(dirname(to), { recursive: true });
		writeFileSync(to, lines.join("\n"));
	}
	const story = JSON.stringify(join(import.meta.dir, "story-functions.ts"));
	writeFileSync(join(functionsDir, "story.ts"), `export * from ${story};`);
	return functionsDir;
}

export function encoded(args: Record<string, unknown>): string {
	return JSON.stringify(convexToJson(args as Value));
}

export function callerOf(identity: Identity): Caller {
	return { identity, admin: false };
}

function decoded(outcome: Outcome): unknown {
	if (outcome.kind === "ok") return jsonToConvex(JSON.parse(outcome.valueJson) as JSONValue);
	if (outcome.errorDataJson === undefined) throw new Error(outcome.errorMessage);
	throw new ConvexError(jsonToConvex(JSON.parse(outcome.errorDataJson) as JSONValue));
}

/** Turns of the event loop until nothing commits any more. */
async function settled(engine: Engine): Promise<void> {
	let before = engine.latestTs();
	for (let quiet = 0; quiet < 3; quiet++) {
		await new Promise<void>((resolve) => turn(resolve));
		if (engine.latestTs() !== before) quiet = 0;
		before = engine.latestTs();
	}
}

/** The functions on our own engine, in memory, with the stories' clock. */
import { ConvexError, convexToJson, type JSONValue, jsonToConvex, type Value } from "convex/values";
import { openEngine } from "../../src/engine/open-engine.ts";
import type { Caller, Engine, Outcome } from "../../src/engine/types.ts";
import { CONVEX_DIR } from "../support/convex-modules.ts";
import type { Identity, Runner, RunnerOptions } from "./app.ts";

const SITE_URL = "https://site.test";
const ADMIN: Caller = { identity: null, admin: true };
/** Taken before the stories hold time still. */
const turn = setImmediate;

export async function openStoryEngine({ env }: RunnerOptions): Promise<Engine> {
	return await openEngine({
		functionsDir: CONVEX_DIR,
		dataDir: null,
		env,
		cloudUrl: env.CONVEX_CLOUD_URL ?? "https://cloud.test",
		siteUrl: SITE_URL,
		now: () => Date.now(),
	});
}

export async function openEngineRunner(options: RunnerOptions): Promise<Runner> {
	const engine = await openStoryEngine(options);
	return {
		name: "engine",
		call: async (kind, path, args, identity) =>
			decoded(
				await engine[kind](path, encoded(args), { identity: identity && { ...identity }, admin: false }),
			),
		run: async (_kind, path, args) => decoded(await engine.run(path, encoded(args), ADMIN)),
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
		rows: async () => null,
		close: () => engine.close(),
	};
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
	let quiet = 0;
	for (let before = engine.latestTs(); quiet < 3; quiet++) {
		await new Promise<void>((resolve) => turn(resolve));
		if (engine.latestTs() !== before) quiet = 0;
		before = engine.latestTs();
	}
}

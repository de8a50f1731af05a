/** A database from before there was a search is searched soon after its backend was started anew. */
import { test } from "bun:test";
import { convexToJson, type JSONValue, jsonToConvex, type Value } from "convex/values";
import { openEngine } from "../../src/engine/open-engine.ts";
import type { Caller, Engine, Outcome } from "../../src/engine/types.ts";
import type { SearchPage } from "../../src/protocol/search.ts";
import { talk } from "../functions/stories.ts";
import { readSource, sourceFiles } from "../support/source-tree.ts";
import { ADMIN, appWith, cleanUp, temporaryDir } from "../support/test-engine.ts";
import { waitFor } from "../support/wait-for.ts";

const HASH = "a".repeat(64);

/** The functions as they are, but that nothing is indexed and nothing searched. */
function oldFunctions(): string {
	const files: Record<string, string> = {};
	for (const path of sourceFiles("convex", /\.ts$/)) {
		const name = path.slice("convex/".length);
		// The folder lies elsewhere.
		if (!["crons.ts", "passages.ts"].includes(name)) files[name] = fromHere(readSource(path));
	}
	files["passages.ts"] = `import { internalMutationGeneric as internalMutation } from "convex/server";
		export const index = internalMutation({ handler: async () => null });
		export const readFile = index;
		export const forget = internalMutation({ handler: async (ctx) => {
			for (const row of await ctx.db.query("searchCursors").collect()) await ctx.db.delete(row._id);
			const jobs = await ctx.db.system.query("_scheduled_functions").collect();
			return jobs.filter(({ state }) => state.kind !== "success").length;
		} });`;
	for (const name of ["api.js", "server.js"])
		files[`_generated/${name}`] = readSource(`convex/_generated/${name}`);
	return appWith(files);
}

const fromHere = (text: string): string =>
	text.replaceAll(/"(?:\.\.\/)+src\//g, `"${new URL("../../src/", import.meta.url).pathname}`);

async function open(functionsDir: string, dataDir: string): Promise<Engine> {
	const urls = { cloudUrl: "http://cloud.test", siteUrl: "http://site.test" };
	return await openEngine({ functionsDir, dataDir, env: {}, ...urls });
}

function answered<T>(outcome: Outcome): T {
	if (outcome.kind === "error") throw new Error(outcome.errorMessage);
	return jsonToConvex(JSON.parse(outcome.valueJson) as JSONValue) as T;
}
const args = (value: object) => JSON.stringify([convexToJson(value as Value)]);

async function caller(engine: Engine): Promise<Caller> {
	const found = answered<{ userId: string; keyId: string }>(
		await engine.run("apiKeys:find", args({ hash: HASH }), ADMIN),
	);
	const identity = { subject: found.userId, issuer: "x", tokenIdentifier: "x", keyId: found.keyId };
	return { identity, admin: false };
}

test("a database from before there was a search is searched soon after its backend was started anew", async () => {
	const dataDir = temporaryDir();
	const before = await open(oldFunctions(), dataDir);
	const key = { name: "k", hash: HASH, shown: "osk_test…", scopes: ["read", "write"] };
	answered(await before.run("apiKeys:addFirst", args(key), ADMIN));
	const old = await caller(before);
	for (const sessionId of ["s", "t"]) {
		const session = { sessionId, source: "pi", header: null, machine: "m", startedAt: 1 };
		const project = { projectPath: "/home/dev/zoo", projectName: "zoo" };
		answered(await before.mutation("sessions:open", args({ ...session, ...project }), old));
		const entries = talk([`${sessionId}1`, `${sessionId}2`]);
		answered(await before.mutation("entries:append", args({ sessionId, entries }), old));
	}
	const forget = async () => answered<number>(await before.run("passages:forget", args({}), ADMIN));
	await waitFor(async () => (await forget()) === 0, "the end of all jobs");
	await before.close();

	const now = await open(new URL("../../convex", import.meta.url).pathname, dataDir);
	try {
		const reader = await caller(now);
		const search = args({ query: "text", limit: 10, cursor: null });
		await waitFor(async () => {
			const { hits } = answered<SearchPage>(await now.query("search:passages", search, reader));
			return hits.length === 4;
		}, "all entries to be found");
	} finally {
		await now.close();
		await cleanUp();
	}
}, 60_000);

/** Convex's own test double, with Convex's limits on. */
import { makeFunctionReference } from "convex/server";
import { convexTest } from "convex-test";
import schema from "../../convex/schema.ts";
import { convexModules } from "../support/convex-modules.ts";
import type { Runner, RunnerOptions } from "./app.ts";

export async function openConvexTest({ env }: RunnerOptions): Promise<Runner> {
	const before = { ...process.env };
	Object.assign(process.env, env);
	const t = convexTest({ schema, modules: convexModules() as never, transactionLimits: true });
	return {
		name: "convex-test",
		call: (kind, path, args, identity) => {
			const caller = identity ? t.withIdentity(identity) : t;
			return kind === "query"
				? caller.query(makeFunctionReference<"query">(path), args)
				: caller.mutation(makeFunctionReference<"mutation">(path), args);
		},
		run: (kind, path, args) =>
			kind === "query"
				? t.query(makeFunctionReference<"query">(path), args)
				: t.mutation(makeFunctionReference<"mutation">(path), args),
		fetch: (path, init) => t.fetch(path, init),
		store: (text) => t.run((ctx) => ctx.storage.store(new Blob([text]))),
		settle: () => t.finishInProgressScheduledFunctions(),
		rows: (table) => t.run(async (ctx) => (await ctx.db.query(table as "entries").collect()).length),
		files: () => t.run(async (ctx) => (await ctx.db.system.query("_storage").collect()).length),
		async close() {
			for (const name of Object.keys(env)) {
				if (before[name] === undefined) delete process.env[name];
				else process.env[name] = before[name];
			}
		},
	};
}

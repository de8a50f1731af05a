/**
 * An engine in a process of its own, for tests that kill it or run it on another runtime.
 * Arguments: data folder (or "-"), then what to do. Prints one JSON line a step.
 */
import { join } from "node:path";
import { openEngine } from "../../../src/engine/open-engine.ts";
import { EngineStartError } from "../../../src/engine/types.ts";

const [dataDir = "-", script = "exercise"] = process.argv.slice(2);
const caller = { identity: null, admin: false };
const say = (value: unknown): void =>
	console.log(JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? String(item) : item)));

try {
	const engine = await openEngine({
		functionsDir: join(import.meta.dirname, "../../fixtures/convex-app"),
		dataDir: dataDir === "-" ? null : dataDir,
		env: {},
		cloudUrl: "http://cloud.test",
		siteUrl: "http://site.test",
	});
	const text = (args: Record<string, unknown>): string => JSON.stringify([args]);
	if (script === "hold") {
		await engine.mutation(
			"nesting:writeNote",
			text({ text: "kept" }),
			{ ...caller, admin: true },
			{ sessionId: "s", requestId: 1 },
		);
		await engine.mutation("scheduling:later", text({ text: "soon", delayMs: 150 }), caller);
		await engine.mutation("scheduling:later", text({ text: "soon too", delayMs: 150, action: true }), caller);
		await engine.mutation("scheduling:startEndless", text({}), caller);
		// Its first note says that it runs.
		for (let texts = ""; !texts.includes("started"); ) {
			const outcome = await engine.query("nesting:texts", text({}), caller);
			texts = outcome.kind === "ok" ? outcome.valueJson : "";
			await new Promise((resolve) => setTimeout(resolve, 2));
		}
		say({ ready: process.pid, ts: engine.latestTs() });
		// Stands still until it is killed.
		setInterval(() => {}, 1000);
	} else {
		say(await engine.mutation("errors:unawaited", text({}), caller));
		say(await engine.query("errors:plain", text({}), caller));
		say(await engine.query("errors:neverResolves", text({}), caller));
		say(await engine.mutation("messages:sendMany", text({ channel: "a", from: 1, count: 3 }), caller));
		say(await engine.query("messages:list", text({ channel: "a" }), caller));
		say(await engine.query("messages:search", text({ text: "message" }), caller));
		say(await engine.action("files:orchestrate", text({ text: "hi" }), caller));
		say((await engine.httpAction(new Request("http://x/notes"), caller))?.status);
		await engine.close();
		say("closed");
	}
} catch (error) {
	say(
		error instanceof EngineStartError
			? { code: error.code, message: error.message }
			: { failed: String(error) },
	);
}

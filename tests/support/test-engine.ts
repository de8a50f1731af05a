/** Engines on temporary folders, and calls with live values in and out. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { convexToJson, jsonToConvex, type Value } from "convex/values";
import { openEngine } from "../../src/engine/open-engine.ts";
import type {
	Caller,
	Engine,
	EngineOptions,
	MutationOutcome,
	Outcome,
	QueryOutcome,
	RequestKey,
} from "../../src/engine/types.ts";
import { ROOT } from "./source-tree.ts";

export const APP = join(ROOT, "tests/fixtures/convex-app");
export const NOBODY: Caller = { identity: null, admin: false };
export const ADMIN: Caller = { identity: null, admin: true };

const cleanups: Array<() => Promise<void> | void> = [];

/** For `afterEach`: closes and removes what the test opened. */
export async function cleanUp(): Promise<void> {
	for (const run of cleanups.splice(0).reverse()) await run();
}

export function temporaryDir(): string {
	const dir = mkdtempSync(join(tmpdir(), "engine-test-"));
	cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
	return dir;
}

/** A functions folder with these files; packages resolve as in this project. */
export function appWith(files: Record<string, string>): string {
	const dir = temporaryDir();
	symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));
	for (const [name, text] of Object.entries(files)) {
		const path = join(dir, "convex", name);
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(path, text);
	}
	return join(dir, "convex");
}

export async function testEngine(options: Partial<EngineOptions> = {}): Promise<TestEngine> {
	const urls = { cloudUrl: "http://cloud.test", siteUrl: "http://site.test" };
	const engine = await openEngine({ functionsDir: APP, dataDir: null, env: {}, ...urls, ...options });
	cleanups.push(() => engine.close());
	return new TestEngine(engine);
}

/** A call that failed, with what crossed. */
export class CallFailed extends Error {
	readonly data: Value | undefined;
	constructor(outcome: Outcome & { kind: "error" }) {
		super(outcome.errorMessage);
		this.data =
			outcome.errorDataJson === undefined ? undefined : jsonToConvex(JSON.parse(outcome.errorDataJson));
	}
}

export function argsText(args: Record<string, unknown>): string {
	return JSON.stringify([convexToJson(args as Value)]);
}

/** Results are whatever the functions of the test's app return. */
// biome-ignore lint/suspicious/noExplicitAny: the decode boundary of the tests
export type Loose = any;

export function decoded(outcome: Outcome): Loose {
	if (outcome.kind === "error") throw new CallFailed(outcome);
	return jsonToConvex(JSON.parse(outcome.valueJson));
}

export class TestEngine {
	readonly engine: Engine;
	readonly caller: Caller;
	constructor(engine: Engine, caller = NOBODY) {
		this.engine = engine;
		this.caller = caller;
	}

	as(caller: Caller): TestEngine {
		return new TestEngine(this.engine, caller);
	}

	queryOutcome(path: string, args: Record<string, unknown> = {}): Promise<QueryOutcome> {
		return this.engine.query(path, argsText(args), this.caller);
	}

	mutationOutcome(
		path: string,
		args: Record<string, unknown> = {},
		request?: RequestKey,
	): Promise<MutationOutcome> {
		return this.engine.mutation(path, argsText(args), this.caller, request);
	}

	async query(path: string, args: Record<string, unknown> = {}): Promise<Loose> {
		return decoded(await this.queryOutcome(path, args));
	}

	async mutation(path: string, args: Record<string, unknown> = {}, request?: RequestKey): Promise<Loose> {
		return decoded(await this.mutationOutcome(path, args, request));
	}

	async action(path: string, args: Record<string, unknown> = {}): Promise<Loose> {
		return decoded(await this.engine.action(path, argsText(args), this.caller));
	}

	/** Resolves once `condition` gives something other than undefined, null or false; asked after every commit. */
	async eventually<T>(
		condition: () => Promise<T | undefined | null | false> | T | undefined | null | false,
	): Promise<T> {
		for (;;) {
			let stop = (): void => {};
			const committed = new Promise<void>((resolve) => {
				stop = this.engine.onCommit(() => resolve());
			});
			const found = await condition();
			if (found) {
				stop();
				return found;
			}
			await committed;
			stop();
		}
	}
}

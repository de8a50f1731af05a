/** The open engine: its calls by the contract of types.ts, handed on to the parts. */
import { rmSync } from "node:fs";
import type { Clock } from "../lib/clock.ts";
import type { App } from "./functions/app.ts";
import type { Execution } from "./functions/execution.ts";
import { errorMessageOf, type Failure, failureOf } from "./functions/function-error.ts";
import { type AppFunction, canonicalPath } from "./functions/function-table.ts";
import type { CallOrigin, Runner } from "./functions/runner.ts";
import type { InnerCall, InnerResult, Services } from "./functions/services.ts";
import type { Reactor } from "./reactor/reactor.ts";
import type { Crons } from "./scheduler/crons.ts";
import type { Scheduler } from "./scheduler/scheduler.ts";
import type { Catalog } from "./storage/catalog.ts";
import type { Database } from "./storage/database.ts";
import type { FileStore } from "./storage/file-store.ts";
import type { JobStore } from "./storage/job-store.ts";
import type { RequestLog } from "./storage/request-log.ts";
import type { CommitClock } from "./transaction/commit-clock.ts";
import type { SerialQueue } from "./transaction/serial-queue.ts";
import type {
	Caller,
	Engine,
	FunctionInfo,
	MutationOutcome,
	Outcome,
	QueryOutcome,
	QuerySet,
	RequestKey,
} from "./types.ts";

const PRUNE_EVERY_MS = 3600 * 1000;
const PRUNED_AT_ONCE = 1000;

export type EngineParts = Readonly<{
	app: App;
	clock: Clock;
	queue: SerialQueue;
	database: Database;
	commitClock: CommitClock;
	requests: RequestLog;
	runner: Runner;
	reactor: Reactor;
	scheduler: Scheduler;
	crons: Crons;
	files: FileStore;
	jobs: JobStore;
	catalog: Catalog;
	commitListeners: Set<(ts: bigint) => void>;
	cloudUrl: string;
	/** Holds everything when there is no data folder; removed at the end. */
	temporaryDir: string | null;
	stopWatching: () => void;
	log: (line: string) => void;
}>;

function fromClient(caller: Caller): CallOrigin {
	return { caller, internal: false };
}

export class RunningEngine implements Engine {
	readonly functions: ReadonlyMap<string, FunctionInfo>;
	readonly authProviders: readonly unknown[];
	readonly files: Engine["files"];
	readonly services: Services;
	readonly #parts: EngineParts;
	#cancelPrune: (() => void) | null = null;
	#closing: Promise<void> | null = null;

	constructor(parts: EngineParts) {
		this.#parts = parts;
		this.functions = parts.app.functions.byPath;
		this.authProviders = parts.app.authProviders;
		this.files = makeFiles(parts);
		this.services = makeServices(parts);
	}

	async start(): Promise<void> {
		await this.#parts.scheduler.start();
		await this.#parts.crons.start();
		this.#prune();
	}

	latestTs(): bigint {
		return this.#parts.commitClock.latest;
	}

	/** `at` is met by the latest snapshot: older ones are not kept. */
	query(path: string, argsJson: string, caller: Caller, _at?: bigint): Promise<QueryOutcome> {
		const { queue, runner } = this.#parts;
		return queue.run(async () => (await runner.queryInJob(path, argsJson, fromClient(caller), null)).outcome);
	}

	queryBatch(
		calls: ReadonlyArray<{ path: string; argsJson: string }>,
		caller: Caller,
	): Promise<QueryOutcome[]> {
		const { queue, runner } = this.#parts;
		return queue.run(async () => {
			const outcomes: QueryOutcome[] = [];
			for (const { path, argsJson } of calls) {
				outcomes.push((await runner.queryInJob(path, argsJson, fromClient(caller), null)).outcome);
			}
			return outcomes;
		});
	}

	mutation(path: string, argsJson: string, caller: Caller, request?: RequestKey): Promise<MutationOutcome> {
		return this.#parts.runner.mutation(path, argsJson, fromClient(caller), request);
	}

	action(path: string, argsJson: string, caller: Caller): Promise<Outcome> {
		return this.#parts.runner.action(path, argsJson, fromClient(caller));
	}

	async run(path: string, argsJson: string, caller: Caller): Promise<Outcome> {
		const kind = this.functions.get(canonicalPath(path))?.kind;
		if (kind === "mutation") return await this.mutation(path, argsJson, caller);
		if (kind === "action") return await this.action(path, argsJson, caller);
		return await this.query(path, argsJson, caller);
	}

	async httpAction(request: Request, caller: Caller): Promise<Response | null> {
		const router = this.#parts.app.http;
		if (!router) return null;
		const { pathname } = new URL(request.url);
		const route = router.lookup(pathname, request.method);
		if (!route)
			return new Response("No matching routes found", { status: 404, headers: { "x-convex-no-route": "1" } });
		const [action, method, path] = route;
		const result = await this.#parts.runner.httpAction(
			routeFunction(`${method} ${path}`),
			() => action.invokeHttpAction(request),
			caller,
		);
		return result.kind === "ok" ? result.response : failedResponse(result.failure, result.requestId);
	}

	openQuerySet(): QuerySet {
		return this.#parts.reactor.openQuerySet();
	}

	onCommit(listener: (ts: bigint) => void): () => void {
		const { commitListeners } = this.#parts;
		// Wrapped, so that the same function can listen twice.
		const entry = (ts: bigint): void => listener(ts);
		commitListeners.add(entry);
		return () => commitListeners.delete(entry);
	}

	close(): Promise<void> {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	async #close(): Promise<void> {
		const { scheduler, crons, queue, commitClock, database, temporaryDir, stopWatching, log } = this.#parts;
		this.#cancelPrune?.();
		crons.close();
		await scheduler.close();
		await queue.whenIdle();
		stopWatching();
		try {
			commitClock.close();
		} catch (error) {
			// Without it the next start takes up the time a little later than need be.
			log(`The end could not be recorded: ${(error as Error).message}`);
		}
		database.close();
		if (temporaryDir) rmSync(temporaryDir, { recursive: true, force: true });
	}

	#prune(): void {
		const { clock, log } = this.#parts;
		this.#pruneAll().catch((error) => log(`Old answers could not be removed: ${(error as Error).message}`));
		this.#cancelPrune = clock.after(PRUNE_EVERY_MS, () => this.#prune());
	}

	async #pruneAll(): Promise<void> {
		const { queue, requests, clock } = this.#parts;
		while (!this.#closing && (await queue.run(() => requests.prune(clock.now(), PRUNED_AT_ONCE))));
	}
}

/** HTTP actions are known by their route. */
function routeFunction(path: string): AppFunction {
	return {
		path,
		longPath: path,
		kind: "httpAction",
		visibility: "public",
		args: null,
		returns: null,
		invoke: () => Promise.reject(new Error("not callable")),
		invokeHttp: null,
	};
}

function failedResponse(failure: Failure, requestId: string): Response {
	const data = failure.dataJson === undefined ? {} : { data: JSON.parse(failure.dataJson) as unknown };
	const trace = errorMessageOf(failure)
		.replace(/^Server Error\n/, "")
		.trimEnd();
	return Response.json(
		{ code: `[Request ID: ${requestId}] Server Error: ${failure.message}`, trace, ...data },
		{ status: 500 },
	);
}

function makeFiles({ files, queue, runner }: EngineParts): Engine["files"] {
	return {
		checkUploadToken: (token) => files.checkUploadToken(token),
		async store(body, meta) {
			const file = await files.write(body, meta.contentType);
			if (meta.sha256Base64 && meta.sha256Base64 !== file.sha256) {
				files.discard(file.uuid);
				return { kind: "digestMismatch" };
			}
			return { kind: "stored", storageId: await runner.writeAlone((tx) => files.register(tx, file)) };
		},
		byUuid: (uuid) => queue.run(() => files.find(uuid)),
	};
}

function makeServices(parts: EngineParts): Services {
	const { app, catalog, files, jobs, cloudUrl, clock, commitClock, runner, queue } = parts;
	return {
		functions: app.functions,
		catalog,
		files,
		jobs,
		cloudUrl,
		now: clock.now,
		latestTs: () => commitClock.latest,
		runNested: (caller, kind, call) => runner.runNested(caller, kind, call),
		runFromAction: (caller, kind, call) => runFromAction(parts, caller, kind, call),
		writeAlone: (work) => runner.writeAlone(work),
		readAlone: (work) => queue.run(work),
		storeFile: (file) => runner.writeAlone((tx) => files.register(tx, file)),
	};
}

async function runFromAction(
	{ queue, runner }: EngineParts,
	{ caller, requestId }: Execution,
	kind: "query" | "mutation" | "action",
	call: InnerCall,
): Promise<InnerResult> {
	const origin: CallOrigin = { caller, internal: true, requestId };
	const argsJson = JSON.stringify([call.args]);
	const outcome =
		kind === "query"
			? await queue.run(async () => (await runner.queryInJob(call.path, argsJson, origin, null)).outcome)
			: kind === "mutation"
				? await runner.mutation(call.path, argsJson, origin)
				: await runner.action(call.path, argsJson, origin);
	if (outcome.kind === "ok") return { kind: "ok", valueJson: outcome.valueJson };
	const message =
		outcome.errorMessage
			.replace(/^Server Error\n/, "")
			.split("\n    at ")[0]
			?.trimEnd() ?? "";
	const failure: Failure = failureOf(message);
	if (outcome.errorDataJson !== undefined) failure.dataJson = outcome.errorDataJson;
	return { kind: "failed", failure };
}

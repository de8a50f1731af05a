/** Puts the parts of the engine together: opens the data, loads the app, starts scheduler and crons. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../lib/clock.ts";
import { type App, readApp } from "./functions/app.ts";
import { type LoadedModules, loadFunctions } from "./functions/bundle-functions.ts";
import { makeFunctionGlobals } from "./functions/function-globals.ts";
import { makeOperations } from "./functions/operations.ts";
import { Runner } from "./functions/runner.ts";
import type { Services } from "./functions/services.ts";
import { watchRejections } from "./functions/unhandled-rejections.ts";
import { guarded, Reactor } from "./reactor/reactor.ts";
import { RunningEngine } from "./running-engine.ts";
import { Crons } from "./scheduler/crons.ts";
import { Scheduler } from "./scheduler/scheduler.ts";
import { Catalog } from "./storage/catalog.ts";
import { CronStore } from "./storage/cron-store.ts";
import { type Database, openDatabase } from "./storage/database.ts";
import { Documents, type TouchedKey } from "./storage/documents.ts";
import { FileStore } from "./storage/file-store.ts";
import { JobStore } from "./storage/job-store.ts";
import { RequestLog } from "./storage/request-log.ts";
import { AppSchema } from "./transaction/app-schema.ts";
import { applySchema } from "./transaction/apply-schema.ts";
import { CommitClock } from "./transaction/commit-clock.ts";
import { CommitGroup } from "./transaction/commit-group.ts";
import { CreationClock } from "./transaction/creation-clock.ts";
import { SerialQueue } from "./transaction/serial-queue.ts";
import type { TransactionScope } from "./transaction/transaction.ts";
import type { Engine, EngineOptions } from "./types.ts";

/**
 * Opens the data folder and runs the app's functions on it. Throws EngineStartError with one sentence for a
 * person; nothing stays open then.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
	const log = options.log ?? (() => {});
	const clock: Clock = { now: options.now ?? systemClock.now, after: systemClock.after };
	const late: { services: Services | null } = { services: null };
	const globals = makeFunctionGlobals({
		operations: makeOperations(() => {
			if (!late.services) throw new Error("ctx cannot be used while modules are loading");
			return late.services;
		}),
		env: { ...options.env, CONVEX_CLOUD_URL: options.cloudUrl, CONVEX_SITE_URL: options.siteUrl },
		now: clock.now,
		log,
	});
	const database = openDatabase(options.dataDir);
	const temporaryDir = options.dataDir === null ? mkdtempSync(join(tmpdir(), "convex-engine-")) : null;
	try {
		const loaded = await loadFunctions(options.functionsDir, globals);
		const app = readApp(loaded);
		const filesDir = join(temporaryDir ?? (options.dataDir as string), "files");
		const engine = assemble({ options, clock, log, database, loaded, app, filesDir, temporaryDir });
		late.services = engine.services;
		await engine.start();
		return engine;
	} catch (error) {
		database.close();
		if (temporaryDir) rmSync(temporaryDir, { recursive: true, force: true });
		throw error;
	}
}

type Parts = {
	options: EngineOptions;
	clock: Clock;
	log: (line: string) => void;
	database: Database;
	loaded: LoadedModules;
	app: App;
	filesDir: string;
	temporaryDir: string | null;
};

/** What keeps data, brought in line with the app's schema. */
function openStores({ database, app, clock, filesDir }: Parts) {
	const schema = new AppSchema(app.schema);
	const catalog = database.inOwnTransaction(() => new Catalog(database));
	const documents = new Documents(database, catalog);
	applySchema(database, documents, schema);
	return {
		schema,
		catalog,
		documents,
		requests: new RequestLog(database),
		jobs: new JobStore(database),
		files: new FileStore(database, filesDir, clock.now),
		commitClock: new CommitClock(database, clock.now),
	};
}

function assemble(parts: Parts): RunningEngine {
	const { options, clock, log, database, loaded, app, temporaryDir } = parts;
	const { schema, catalog, documents, requests, jobs, files, commitClock } = openStores(parts);
	const { functions } = app;
	const { sourceMap } = loaded;
	const group = new CommitGroup(database);
	const queue = new SerialQueue(() => group.flush(), clock.now);
	const commitListeners = new Set<(ts: bigint) => void>();
	const reactor = new Reactor({
		queue,
		runQuery: ({ path, argsJson, caller }, journal) =>
			runner.queryInJob(path, argsJson, { caller, internal: false }, journal),
		latestTs: () => commitClock.latest,
		now: clock.now,
		log,
	});
	const scope: TransactionScope = {
		database,
		documents,
		schema,
		creationClock: new CreationClock(),
		group,
		isWatched: (indexId) => reactor.isWatched(indexId),
	};
	const onCommit = (ts: bigint, touched: readonly TouchedKey[]): void => {
		reactor.committed(touched);
		for (const listener of commitListeners) guarded(log, () => listener(ts));
	};
	const runner: Runner = new Runner({
		scope,
		queue,
		functions,
		sourceMap,
		requests,
		commitClock,
		clock,
		onCommit,
		log,
	});
	const readAlone = <T>(work: () => T): Promise<T> => queue.run(work);
	const scheduler = new Scheduler({ jobs, runner, functions, clock, readAlone, log });
	const crons = new Crons(app.crons, { store: new CronStore(database), runner, functions, clock, log });
	const stopWatching = watchRejections({
		running: () => runner.running,
		isFromFunctions: (stack) => stack.includes(sourceMap.bundlePath),
		log,
	});
	const running = { queue, database, commitClock, requests, runner, reactor, scheduler, crons, files, jobs };
	const { cloudUrl } = options;
	return new RunningEngine({
		app,
		clock,
		catalog,
		commitListeners,
		cloudUrl,
		temporaryDir,
		stopWatching,
		log,
		...running,
	});
}

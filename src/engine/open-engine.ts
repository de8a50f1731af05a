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
import { Reactor } from "./reactor/reactor.ts";
import { RunningEngine } from "./running-engine.ts";
import { Crons } from "./scheduler/crons.ts";
import { Scheduler } from "./scheduler/scheduler.ts";
import { Catalog } from "./storage/catalog.ts";
import { CronStore } from "./storage/cron-store.ts";
import { type Database, openDatabase } from "./storage/database.ts";
import { Documents } from "./storage/documents.ts";
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

function assemble({
	options,
	clock,
	log,
	database,
	loaded,
	app,
	filesDir,
	temporaryDir,
}: Parts): RunningEngine {
	const schema = new AppSchema(app.schema);
	const catalog = database.inOwnTransaction(() => new Catalog(database));
	const documents = new Documents(database, catalog);
	applySchema(database, documents, schema);
	const group = new CommitGroup(database);
	const queue = new SerialQueue(() => group.flush());
	const commitClock = new CommitClock(database, clock.now);
	const requests = new RequestLog(database);
	const jobs = new JobStore(database);
	const files = new FileStore(database, filesDir, clock.now);
	const commitListeners = new Set<(ts: bigint) => void>();
	const reactor = new Reactor({
		queue,
		runQuery: ({ path, argsJson, caller }, journal) =>
			runner.queryInJob(path, argsJson, { caller, internal: false }, journal),
		latestTs: () => commitClock.latest,
		now: clock.now,
	});
	const scope: TransactionScope = {
		database,
		documents,
		schema,
		creationClock: new CreationClock(),
		group,
		isWatched: (indexId) => reactor.isWatched(indexId),
	};
	const runner: Runner = new Runner({
		scope,
		queue,
		functions: app.functions,
		sourceMap: loaded.sourceMap,
		requests,
		commitClock,
		clock,
		onCommit: (ts, touched) => {
			reactor.committed(touched);
			for (const listener of commitListeners) listener(ts);
		},
		log,
	});
	const readAlone = <T>(work: () => T): Promise<T> => queue.run(work);
	const scheduler = new Scheduler({ jobs, runner, functions: app.functions, clock, readAlone, log });
	const crons = new Crons(app.crons, {
		store: new CronStore(database),
		runner,
		functions: app.functions,
		clock,
		log,
	});
	return new RunningEngine({
		app,
		clock,
		queue,
		database,
		commitClock,
		requests,
		runner,
		reactor,
		scheduler,
		crons,
		files,
		jobs,
		catalog,
		commitListeners,
		cloudUrl: options.cloudUrl,
		temporaryDir,
		stopWatching: watchRejections({
			running: () => runner.running,
			isFromFunctions: (stack) => stack.includes(loaded.sourceMap.bundlePath),
			log,
		}),
	});
}

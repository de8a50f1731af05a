/**
 * Runs scheduled functions when they are due.
 *
 * A mutation runs exactly once: its end is written with its own writes, so a crash before leaves it waiting
 * and one after finds it done. An action runs at most once: its start is written first, and what a crash cut
 * off counts as failed. What the database could not store has not happened: it waits and is tried again.
 */
import type { Clock } from "../../lib/clock.ts";
import type { FunctionTable } from "../functions/function-table.ts";
import { canonicalPath } from "../functions/function-table.ts";
import type { CallOrigin, Runner } from "../functions/runner.ts";
import type { Job, JobEnd, JobStore } from "../storage/job-store.ts";
import type { Caller, Outcome } from "../types.ts";

const MAX_RUNNING = 10;
/** Timers stand still while the machine sleeps and the clock on the wall does not: it is looked at now and then. */
const MAX_TIMER_MS = 60_000;
const PRUNE_EVERY_MS = 3600 * 1000;
const PRUNED_AT_ONCE = 500;
/** After something could not be stored the scheduler rests: this long at first, then twice as long, and so on. */
const REST_MS = 1000;
const MAX_REST_MS = 30_000;

/** Scheduled functions act for nobody. */
export const NOBODY: Caller = { identity: null, admin: false };

export type SchedulerOptions = Readonly<{
	jobs: JobStore;
	runner: Runner;
	functions: FunctionTable;
	clock: Clock;
	/** Reads when no transaction is under way. */
	readAlone: <T>(work: () => T) => Promise<T>;
	log: (line: string) => void;
}>;

export class Scheduler {
	readonly #options: SchedulerOptions;
	readonly #running = new Map<string, Promise<void>>();
	#cancelTimer: (() => void) | null = null;
	#looking = false;
	#lookAgain = false;
	#closed = false;
	#nextPruneMs = 0;
	/** 0 while all is well. */
	#restMs = 0;
	#cancelRest: (() => void) | null = null;

	constructor(options: SchedulerOptions) {
		this.#options = options;
		options.jobs.onScheduled = () => this.#wake();
	}

	/** Fails what a crash cut off, then begins. */
	async start(): Promise<void> {
		const { jobs, runner, clock } = this.#options;
		const interrupted = jobs.interrupted();
		if (interrupted.length > 0) {
			await runner.writeAlone((tx) => {
				for (const id of interrupted) {
					jobs.end(
						tx,
						id,
						{ kind: "failed", error: "The backend stopped while this action was running" },
						clock.now(),
					);
				}
			});
		}
		this.#wake();
	}

	/** Starts nothing any more, and waits for the mutations that run. */
	async close(): Promise<void> {
		this.#closed = true;
		this.#options.jobs.onScheduled = null;
		this.#cancelTimer?.();
		this.#cancelRest?.();
		await Promise.race([
			Promise.allSettled(this.#running.values()),
			new Promise((resolve) => this.#options.clock.after(1000, () => resolve(null))),
		]);
	}

	#wake(): void {
		if (this.#closed || this.#cancelRest) return;
		this.#lookAgain = true;
		if (!this.#looking) void this.#look();
	}

	async #look(): Promise<void> {
		this.#looking = true;
		const { jobs, clock, readAlone, log } = this.#options;
		try {
			while (this.#lookAgain && !this.#closed) {
				this.#lookAgain = false;
				this.#cancelTimer?.();
				const { due, next } = await readAlone(() => ({
					due: jobs.due(clock.now(), MAX_RUNNING * 2),
					next: jobs.nextDue(),
				}));
				for (const id of due) this.#launch(id);
				if (next !== null && due.length === 0) this.#sleepUntil(next);
				this.#prune().catch((error) => log(`Old jobs could not be removed: ${(error as Error).message}`));
			}
		} catch (error) {
			log(`The scheduler could not look for due functions: ${(error as Error).message}`);
			this.#cancelTimer = clock.after(1000, () => this.#wake());
		} finally {
			this.#looking = false;
		}
	}

	#sleepUntil(dueMs: number): void {
		const { clock } = this.#options;
		const waitMs = Math.min(MAX_TIMER_MS, Math.max(1, Math.ceil(dueMs - clock.now())));
		this.#cancelTimer = clock.after(waitMs, () => this.#wake());
	}

	#launch(id: string): void {
		if (this.#closed || this.#running.has(id) || this.#running.size >= MAX_RUNNING) return;
		const run = this.#run(id)
			.then(
				() => {
					this.#restMs = 0;
				},
				(error) => {
					this.#options.log(`Scheduled function ${id} could not be run: ${(error as Error).message}`);
					this.#rest();
				},
			)
			.finally(() => {
				this.#running.delete(id);
				this.#wake();
			});
		this.#running.set(id, run);
	}

	/** What failed would fail again at once, and fill the log. */
	#rest(): void {
		if (this.#closed || this.#cancelRest) return;
		this.#restMs = Math.min(MAX_REST_MS, Math.max(REST_MS, this.#restMs * 2));
		this.#cancelRest = this.#options.clock.after(this.#restMs, () => {
			this.#cancelRest = null;
			this.#wake();
		});
	}

	async #run(id: string): Promise<void> {
		const { jobs, runner, functions, clock } = this.#options;
		const job = await runner.writeAlone((tx) => (jobs.isPending(id) ? jobs.read(tx, id) : null));
		if (!job) return;
		const fn = functions.byPath.get(canonicalPath(job.path));
		if (fn?.kind === "mutation") return await this.#runMutation(job);
		if (fn?.kind === "action") return await this.#runAction(job);
		const error = `Could not find function '${job.path}'`;
		await runner.writeAlone((tx) => jobs.end(tx, id, { kind: "failed", error }, clock.now()));
	}

	async #runMutation(job: Job): Promise<void> {
		const { jobs, runner, clock } = this.#options;
		const { id } = job;
		const origin: CallOrigin = {
			caller: NOBODY,
			internal: true,
			job: {
				id,
				begin: (tx) => {
					if (!jobs.isPending(id)) return false;
					jobs.start(tx, id);
					return true;
				},
				succeed: (tx) => {
					// It may have cancelled itself.
					if (jobs.isOpen(id)) jobs.end(tx, id, { kind: "success" }, clock.now());
				},
			},
		};
		const outcome = await runner.mutation(job.path, job.argsJson, origin);
		if (outcome.kind === "error") await this.#end(id, endOf(outcome));
	}

	async #runAction(job: Job): Promise<void> {
		const { jobs, runner } = this.#options;
		const started = await runner.writeAlone((tx) => {
			if (!jobs.isPending(job.id)) return false;
			jobs.start(tx, job.id);
			return true;
		});
		if (!started) return;
		const scheduled = { id: job.id, begin: () => true, succeed: () => {} };
		const outcome = await runner.action(job.path, job.argsJson, {
			caller: NOBODY,
			internal: true,
			job: scheduled,
		});
		await this.#end(job.id, endOf(outcome));
	}

	async #end(id: string, end: JobEnd): Promise<void> {
		const { jobs, runner, clock } = this.#options;
		await runner.writeAlone((tx) => {
			if (jobs.isOpen(id)) jobs.end(tx, id, end, clock.now());
		});
	}

	/** A lot at a time, so that nobody waits for long; all lots, so that there are never more and more. */
	async #prune(): Promise<void> {
		const { jobs, runner, clock } = this.#options;
		if (clock.now() < this.#nextPruneMs) return;
		this.#nextPruneMs = clock.now() + PRUNE_EVERY_MS;
		let pruned = PRUNED_AT_ONCE;
		while (pruned === PRUNED_AT_ONCE && !this.#closed) {
			pruned = await runner.writeAlone((tx) => jobs.prune(tx, clock.now(), PRUNED_AT_ONCE));
		}
	}
}

function endOf(outcome: Outcome): JobEnd {
	return outcome.kind === "ok"
		? { kind: "success" }
		: { kind: "failed", error: outcome.errorMessage.replace(/^Server Error\n/, "").trimEnd() };
}

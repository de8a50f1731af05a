/**
 * Crons: functions that run again and again.
 *
 * Guarantees: a cron never overlaps itself; runs that were missed are skipped, except that one which was due
 * while the engine was down runs once at the start; the rhythm survives restarts.
 */
import type { Clock } from "../../lib/clock.ts";
import { canonicalPath, type FunctionTable } from "../functions/function-table.ts";
import type { Runner } from "../functions/runner.ts";
import type { CronStore } from "../storage/cron-store.ts";
import { EngineStartError } from "../types.ts";
import type { Json } from "../values/json-value.ts";
import { type CronSchedule, intervalMs, nextRun } from "./cron-schedule.ts";
import { NOBODY } from "./scheduler.ts";

export type CronSpec = { name: string; args: Json[]; schedule: CronSchedule };

/** Timers stand still while the machine sleeps and the clock on the wall does not: it is looked at now and then. */
const MAX_TIMER_MS = 60_000;

export type CronsOptions = Readonly<{
	store: CronStore;
	runner: Runner;
	functions: FunctionTable;
	clock: Clock;
	log: (line: string) => void;
}>;

export class Crons {
	readonly #options: CronsOptions;
	readonly #specs: ReadonlyMap<string, CronSpec>;
	readonly #timers = new Map<string, () => void>();
	#closed = false;

	/** Throws EngineStartError for a cron whose function or schedule does not exist. */
	constructor(specs: Readonly<Record<string, CronSpec>>, options: CronsOptions) {
		this.#options = options;
		this.#specs = new Map(Object.entries(specs));
		for (const [name, spec] of this.#specs) {
			const kind = options.functions.byPath.get(canonicalPath(spec.name))?.kind;
			if (kind !== "mutation" && kind !== "action") {
				throw new EngineStartError(
					"functions",
					`The cron "${name}" calls ${spec.name}, which is no mutation or action of this app.`,
				);
			}
			try {
				nextRun(spec.schedule, options.clock.now(), name);
			} catch (error) {
				throw new EngineStartError("functions", (error as Error).message);
			}
		}
	}

	async start(): Promise<void> {
		const { store, clock, runner } = this.#options;
		const next = await runner.writeAlone(() =>
			store.sync(new Map([...this.#specs].map(([name, spec]) => [name, JSON.stringify(spec)])), (name) => {
				const { schedule } = this.#specs.get(name) as CronSpec;
				// A new interval begins with a run, the others with their time.
				return intervalMs(schedule) === null ? nextRun(schedule, clock.now(), name) : clock.now();
			}),
		);
		for (const [name, dueMs] of next) this.#sleepUntil(name, dueMs);
	}

	close(): void {
		this.#closed = true;
		for (const cancel of this.#timers.values()) cancel();
	}

	#sleepUntil(name: string, plannedMs: number): void {
		if (this.#closed) return;
		const { clock } = this.#options;
		const { schedule } = this.#specs.get(name) as CronSpec;
		// What is planned for later than the next time from now was planned by a clock that has been put back since.
		const dueMs = Math.min(plannedMs, nextRun(schedule, clock.now(), name));
		const waitMs = Math.max(1, Math.ceil(dueMs - clock.now()));
		const cancel = clock.after(Math.min(waitMs, MAX_TIMER_MS), () => {
			if (clock.now() < dueMs) this.#sleepUntil(name, dueMs);
			else void this.#run(name, dueMs);
		});
		this.#timers.set(name, cancel);
	}

	/** Whatever fails, it goes on: a next time that could not be stored is still kept here. */
	async #run(name: string, dueMs: number): Promise<void> {
		const { runner, store, clock, log } = this.#options;
		const { schedule } = this.#specs.get(name) as CronSpec;
		let next = followingRun(schedule, dueMs, clock.now(), name);
		try {
			await this.#call(name);
			if (this.#closed) return;
			next = followingRun(schedule, dueMs, clock.now(), name);
			await runner.writeAlone(() => store.setNext(name, next));
		} catch (error) {
			log(`Cron "${name}" could not be run: ${(error as Error).message}`);
		}
		this.#sleepUntil(name, next);
	}

	async #call(name: string): Promise<void> {
		const { runner, functions, log } = this.#options;
		const spec = this.#specs.get(name) as CronSpec;
		const origin = { caller: NOBODY, internal: true };
		const isAction = functions.byPath.get(canonicalPath(spec.name))?.kind === "action";
		const argsJson = JSON.stringify(spec.args);
		const outcome = await (isAction
			? runner.action(spec.name, argsJson, origin)
			: runner.mutation(spec.name, argsJson, origin));
		if (outcome.kind === "error") log(`Cron "${name}" failed: ${outcome.errorMessage}`);
	}
}

/** The first time after now in the rhythm of `dueMs`; what lies between is skipped. */
function followingRun(schedule: CronSchedule, dueMs: number, nowMs: number, name: string): number {
	const interval = intervalMs(schedule);
	if (interval === null) return nextRun(schedule, Math.max(dueMs, nowMs), name);
	return dueMs + interval * Math.max(1, Math.ceil((nowMs - dueMs) / interval));
}

/** Those who wait for the end of the work, and the pause after a failure. */
import type { Clock } from "../lib/clock.ts";

export type Outcome = "idle" | "failed" | "disposed";
type Waiter = (outcome: Outcome) => void;

export class RecordWaiters {
	readonly #clock: Clock;
	readonly #waiters = new Set<Waiter>();
	#endPause: (() => void) | null = null;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** @param deadlineMs null: the first outcome counts, a failure too; else only the end of the time or of the work. */
	outcome(deadlineMs: number | null): Promise<Outcome | "late"> {
		return new Promise((resolve) => {
			const finish = (outcome: Outcome | "late"): void => {
				cancel?.();
				this.#waiters.delete(look);
				resolve(outcome);
			};
			const look: Waiter = (outcome) => {
				if (outcome === "failed" && deadlineMs !== null) this.#waiters.add(look);
				else finish(outcome);
			};
			const cancel = deadlineMs === null ? null : this.#clock.after(deadlineMs, () => finish("late"));
			this.#waiters.add(look);
		});
	}

	wake(outcome: Outcome): void {
		const all = [...this.#waiters];
		this.#waiters.clear();
		for (const waiter of all) waiter(outcome);
	}

	/** Settles after `ms`, or when hurried. */
	pause(ms: number): Promise<void> {
		return new Promise((resolve) => {
			const end = (): void => {
				cancel();
				this.#endPause = null;
				resolve();
			};
			const cancel = this.#clock.after(ms, end);
			this.#endPause = end;
		});
	}

	hurry(): void {
		this.#endPause?.();
	}
}

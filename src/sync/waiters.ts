/** Those who wait for what comes of the work of a sync. */
import type { Clock } from "../lib/clock.ts";

export type Outcome = "idle" | "failed" | "disposed";
type Waiter = (outcome: Outcome) => void;

export class Waiters {
	readonly #clock: Clock;
	readonly #waiters = new Set<Waiter>();

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** The first outcome, a failure too. */
	next(): Promise<Outcome> {
		return new Promise((resolve) => void this.#waiters.add(resolve));
	}

	/** The end of the work or of the time: after a failure the work goes on. */
	end(deadlineMs: number): Promise<Exclude<Outcome, "failed"> | "late"> {
		return new Promise((resolve) => {
			const finish = (outcome: Exclude<Outcome, "failed"> | "late"): void => {
				cancel();
				this.#waiters.delete(look);
				resolve(outcome);
			};
			const look: Waiter = (outcome) => {
				if (outcome === "failed") this.#waiters.add(look);
				else finish(outcome);
			};
			const cancel = this.#clock.after(deadlineMs, () => finish("late"));
			this.#waiters.add(look);
		});
	}

	wake(outcome: Outcome): void {
		const all = [...this.#waiters];
		this.#waiters.clear();
		for (const waiter of all) waiter(outcome);
	}
}

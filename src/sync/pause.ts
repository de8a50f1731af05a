/** A wait that can be cut short. One at a time. */
import type { Clock } from "../lib/clock.ts";

export class Pause {
	readonly #clock: Clock;
	#end: (() => void) | null = null;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Settles after `ms`, or when hurried. */
	take(ms: number): Promise<void> {
		return new Promise((resolve) => {
			const end = (): void => {
				cancel();
				this.#end = null;
				resolve();
			};
			const cancel = this.#clock.after(ms, end);
			this.#end = end;
		});
	}

	hurry(): void {
		this.#end?.();
	}
}

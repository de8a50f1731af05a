import type { Clock } from "../../../src/lib/clock.ts";

/** A clock that a test moves by hand. */
export class HandClock implements Clock {
	#now = 0;
	#timers: { at: number; run: () => void }[] = [];

	now(): number {
		return this.#now;
	}

	after(ms: number, run: () => void): () => void {
		const timer = { at: this.#now + ms, run };
		this.#timers.push(timer);
		return () => {
			this.#timers = this.#timers.filter((one) => one !== timer);
		};
	}

	advance(ms: number): void {
		const until = this.#now + ms;
		for (;;) {
			const next = this.#timers.filter((one) => one.at <= until).sort((a, b) => a.at - b.at)[0];
			if (!next) break;
			this.#timers = this.#timers.filter((one) => one !== next);
			this.#now = next.at;
			next.run();
		}
		this.#now = until;
	}

	get waiting(): number {
		return this.#timers.length;
	}
}

/** Time that stands still until a test moves it. */
import type { Clock } from "../../src/lib/clock.ts";

type Timer = { at: number; order: number; run: () => void };

export class FakeClock implements Clock {
	#now = 1_800_000_000_000;
	#order = 0;
	readonly #timers = new Set<Timer>();

	readonly now = (): number => this.#now;

	after(ms: number, run: () => void): () => void {
		this.#order += 1;
		const timer = { at: this.#now + ms, order: this.#order, run };
		this.#timers.add(timer);
		return () => void this.#timers.delete(timer);
	}

	/** The clock on the wall is put back; timers go on as they were. */
	setBack(ms: number): void {
		this.#now -= ms;
		for (const timer of this.#timers) timer.at -= ms;
	}

	/** ms until the next timer, null when there is none. */
	next(): number | null {
		const first = this.#first();
		return first ? Math.max(0, first.at - this.#now) : null;
	}

	/** Moves on by `ms`, running what falls due in order and letting promises settle in between. */
	async advance(ms: number): Promise<void> {
		const until = this.#now + ms;
		await settle();
		for (let timer = this.#first(); timer && timer.at <= until; timer = this.#first()) {
			this.#now = Math.max(this.#now, timer.at);
			this.#timers.delete(timer);
			timer.run();
			await settle();
		}
		this.#now = until;
		await settle();
	}

	#first(): Timer | undefined {
		return [...this.#timers].sort((a, b) => a.at - b.at || a.order - b.order)[0];
	}
}

/** Lets everything run that waits for nothing but promises. */
export async function settle(turns = 5): Promise<void> {
	for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

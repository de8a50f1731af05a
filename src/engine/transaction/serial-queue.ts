/**
 * Runs jobs one at a time, in order: what makes transactions serialisable.
 *
 * Guarantees: the caller of a job hears of its result before the next job starts, because a turn of the
 * event loop lies between them; sockets and timers get their turn as well.
 */

type Entry = () => Promise<void>;

/** Ends the current turn of the event loop. Kept from the start, so that nothing can replace it. */
const { setImmediate: nextTurn } = globalThis;

export function turn(): Promise<void> {
	return new Promise((resolve) => nextTurn(resolve));
}

export class SerialQueue {
	#waiting: Entry[] = [];
	#next = 0;
	#busy = false;
	#idle: Array<() => void> = [];

	run<T>(job: () => T | Promise<T>): Promise<T> {
		return new Promise<T>((resolve, reject) => {
			this.#waiting.push(async () => {
				try {
					resolve(await job());
				} catch (error) {
					reject(error);
				}
			});
			if (!this.#busy) void this.#drain();
		});
	}

	/** Resolves once nothing waits or runs. */
	whenIdle(): Promise<void> {
		if (!this.#busy) return Promise.resolve();
		return new Promise((resolve) => this.#idle.push(resolve));
	}

	async #drain(): Promise<void> {
		this.#busy = true;
		while (this.#next < this.#waiting.length) {
			const entry = this.#waiting[this.#next++] as Entry;
			if (this.#next > 1024) {
				this.#waiting = this.#waiting.slice(this.#next);
				this.#next = 0;
			}
			await entry();
			await turn();
		}
		this.#waiting = [];
		this.#next = 0;
		this.#busy = false;
		for (const resolve of this.#idle.splice(0)) resolve();
	}
}

/** `_creationTime`: ms since the epoch, never the same twice, so that its order is the order of insertion. */

/** The step between doubles of today's size: 2^40 <= ms < 2^41. */
const STEP_MS = 1 / 4096;

export class CreationClock {
	#last = 0;

	/** The wall clock's time, or a step above the last one given. */
	next(nowMs: number): number {
		this.#last = Math.max(nowMs, this.#last + STEP_MS);
		return this.#last;
	}
}

/** Time and timers, so that a test can hold them still. */
export interface Clock {
	/** ms since the epoch. */
	now(): number;
	/** Runs once after `ms`; the returned function cancels it. Never keeps the process alive by itself. */
	after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
	now: () => Date.now(),
	after(ms, run) {
		const timer = setTimeout(run, ms);
		(timer as { unref?: () => void }).unref?.();
		return () => clearTimeout(timer);
	},
};

/** The same with timers that keep the process alive: for a program that has nothing else to wait for. */
export const holdingClock: Clock = {
	now: () => Date.now(),
	after(ms, run) {
		const timer = setTimeout(run, ms);
		return () => clearTimeout(timer);
	},
};

/**
 * Runs jobs one at a time, in order: what makes transactions serialisable.
 *
 * Two kinds: a write may share its commit with the writes that wait right behind it, anything else runs when
 * all before it is committed. The caller of a job hears of its result before the next job of the other kind
 * starts, because a turn of the event loop lies between them; sockets and timers get their turn as well.
 *
 * Background writes let the others pass while there are any, but for a moment only: they do not starve, and
 * who waits for an answer waits for few of them.
 */

type Entry = { isWrite: boolean; run: () => Promise<void>; settle: () => void };

/** Writes that share a commit at most: the first one waits for the last one. */
const MAX_GROUP = 32;
/** The first of the background waits no longer than this for the others to be done. */
const BACKGROUND_WAIT_MS = 250;

/** Kept from the start, so that nothing can replace it. */
const { setImmediate: nextTurn } = globalThis;

/** Ends the current turn of the event loop. */
export function turn(): Promise<void> {
	return new Promise((resolve) => nextTurn(resolve));
}

export class SerialQueue {
	/** Commits the writes since the last call. */
	readonly #flush: () => void;
	readonly #now: () => number;
	#waiting: Array<Entry | undefined> = [];
	#next = 0;
	readonly #background: Entry[] = [];
	/** Since when the first of the background waits, ms. */
	#backgroundSince = 0;
	#busy = false;
	#idle: Array<() => void> = [];

	/** @param now ms; it may stand still or jump, as in a test. */
	constructor(flush: () => void, now: () => number) {
		this.#flush = flush;
		this.#now = now;
	}

	/** Runs `job` on a committed state, with nothing else beside it. */
	run<T>(job: () => T | Promise<T>): Promise<T> {
		return this.#enqueue(false, async () => {
			const value = await job();
			return () => value;
		});
	}

	/** Runs a write; `job` gives a function that tells its result once its group is committed or has failed. */
	runWrite<T>(job: () => (() => T) | Promise<() => T>, isBackground = false): Promise<T> {
		return this.#enqueue(true, async () => await job(), isBackground);
	}

	/** Resolves once nothing waits or runs. */
	whenIdle(): Promise<void> {
		if (!this.#busy) return Promise.resolve();
		return new Promise((resolve) => this.#idle.push(resolve));
	}

	#enqueue<T>(isWrite: boolean, job: () => Promise<() => T>, isBackground = false): Promise<T> {
		return new Promise<T>((resolve, reject) => {
			let tell: () => T;
			const run = async (): Promise<void> => {
				try {
					tell = await job();
				} catch (error) {
					tell = () => {
						throw error;
					};
				}
			};
			const settle = (): void => {
				try {
					resolve(tell());
				} catch (error) {
					reject(error);
				}
			};
			if (isBackground && this.#background.length === 0) this.#backgroundSince = this.#now();
			(isBackground ? this.#background : this.#waiting).push({ isWrite, run, settle });
			if (!this.#busy) void this.#drain();
		});
	}

	async #drain(): Promise<void> {
		this.#busy = true;
		let group: Entry[] = [];
		for (let entry = this.#take(); entry; entry = this.#take()) {
			await entry.run();
			group.push(entry);
			const follows = entry.isWrite && this.#waiting[this.#next]?.isWrite === true;
			if (follows && group.length < MAX_GROUP) continue;
			this.#flush();
			for (const { settle } of group) settle();
			group = [];
			await turn();
		}
		this.#busy = false;
		for (const resolve of this.#idle.splice(0)) resolve();
	}

	#take(): Entry | undefined {
		return this.#takeBackground() ?? this.#takeWaiting();
	}

	#takeBackground(): Entry | undefined {
		if (this.#background.length === 0) return undefined;
		const waitedMs = this.#now() - this.#backgroundSince;
		// A clock that was put back says nothing about how long it waited.
		const isDue = waitedMs >= BACKGROUND_WAIT_MS || waitedMs < 0;
		if (this.#waiting[this.#next] !== undefined && !isDue) return undefined;
		this.#backgroundSince = this.#now();
		return this.#background.shift();
	}

	#takeWaiting(): Entry | undefined {
		const entry = this.#waiting[this.#next];
		// What ran holds its result, which may be large.
		if (entry) this.#waiting[this.#next] = undefined;
		this.#next += 1;
		if (entry && this.#next <= 1024) return entry;
		this.#waiting = this.#waiting.slice(this.#next);
		this.#next = 0;
		return entry;
	}
}

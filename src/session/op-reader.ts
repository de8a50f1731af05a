/**
 * Reads a running stream op by op, as pure state: from where to go on, and what waits behind a gap.
 *
 * Every op from the position of joining on is given out once and in order. The caller feeds what
 * `streams:tail` gives, and whenever `read` is a number asks `streams:read` from there and feeds the answer.
 */
import type { Delta } from "../protocol/stream.ts";

export class OpReader {
	#position: number;
	#waiting: Delta[] = [];
	#read: number | null = null;

	/** @param position ops before it are not wanted. */
	constructor(position: number) {
		this.#position = position;
		this.#read = position;
	}

	/** Up to where ops were given out. */
	get position(): number {
		return this.#position;
	}

	/** From where to read, null when nothing is known to be missing. */
	get read(): number | null {
		return this.#read;
	}

	/** What `streams:tail` gave. @returns the ops that are next. */
	tail(deltas: readonly Delta[]): unknown[] {
		return this.#take(deltas);
	}

	/** What `streams:read` from `start` gave; an empty answer means that there is nothing yet. */
	answer(start: number, deltas: readonly Delta[]): unknown[] {
		if (this.#read !== start) return [];
		this.#read = null;
		const ops = this.#take(deltas);
		// The backend has nothing more from here, whatever waits: only news can change that.
		if (ops.length === 0) this.#read = null;
		return ops;
	}

	#take(deltas: readonly Delta[]): unknown[] {
		const ops: unknown[] = [];
		const all = [...this.#waiting, ...deltas].sort((a, b) => a.start - b.start);
		this.#waiting = [];
		for (const delta of all) {
			if (delta.end <= this.#position) continue;
			if (delta.start > this.#position) {
				if (!this.#waiting.some((one) => one.start === delta.start)) this.#waiting.push(delta);
				continue;
			}
			for (const op of delta.ops.slice(this.#position - delta.start)) ops.push(op);
			this.#position = delta.end;
		}
		this.#read = this.#waiting.length > 0 ? this.#position : ops.length > 0 ? null : this.#read;
		return ops;
	}
}

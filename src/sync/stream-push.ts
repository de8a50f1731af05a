/**
 * Sends the ops of one run as a stream.
 *
 * Ack-clocked: the first ops go at once, one push is in flight, what gathers meanwhile is merged and goes
 * next. A position is given to an op only when it goes out; so what an entry settles before it was sent is
 * dropped and positions stay contiguous (S1). What was sent is kept until it is settled, for a backend that
 * lost it. It is best effort: a failure costs nothing but the live view, and never delays an entry.
 *
 *   op ──> unsent ──push──> sent, not settled ──append that settles──> forgotten
 */
import { backoffMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { DeltaOp } from "../protocol/stream.ts";
import type { Streaming } from "./contract.ts";
import { cutOp, endsInHalf, mergeOp, PushRoom, wellFormed } from "./delta-ops.ts";
import { type Backend, BackendError } from "./ports.ts";

export type StreamPushOptions = {
	backend: Pick<Backend, "startStream" | "pushStream" | "endStream">;
	clock: Clock;
	sessionId: string;
	terminalId: string;
	startedAt: number;
	/** The session's last entry when the run began. */
	afterEntryId: string | null;
	streaming: Streaming;
	newId: () => string;
	/** The epoch that writes carry; null: none. Default: none. */
	epoch?: () => number | null;
};

/** Where a message ends whose entry is to come. */
export type Mark = { readonly role: string; readonly firstIndex: number };

export class StreamPush {
	readonly #options: StreamPushOptions;
	/** Ops and marks that wait, in order. */
	#unsent: (DeltaOp | Mark)[] = [];
	/** Ops `[#base, #end)` that went out and are not settled. */
	#sent: DeltaOp[] = [];
	#base = 0;
	/** The backend has all before it. */
	#acked = 0;
	/** Position of marks whose ops went out. */
	readonly #marked = new Map<Mark, number>();
	#streamId: string | null = null;
	/** Given up, and perhaps still there. */
	#stale: string | null = null;
	#isStarted = false;
	#canSend = false;
	#watched = false;
	#ended = false;
	#flight: Promise<void> | null = null;
	#scheduled = false;
	#cancelTimer: (() => void) | null = null;
	#lastPushAt = Number.NEGATIVE_INFINITY;
	#failures = 0;
	/** The last entry that what was settled covers. */
	#covered: string | null;
	readonly #waiting = new Set<{ mark: Mark; resolve: () => void }>();

	constructor(options: StreamPushOptions) {
		this.#options = options;
		this.#covered = options.afterEntryId;
	}

	/** @param canSend the session is open on a backend that can be reached. @param watched somebody looks. */
	setAudience(canSend: boolean, watched: boolean): void {
		const isNews = canSend && !this.#canSend;
		this.#canSend = canSend;
		this.#watched = watched;
		this.#wakeReached();
		if (isNews) {
			this.#failures = 0;
			this.#cancelTimer?.();
			this.#cancelTimer = null;
		}
		this.#soon();
	}

	op(op: DeltaOp): void {
		if (this.#ended || this.#options.streaming.mode === "off") return;
		mergeOp(this.#unsent, op);
		this.#soon();
	}

	mark(mark: Mark): void {
		if (!this.#ended && this.#options.streaming.mode !== "off") this.#unsent.push(mark);
	}

	/** Settles when the backend has every op so far, when it cannot get them, or after `deadlineMs`: entries are not held up for long. */
	reached(deadlineMs: number): Promise<void> {
		if (!this.#wanted || (this.#unsent.length === 0 && this.#acked >= this.#end)) return Promise.resolve();
		return new Promise((resolve) => {
			const mark: Mark = { role: "", firstIndex: Number.POSITIVE_INFINITY };
			const cancel = this.#options.clock.after(deadlineMs, () => waiter.resolve());
			const waiter = {
				mark,
				resolve: () => {
					cancel();
					this.#waiting.delete(waiter);
					this.#marked.delete(mark);
					this.#unsent = this.#unsent.filter((one) => one !== mark);
					resolve();
				},
			};
			this.#waiting.add(waiter);
			this.#unsent.push(mark);
			this.#soon();
		});
	}

	#wakeReached(failed = false): void {
		for (const waiter of [...this.#waiting]) {
			const at = this.#marked.get(waiter.mark);
			if (failed || !this.#wanted || (at !== undefined && this.#acked >= at)) waiter.resolve();
		}
	}

	/**
	 * What an append that brings the mark's entry settles, null when the backend has nothing of it. What of
	 * the message was not sent never will be.
	 */
	settle(mark: Mark, entryId: string): { streamId: string; upTo: number; entryId: string } | null {
		const waiting = this.#unsent.indexOf(mark);
		if (waiting !== -1) {
			this.#unsent.splice(0, waiting + 1);
			this.#marked.set(mark, this.#end);
			// A stream that is begun now tells what comes after the entry, unless something before it was sent.
			if (this.#sent.length === 0) this.#covered = entryId;
		}
		const upTo = this.#marked.get(mark);
		if (!this.#isStarted || this.#streamId === null || upTo === undefined || upTo === 0) return null;
		return { streamId: this.#streamId, upTo, entryId };
	}

	/**
	 * The append is acknowledged: its ops are not needed again. Gives what is still to be settled, because
	 * the stream was begun anew meanwhile.
	 */
	settled(
		mark: Mark,
		streamId: string | null,
		entryId: string,
	): { streamId: string; upTo: number; entryId: string } | null {
		const again = this.settle(mark, entryId);
		if (again && again.streamId !== streamId) return again;
		const upTo = this.#marked.get(mark) ?? 0;
		this.#marked.delete(mark);
		this.#covered = entryId;
		if (upTo <= this.#base) return null;
		this.#sent.splice(0, upTo - this.#base);
		this.#base = upTo;
		return null;
	}

	/** Its entries stand: the stream goes. Rejects with a `BackendError` when that could not be said. */
	async end(): Promise<void> {
		this.stop();
		// A push under way is not waited for, entries would wait with us: what was sent first is taken first.
		// A stream whose start was not acknowledged may be there too.
		for (const streamId of [this.#stale, this.#streamId]) {
			if (streamId !== null) await this.#options.backend.endStream(streamId);
		}
		this.#stale = null;
		this.#streamId = null;
	}

	/** Nothing more goes out; the backend ends the stream with this terminal's presence. */
	stop(): void {
		this.#ended = true;
		this.#unsent = [];
		this.#cancelTimer?.();
		this.#cancelTimer = null;
		this.#wakeReached();
	}

	get #end(): number {
		return this.#base + this.#sent.length;
	}

	get #wanted(): boolean {
		const { mode } = this.#options.streaming;
		return !this.#ended && this.#canSend && (mode === "always" || (mode === "watched" && this.#watched));
	}

	get #hasWork(): boolean {
		return this.#wanted && (this.#unsent.length > 0 || this.#acked < this.#end);
	}

	/** Once for all ops of this tick. */
	#soon(): void {
		if (this.#scheduled || this.#flight || this.#cancelTimer || !this.#wanted || this.#unsent.length === 0)
			return;
		this.#scheduled = true;
		queueMicrotask(() => {
			this.#scheduled = false;
			this.#go();
		});
	}

	#go(): void {
		if (this.#flight || this.#cancelTimer || !this.#hasWork) return;
		const { clock, streaming } = this.#options;
		const passed = clock.now() - this.#lastPushAt;
		// A clock that was set back must not hold it up for as long.
		const wait = passed < 0 ? 0 : streaming.intervalMs - passed;
		if (wait > 0) return this.#later(wait);
		this.#flight = this.#push().then(
			(isNews) => this.#afterPush(isNews, null),
			(error: unknown) => this.#afterPush(false, error),
		);
	}

	#later(ms: number): void {
		this.#cancelTimer = this.#options.clock.after(ms, () => {
			this.#cancelTimer = null;
			this.#go();
		});
	}

	#afterPush(isNews: boolean, error: unknown): void {
		this.#flight = null;
		this.#wakeReached(error !== null);
		if (error === null) {
			this.#failures = 0;
			if (isNews) this.#go();
			return;
		}
		// A refused stream would be refused again: begin another. Ops that still wait are as good as before.
		if (error instanceof BackendError && error.kind === "refused") this.#restart();
		if (!this.#ended) this.#later(backoffMs(this.#failures++));
	}

	/** False when there was nothing to send. */
	async #push(): Promise<boolean> {
		const { backend, clock, sessionId, terminalId, startedAt, newId } = this.#options;
		if (!this.#isStarted) {
			this.#streamId ??= newId();
			const epoch = this.#options.epoch?.() ?? null;
			await backend.startStream({
				sessionId,
				streamId: this.#streamId,
				terminalId,
				startedAt,
				afterEntryId: this.#covered,
				...(epoch === null ? {} : { epoch }),
			});
			this.#isStarted = true;
			// The start of this one ended it.
			this.#stale = null;
		}
		const start = Math.max(this.#acked, this.#base);
		const ops = start < this.#end ? this.#again(start) : this.#take();
		if (ops.length === 0 || this.#streamId === null || this.#ended) return false;
		this.#lastPushAt = clock.now();
		// When it fails, whether it landed is not known: sent again, it is answered with the stream's end.
		const end = await backend.pushStream({ streamId: this.#streamId, start, ops });
		if (end >= this.#base && end <= this.#end) this.#acked = end;
		else this.#restart();
		return true;
	}

	/** The backend has lost the stream, or part of what was settled of it: what is not settled begins a new one. */
	#restart(): void {
		const again: (DeltaOp | Mark)[] = [];
		const marks = [...this.#marked].filter(([, at]) => at > this.#base).sort(([, a], [, b]) => a - b);
		for (const [index, op] of this.#sent.entries()) {
			again.push(op);
			while (marks[0]?.[1] === this.#base + index + 1) again.push((marks.shift() as [Mark, number])[0]);
		}
		this.#marked.clear();
		this.#unsent = [...again, ...this.#unsent];
		this.#sent = [];
		this.#base = 0;
		this.#acked = 0;
		this.#stale = this.#streamId ?? this.#stale;
		this.#streamId = null;
		this.#isStarted = false;
	}

	/** Ops that went out before, from `start` on. */
	#again(start: number): DeltaOp[] {
		const room = new PushRoom();
		for (let index = start - this.#base; index < this.#sent.length; index += 1) {
			if (!room.add(this.#sent[index] as DeltaOp)) break;
		}
		return room.ops;
	}

	/** What waits, as much as fits; it counts as sent from here on. */
	#take(): DeltaOp[] {
		const room = new PushRoom();
		let taken = 0;
		for (; taken < this.#unsent.length; taken += 1) {
			const item = this.#unsent[taken] as DeltaOp | Mark;
			if (!Array.isArray(item)) {
				this.#marked.set(item, this.#end + room.ops.length);
				continue;
			}
			const rest = this.#addPieces(room, item, taken === this.#unsent.length - 1);
			if (rest.length === 0) continue;
			this.#unsent.splice(0, taken + 1, ...rest);
			taken = 0;
			break;
		}
		this.#unsent.splice(0, taken);
		this.#sent.push(...room.ops);
		return room.ops;
	}

	/** Adds an op, cut where needed; gives what did not fit. Half a character at the very end waits for its other half. */
	#addPieces(room: PushRoom, op: DeltaOp, isLast: boolean): DeltaOp[] {
		const cuts = cutOp(op);
		for (const [index, cut] of cuts.entries()) {
			const isOpen = isLast && index === cuts.length - 1;
			const [now, later] = isOpen ? halves(cut) : [cut, null];
			if (now && !room.add(wellFormed(now))) return cuts.slice(index);
			if (later) return [later];
		}
		return [];
	}
}

/** An op that ends in half a character, without it and with it alone. */
function halves(op: DeltaOp): [DeltaOp | null, DeltaOp | null] {
	if (op[0] !== "t" && op[0] !== "h" && op[0] !== "a" && op[0] !== "o") return [op, null];
	const text = op[0] === "o" ? op[3] : op[2];
	if (!endsInHalf(text)) return [op, null];
	const [now, later] = [text.slice(0, -1), text.slice(-1)];
	if (op[0] === "o")
		return [now === "" ? null : ["o", op[1], op[2], now], ["o", op[1], op[2] + now.length, later]];
	return [now === "" ? null : [op[0], op[1], now], [op[0], op[1], later]];
}

/** The streams of a session's runs: the one that is on, those that wait for their last entries, and which entry settles what. */
import type { Clock } from "../lib/clock.ts";
import type { DeltaOp } from "../protocol/stream.ts";
import type { Streaming } from "./contract.ts";
import type { Backend } from "./ports.ts";
import { type Mark, StreamPush } from "./stream-push.ts";

export type RunStreamsOptions = {
	backend: Backend;
	clock: Clock;
	sessionId: string;
	terminalId: string;
	streaming: Streaming;
	newId: () => string;
	transformOp?: (op: DeltaOp) => DeltaOp[];
	epoch?: () => number | null;
};

/** Entries wait this long for the ops before them: a round trip or two. */
const REACHED_MS = 1_500;

export type Settling = { readonly mark: Mark; readonly push: StreamPush };

export class RunStreams {
	readonly #options: RunStreamsOptions;
	#current: StreamPush | null = null;
	/** Role of the message that the ops tell. */
	#role = "assistant";
	/** Messages whose entries are to come, oldest first. */
	#settlings: Settling[] = [];
	#endings: StreamPush[] = [];
	#canSend = false;
	#watched = false;

	constructor(options: RunStreamsOptions) {
		this.#options = options;
	}

	/** @param afterEntryId the session's last entry. */
	begin(startedAt: number, afterEntryId: string | null): void {
		this.endRun();
		this.#current = new StreamPush({ ...this.#options, startedAt, afterEntryId });
		this.#tellAudience();
	}

	op(op: DeltaOp): void {
		if (!this.#current || this.#options.streaming.mode === "off") return;
		if (op[0] === "m") this.#role = op[1];
		const { transformOp } = this.#options;
		for (const one of transformOp ? transformOp(op) : [op]) this.#current.op(one);
	}

	/** @param count entries that the source has now: the message's own entry comes after them. */
	messageDone(count: number): void {
		if (!this.#current) return;
		const mark: Mark = { role: this.#role, firstIndex: count };
		this.#current.mark(mark);
		this.#settlings.push({ mark, push: this.#current });
	}

	endRun(): void {
		if (this.#current) this.#endings.push(this.#current);
		this.#current = null;
	}

	setAudience(canSend: boolean, watched: boolean): void {
		this.#canSend = canSend;
		this.#watched = watched;
		this.#tellAudience();
	}

	/** A run's stream begins when the one before it has ended, entries and all: readers see one after the other. */
	#tellAudience(): void {
		for (const push of this.#endings) push.setAudience(this.#canSend, this.#watched);
		this.#current?.setAudience(this.#canSend && this.#endings.length === 0, this.#watched);
	}

	/** What the entry with this index and role settles: the newest message that was complete before it came. */
	settlingOf(index: number, role: string): Settling | null {
		return this.#settlings.findLast(({ mark }) => mark.role === role && mark.firstIndex <= index) ?? null;
	}

	/** The append is acknowledged; see `StreamPush.settled`. */
	settled(settling: Settling, streamId: string | null, entryId: string): ReturnType<StreamPush["settled"]> {
		const owed = settling.push.settled(settling.mark, streamId, entryId);
		if (!owed) this.#settlings.splice(0, this.#settlings.indexOf(settling) + 1);
		return owed;
	}

	/** Ops come before the entries they tell: settles when those so far are there, or soon after. */
	async reached(): Promise<void> {
		await Promise.all([this.#current, ...this.#endings].map((push) => push?.reached(REACHED_MS)));
	}

	get hasEnding(): boolean {
		return this.#endings.length > 0;
	}

	/** Ends the streams whose runs are over. Rejects with a `BackendError` when that could not be said. */
	async endOver(): Promise<void> {
		for (let push = this.#endings[0]; push; push = this.#endings[0]) {
			await push.reached(REACHED_MS);
			await push.end();
			this.#endings = this.#endings.filter((one) => one !== push);
			this.#settlings = this.#settlings.filter((one) => one.push !== push);
		}
		this.#tellAudience();
	}

	stop(): void {
		for (const push of [this.#current, ...this.#endings]) push?.stop();
		this.#current = null;
		this.#endings = [];
		this.#settlings = [];
	}
}

/**
 * One stream of another terminal, from where it was joined to its end: ops in order become events of this Pi.
 *
 * A compaction is drawn by Pi from its entry, which may come before or after its end is told: whichever is
 * first waits for the other. However the stream ends, nothing goes on turning.
 */
import type { Clock } from "../lib/clock.ts";
import type { Delta, StreamView } from "../protocol/stream.ts";
import { OpReader } from "../session/op-reader.ts";
import { type KnownEntry, type PiEvent, Replay } from "../session/pi-events.ts";
import type { FollowTarget } from "./follow-target.ts";
import type { LiveBackend, SourceEntry } from "./ports.ts";

export type JoinedStreamOptions = {
	backend: Pick<LiveBackend, "onStreamTail" | "readStream">;
	clock: Clock;
	target: FollowTarget;
	stream: StreamView;
	/** Entries after the settled one that are shown already. */
	known: readonly SourceEntry[];
	/** What told the same run before the backend lost its stream; null when there was nothing. */
	before: Replay | null;
	/** Shows an entry for itself. */
	showEntry: (entry: SourceEntry) => void;
	/** Something was read that entries may have waited for. */
	onRead: () => void;
};

/** The entry of a compaction is waited for this long, or as long as the stream is there. */
const ENTRY_WAIT_MS = 15_000;
const READ_AGAIN_MS = 500;

export class JoinedStream {
	/** As it was last told. */
	stream: StreamView;
	readonly replay: Replay;
	readonly #options: JoinedStreamOptions;
	readonly #reader: OpReader;
	/** Events that wait for the entry of a compaction, whose end is the first of them. */
	#waiting: PiEvent[] = [];
	#cancelWait: (() => void) | null = null;
	#reading = false;
	#settled = false;
	#compacting = false;
	/** A compaction's entry that came before its end. */
	#compaction: SourceEntry | null = null;
	#over = false;
	readonly #endTail: () => void;

	constructor(options: JoinedStreamOptions) {
		this.#options = options;
		const { backend, clock, target, stream } = options;
		this.stream = stream;
		this.#reader = new OpReader(stream.settled);
		this.replay = new Replay(
			{ parsePartial: target.parsePartial, now: clock.now },
			options.known as readonly KnownEntry[],
		);
		if (options.before) this.replay.goesOnFrom(options.before);
		// Not `agent_start`, which would forget the rows of tools that the transcript shows as running.
		if (stream.settled > 0) target.inject({ type: "turn_start" });
		this.#endTail = backend.onStreamTail(stream.streamId, (deltas) => this.#tail(deltas));
		this.#readOn();
	}

	/** Its run is over, as was told. */
	get isSettled(): boolean {
		return this.#settled;
	}

	/** Ops are on their way: the entries they tell wait for them. */
	get isBehind(): boolean {
		return this.#reading || this.#reader.read !== null;
	}

	/** Whether the entry is shown by an end of compaction that was told, or is still to be told. */
	takesCompaction(entry: SourceEntry): boolean {
		if (entry.type !== "compaction") return false;
		if (this.#compacting) {
			this.#compaction = entry;
			return true;
		}
		if (this.#waiting.length === 0 || !this.replay.claims(entry as KnownEntry)) return false;
		this.#goOn(true);
		return true;
	}

	/** The run is over, or its stream is gone. */
	leave(): void {
		this.#over = true;
		this.#endTail();
		this.#cancelWait?.();
		const { target, showEntry } = this.#options;
		if (this.#compaction) showEntry(this.#compaction);
		for (const [index, event] of this.#waiting.entries())
			target.inject(index === 0 ? this.#unshown(event) : event);
		if (!this.#settled) {
			target.inject({ type: "queue_update", steering: [], followUp: [] });
			target.inject({ type: "agent_end", messages: [], willRetry: false });
			target.inject({ type: "agent_settled", aborted: false });
		}
		this.replay.forgetOpen();
		target.refreshContext();
	}

	/** Without a word: a run of this terminal's own begins. */
	drop(): void {
		this.#over = true;
		this.#endTail();
		this.#cancelWait?.();
	}

	#tail(deltas: readonly Delta[]): void {
		if (this.#over) return;
		this.#tell(this.#reader.tail(deltas));
		this.#readOn();
	}

	/** Reads what the tail does not show. */
	#readOn(): void {
		const from = this.#reader.read;
		if (from === null || this.#reading) return;
		this.#reading = true;
		const { backend, clock, onRead } = this.#options;
		backend.readStream(this.stream.streamId, from).then(
			(deltas) => {
				this.#reading = false;
				if (this.#over) return;
				this.#tell(this.#reader.answer(from, deltas));
				this.#readOn();
				onRead();
			},
			() => {
				clock.after(READ_AGAIN_MS, () => {
					this.#reading = false;
					if (!this.#over) this.#readOn();
				});
			},
		);
	}

	#tell(ops: readonly unknown[]): void {
		if (ops.length === 0) return;
		for (const event of this.replay.apply(ops)) this.#event(event);
	}

	#event(event: PiEvent): void {
		if (this.#waiting.length > 0) {
			this.#waiting.push(event);
			return;
		}
		if (event.type === "compaction_start") this.#compacting = true;
		if (event.type === "compaction_end" && !this.#compactionEnds(event)) return;
		if (event.type === "agent_settled") this.#settled = true;
		// Their entries say it, and are what Pi reads it from.
		if (event.type === "session_info_changed" || event.type === "thinking_level_changed") return;
		this.#options.target.inject(event);
	}

	/** @returns whether the end can be told now. */
	#compactionEnds(event: PiEvent): boolean {
		const entry = this.#compaction;
		const { target, clock, showEntry } = this.#options;
		this.#compacting = false;
		this.#compaction = null;
		if (entry) {
			if (event.result) this.replay.claims(entry as KnownEntry);
			else showEntry(entry);
			target.refreshContext();
			return true;
		}
		if (!event.result) return true;
		this.#waiting.push(event);
		this.#cancelWait = clock.after(ENTRY_WAIT_MS, () => this.#goOn(false));
		return false;
	}

	/** The entry of a compaction is there, or is waited for no longer. */
	#goOn(isThere: boolean): void {
		this.#cancelWait?.();
		this.#cancelWait = null;
		const { target } = this.#options;
		const [compaction, ...rest] = this.#waiting.splice(0);
		target.refreshContext();
		if (compaction) target.inject(isThere ? compaction : this.#unshown(compaction));
		for (const event of rest) this.#event(event);
	}

	/** The end of a compaction whose entry is still to come: that shows it then. */
	#unshown({ result: _result, ...event }: PiEvent): PiEvent {
		this.replay.claims({ type: "compaction" });
		return event as PiEvent;
	}
}

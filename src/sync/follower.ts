/**
 * Keeps the session of this terminal level with the backend, and draws the run of another terminal as it goes.
 *
 * Guarantees: entries are taken in the order of their seqs, each once; what a stream told is not shown again
 * when its entry comes, and what it did not tell is shown from the entry; joining in mid-run begins at a
 * position that the stored entries end at, so there is neither gap nor repeat; nothing is touched while a run
 * of this terminal's own is on, and everything is made up for afterwards. The truth is the entries: a stream
 * that breaks off costs the live view alone.
 *
 *   entries ─┐                        ┌─> append (as it is), shown when no op has told it
 *   live  ───┼─> one look at all ─────┼─> leaf, drawn anew when somebody moved
 *   stream ──┘   after each change    └─> join at its settled entry ─> ops ─> events
 */
import type { Clock } from "../lib/clock.ts";
import type { Live } from "../protocol/session.ts";
import type { Delta, StreamView } from "../protocol/stream.ts";
import { OpReader } from "../session/op-reader.ts";
import { type KnownEntry, type PiEvent, Replay } from "../session/pi-events.ts";
import type { FollowTarget } from "./follow-target.ts";
import { IncomingEntries } from "./incoming-entries.ts";
import type { LiveBackend, SourceEntry } from "./ports.ts";

export type FollowerOptions = {
	backend: Pick<
		LiveBackend,
		"onEntries" | "entryJson" | "onLive" | "onStream" | "onStreamTail" | "readStream" | "session"
	>;
	clock: Clock;
	sessionId: string;
	terminalId: string;
	target: FollowTarget;
	/** These come from the backend and need not go there; said before they are appended. */
	held: (entryIds: readonly string[]) => void;
	/** The leaf is the backend's. */
	leafIs: (leafId: string | null) => void;
	/** Nothing of this terminal's own waits to be sent: then a leaf that differs is somebody else's move. */
	isLevel: () => boolean;
	/** The transcript was drawn anew. */
	onDrawn: () => void;
	/** Messages that stand beside the way to the leaf have come. */
	onSideBranch: () => void;
	/** Something that `remote` or `seq` tell has changed. */
	onChange: () => void;
	log: (line: string) => void;
};

/** A compaction is drawn from its entry, which follows its end: waited for this long, or as long as the stream is there. */
const ENTRY_WAIT_MS = 15_000;
/** Entries that a first look takes besides the newest, in case this terminal's file is not level. */
const LOOK_BACK = 200;

type Joined = {
	stream: StreamView;
	reader: OpReader;
	replay: Replay;
	/** Events that wait for the entry of a compaction. */
	waiting: PiEvent[];
	cancelWait: (() => void) | null;
	reading: boolean;
	settled: boolean;
	/** A compaction is on; its entry may come before its end is told. */
	compacting: boolean;
	compaction: SourceEntry | null;
	endTail: () => void;
};

export class Follower {
	readonly #options: FollowerOptions;
	readonly #incoming: IncomingEntries;
	#ends: (() => void)[] = [];
	#active = false;
	#suspended = false;
	#begun = false;
	#live: Live | null = null;
	#appliedLeaf: string | null | undefined;
	#stream: StreamView | null = null;
	#joined: Joined | null = null;
	/** Highest seq that is in the session. */
	#seq = 0;
	#malformed = 0;
	#scheduled = false;
	#working = false;
	#again = false;
	#stopped = false;
	#redraw: "moved" | "caughtUp" | null = null;
	#aside = false;
	/** Streams that are over, some of whose entries may be on their way. */
	#left: Replay[] = [];
	#waiters: { seq: number; resolve: (level: boolean) => void }[] = [];

	constructor(options: FollowerOptions) {
		this.#options = options;
		this.#incoming = new IncomingEntries({
			...options,
			onNews: () => this.look(),
			onMalformed: (entryId) => {
				this.#malformed += 1;
				options.log(`entry ${entryId} from the backend is malformed and was left out`);
			},
		});
	}

	/** The other terminal's run that is being drawn; null when there is none. */
	get remote(): StreamView | null {
		return this.#joined?.stream ?? null;
	}

	/** Highest seq that is in the session, of what has been followed. */
	get seq(): number {
		return this.#seq;
	}

	/** Entries that were left out because they were none, and events that were dropped. */
	get dropped(): number {
		return this.#malformed + (this.#joined?.replay.dropped ?? 0);
	}

	get isActive(): boolean {
		return this.#active;
	}

	/** Begins to follow, or goes on. */
	activate(): void {
		if (this.#active || this.#stopped) return;
		this.#active = true;
		const { backend, sessionId } = this.#options;
		this.#ends = [
			backend.onLive(sessionId, (live) => {
				this.#live = live;
				this.look();
			}),
			backend.onStream(sessionId, (stream) => {
				this.#stream = stream;
				this.look();
			}),
		];
		if (this.#begun) this.#incoming.resume();
		else void this.#begin();
	}

	/** Nobody else is at the session: what comes from here is known here. */
	deactivate(): void {
		if (!this.#active) return;
		this.#active = false;
		for (const end of this.#ends) end();
		this.#ends = [];
		this.#incoming.pause();
		this.#stream = null;
		this.#leaveStream();
	}

	/** A run of this terminal's own: what it stores need not come back. */
	suspend(): void {
		this.#suspended = true;
		if (this.#begun) this.#incoming.pause();
	}

	/** @param seq everything up to here is this terminal's own, or 0. */
	resume(seq: number): void {
		this.#suspended = false;
		this.#seq = Math.max(this.#seq, seq);
		if (this.#active && this.#begun) this.#incoming.resume(seq);
		this.look();
	}

	/** True when everything up to `seq` is in the session within `deadlineMs`. */
	reached(seq: number, deadlineMs: number): Promise<boolean> {
		if (this.#seq >= seq) return Promise.resolve(true);
		return new Promise((resolve) => {
			const waiter = { seq, resolve };
			this.#waiters.push(waiter);
			this.#options.clock.after(deadlineMs, () => {
				this.#waiters = this.#waiters.filter((one) => one !== waiter);
				resolve(this.#seq >= seq);
			});
			this.look();
		});
	}

	/** After anything has changed; what belongs to one change of the backend is looked at together. */
	look(): void {
		if (this.#scheduled || this.#stopped) return;
		this.#scheduled = true;
		queueMicrotask(() => {
			this.#scheduled = false;
			void this.#work();
		});
	}

	stop(): void {
		this.deactivate();
		this.#stopped = true;
		this.#incoming.stop();
		for (const { resolve } of this.#waiters.splice(0)) resolve(false);
	}

	/** Finds out from where entries are wanted: where both are level, from the newest on. */
	async #begin(): Promise<void> {
		const { backend, sessionId, target, clock } = this.#options;
		try {
			const session = await backend.session(sessionId);
			if (this.#stopped || this.#begun) return;
			const shared = session?.lineage?.forkEntryId ?? null;
			const entries = target.entries();
			const own = entries.length - (entries.findIndex(({ id }) => id === shared) + 1);
			const lastSeq = session?.lastSeq ?? 0;
			const isLevel = session !== null && own === session.entryCount && this.#options.isLevel();
			const isNear = session !== null && own > session.entryCount - LOOK_BACK / 2;
			this.#begun = true;
			const from = isLevel ? lastSeq : isNear ? Math.max(0, lastSeq - LOOK_BACK) : 0;
			this.#seq = Math.max(this.#seq, from);
			this.#incoming.listen(from);
			if (!this.#active || this.#suspended) this.#incoming.pause();
			this.look();
		} catch {
			clock.after(1_000, () => void (this.#stopped || this.#begun || this.#begin()));
		}
	}

	/** One at a time; what changes meanwhile is looked at afterwards. */
	async #work(): Promise<void> {
		if (this.#working) {
			this.#again = true;
			return;
		}
		this.#working = true;
		try {
			do {
				this.#again = false;
				if (this.#stopped || !this.#begun || this.#options.target.isBusy()) break;
				await this.#step();
			} while (this.#again);
		} catch (error) {
			this.#options.log(`following failed: ${String(error)}`);
		} finally {
			this.#working = false;
		}
	}

	async #step(): Promise<void> {
		const { target } = this.#options;
		const before = this.#seq;
		const foreign =
			this.#stream && this.#stream.terminalId !== this.#options.terminalId ? this.#stream : null;
		if (this.#joined && this.#joined.stream.streamId !== foreign?.streamId) {
			this.#takeEntries();
			this.#leaveStream();
		}
		if (this.#joined && foreign) this.#joined.stream = foreign;
		if (foreign && !this.#joined) {
			if (foreign.settledEntryId !== null) this.#takeEntries(foreign.settledEntryId);
			if (foreign.settledEntryId === null || target.has(foreign.settledEntryId)) await this.#join(foreign);
			else return;
		}
		this.#takeEntries();
		this.#followLeaf();
		if (this.#aside && !this.#redraw) this.#options.onSideBranch();
		this.#aside = false;
		await this.#draw();
		if (!this.#joined && this.#seq !== before) target.refreshContext();
		if (this.#live && this.#seq >= this.#live.lastSeq && this.#incoming.isEmpty) this.#left = [];
		this.#waiters = this.#waiters.filter(({ seq, resolve }) => {
			if (this.#seq < seq) return true;
			resolve(true);
			return false;
		});
		this.#options.onChange();
	}

	/** Ops from the settled position on tell what the entries after the settled one hold. */
	async #join(stream: StreamView): Promise<void> {
		const { target, backend, clock } = this.#options;
		// What was there to be drawn is drawn first: the run comes after it.
		await this.#draw();
		const entries = target.entries();
		const at = entries.findIndex(({ id }) => id === stream.settledEntryId);
		const known = stream.settledEntryId === null ? [] : entries.slice(at + 1);
		const replay = new Replay({ parsePartial: target.parsePartial, now: clock.now }, known as KnownEntry[]);
		const joined: Joined = {
			stream,
			reader: new OpReader(stream.settled),
			replay,
			waiting: [],
			cancelWait: null,
			reading: false,
			settled: false,
			compacting: false,
			compaction: null,
			endTail: () => {},
		};
		this.#joined = joined;
		// Not `agent_start`, which would forget the rows of tools that the transcript shows as running.
		if (stream.settled > 0) target.inject({ type: "turn_start" });
		joined.endTail = backend.onStreamTail(stream.streamId, (deltas) => this.#tail(joined, deltas));
		this.#readOn(joined);
	}

	#tail(joined: Joined, deltas: readonly Delta[]): void {
		if (this.#joined !== joined) return;
		this.#tell(joined, joined.reader.tail(deltas));
		this.#readOn(joined);
	}

	/** Reads what the tail does not show. */
	#readOn(joined: Joined): void {
		const from = joined.reader.read;
		if (from === null || joined.reading) return;
		joined.reading = true;
		this.#options.backend.readStream(joined.stream.streamId, from).then(
			(deltas) => {
				joined.reading = false;
				if (this.#joined !== joined) return;
				this.#tell(joined, joined.reader.answer(from, deltas));
				this.#readOn(joined);
				this.look();
			},
			() => {
				this.#options.clock.after(500, () => {
					joined.reading = false;
					if (this.#joined === joined) this.#readOn(joined);
				});
			},
		);
	}

	#tell(joined: Joined, ops: readonly unknown[]): void {
		if (ops.length === 0 || this.#options.target.isBusy()) return;
		for (const event of joined.replay.apply(ops)) this.#event(joined, event);
	}

	#event(joined: Joined, event: PiEvent): void {
		if (joined.waiting.length > 0) {
			joined.waiting.push(event);
			return;
		}
		if (event.type === "compaction_start") joined.compacting = true;
		if (event.type === "compaction_end" && !this.#compactionEnds(joined, event)) return;
		if (event.type === "agent_settled") joined.settled = true;
		// Their entries say it, and are what Pi reads it from.
		if (event.type === "session_info_changed" || event.type === "thinking_level_changed") return;
		this.#options.target.inject(event);
	}

	/** Pi draws a compaction from its entry. @returns whether its end can be told now. */
	#compactionEnds(joined: Joined, event: PiEvent): boolean {
		const { compaction } = joined;
		joined.compacting = false;
		joined.compaction = null;
		if (compaction) {
			if (event.result) joined.replay.claims(compaction as KnownEntry);
			else this.#showEntry(compaction);
			this.#options.target.refreshContext();
			return true;
		}
		if (!event.result) return true;
		joined.waiting.push(event);
		joined.cancelWait = this.#options.clock.after(ENTRY_WAIT_MS, () => this.#goOn(joined, false));
		return false;
	}

	/** The entry of a compaction is there, or is waited for no longer. */
	#goOn(joined: Joined, isThere: boolean): void {
		joined.cancelWait?.();
		joined.cancelWait = null;
		const [compaction, ...rest] = joined.waiting.splice(0);
		this.#options.target.refreshContext();
		if (compaction) this.#options.target.inject(isThere ? compaction : this.#unshown(joined, compaction));
		for (const event of rest) this.#event(joined, event);
	}

	/** The end of a compaction whose entry is still to come: that shows it then. */
	#unshown(joined: Joined, { result: _result, ...event }: PiEvent): PiEvent {
		joined.replay.claims({ type: "compaction" });
		return event as PiEvent;
	}

	#takeEntries(until: string | null = null): void {
		const joined = this.#joined;
		// Ops come before the entries they tell: while some are on their way, entries wait.
		if (joined && (joined.reading || joined.reader.read !== null) && until === null) return;
		for (let next = this.#incoming.next(); next; next = this.#incoming.next()) {
			const { seq, entryId, entry } = next;
			if (entry && !this.#options.target.has(entryId)) this.#take(entry);
			this.#seq = Math.max(this.#seq, seq);
			if (entryId === until) return;
		}
	}

	#take(entry: SourceEntry): void {
		const { target, held } = this.#options;
		const before = target.leafId();
		held([entry.id]);
		target.append(entry);
		if (entry.parentId !== before) {
			// On another branch: where the session stands is said by its leaf, not by the newest entry.
			const leafId = this.#live?.leafId ?? null;
			if (leafId !== entry.id && before !== null) {
				target.setLeaf(before);
				this.#aside ||= entry.type === "message";
			} else this.#redraw ??= "moved";
			this.#claims(entry);
			return;
		}
		this.#show(entry);
	}

	#show(entry: SourceEntry): void {
		const joined = this.#joined;
		if (entry.type === "compaction" && joined?.compacting) {
			joined.compaction = entry;
			return;
		}
		if (this.#claims(entry)) {
			if (entry.type === "compaction" && joined && joined.waiting.length > 0) this.#goOn(joined, true);
			return;
		}
		this.#showEntry(entry);
	}

	/** Whether a stream has told the entry: the oldest that has is meant. */
	#claims(entry: SourceEntry): boolean {
		const replays = [...this.#left, ...(this.#joined ? [this.#joined.replay] : [])];
		return replays.some((replay) => replay.claims(entry as KnownEntry));
	}

	#showEntry(entry: SourceEntry): void {
		const { target } = this.#options;
		const joined = this.#joined;
		switch (entry.type) {
			case "message": {
				const role = (entry as KnownEntry as { message?: { role?: string } }).message?.role;
				// With the end of a run Pi forgets the rows of its tools: a result that comes later finds none.
				const isLate = role === "toolResult" && this.#left.length > 0;
				if (role === "bashExecution" || isLate) this.#redraw ??= "caughtUp";
				const replay =
					joined?.replay ?? new Replay({ parsePartial: target.parsePartial, now: this.#options.clock.now });
				for (const event of replay.shown(entry as KnownEntry)) target.inject(event);
				return;
			}
			case "compaction":
				target.refreshContext();
				return target.inject({ type: "entry_appended", entry });
			case "custom":
			case "custom_message":
			case "usage":
				joined?.replay.skip(entry as KnownEntry);
				return target.inject({ type: "entry_appended", entry });
			case "session_info":
				return target.inject({ type: "session_info_changed", name: (entry as { name?: string }).name });
			case "model_change":
			case "thinking_level_change":
				return target.applyChoice(entry);
			case "branch_summary":
				this.#redraw ??= "moved";
		}
	}

	/** A move in the tree has no entry: the leaf alone says it. */
	#followLeaf(): void {
		const { target, leafIs, isLevel } = this.#options;
		const live = this.#live;
		if (!live || live.leafId === this.#appliedLeaf || this.#seq < live.lastSeq) return;
		if (live.leafId !== null && !target.has(live.leafId)) return;
		const before = target.leafId();
		if (before !== live.leafId && !isLevel()) return;
		this.#appliedLeaf = live.leafId;
		leafIs(live.leafId);
		if (before === live.leafId) return;
		target.setLeaf(live.leafId);
		if (!this.#leadsTo(before, live.leafId)) this.#redraw = "moved";
	}

	/** Whether `leaf` is on the way that comes from `from`. */
	#leadsTo(from: string | null, leaf: string | null): boolean {
		if (from === null) return true;
		const parents = new Map(this.#options.target.entries().map(({ id, parentId }) => [id, parentId]));
		for (let at = leaf; at !== null && at !== undefined; at = parents.get(at) ?? null)
			if (at === from) return true;
		return false;
	}

	async #draw(): Promise<void> {
		const why = this.#redraw;
		if (!why) return;
		this.#redraw = null;
		const { target } = this.#options;
		target.refreshContext();
		await target.redraw(why);
		this.#options.onDrawn();
		if (this.#joined) for (const event of this.#joined.replay.resume()) target.inject(event);
	}

	/** The run is over, or its stream is gone: nothing goes on turning. */
	#leaveStream(): void {
		const joined = this.#joined;
		if (!joined) return;
		this.#joined = null;
		this.#left.push(joined.replay);
		joined.endTail();
		joined.cancelWait?.();
		const { target } = this.#options;
		if (joined.compaction) this.#showEntry(joined.compaction);
		for (const [index, event] of joined.waiting.entries())
			target.inject(index === 0 ? this.#unshown(joined, event) : event);
		if (!joined.settled) {
			target.inject({ type: "queue_update", steering: [], followUp: [] });
			target.inject({ type: "agent_end", messages: [], willRetry: false });
			target.inject({ type: "agent_settled", aborted: false });
		}
		target.refreshContext();
	}
}

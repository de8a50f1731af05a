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
import type { StreamView } from "../protocol/stream.ts";
import { ancestry, callsWithoutResult, wayFrom } from "../session/entry-paths.ts";
import { type KnownEntry, Replay } from "../session/pi-events.ts";
import { EntryOrder } from "./entry-order.ts";
import type { FollowTarget } from "./follow-target.ts";
import { IncomingEntries } from "./incoming-entries.ts";
import { JoinedStream } from "./joined-stream.ts";
import { LeftStreams } from "./left-streams.ts";
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

/** Entries that are no part of a turn. */
const ASIDE = new Set(["session_info", "label", "custom", "model_change", "thinking_level_change"]);
/** Entries that a first look takes besides the newest, in case this terminal's file is not level. */
const LOOK_BACK = 200;
/** A transcript that Pi did not draw anew is tried again after this long. */
const DRAW_AGAIN_MS = 250;

export class Follower {
	readonly #options: FollowerOptions;
	readonly #incoming: IncomingEntries;
	readonly #endLive: () => void;
	#endStream: (() => void) | null = null;
	#active = false;
	#begun = false;
	#live: Live | null = null;
	#appliedLeaf: string | null | undefined;
	#stream: StreamView | null = null;
	#joined: JoinedStream | null = null;
	/** Highest seq that is in the session. */
	#seq = 0;
	#malformed = 0;
	#scheduled = false;
	#working = false;
	#again = false;
	#stopped = false;
	#redraw: "moved" | "caughtUp" | null = null;
	#aside = false;
	/** Entries from the backend moved the leaf since it was last compared with the backend's. */
	#leafTaken = false;
	readonly #order = new EntryOrder();
	readonly #left = new LeftStreams();
	/** With the end of a run Pi forgets the rows of tools that run: the result of one of these finds none. */
	readonly #forgotten = new Set<string>();
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
		// Also while nobody is followed: a short run from elsewhere may be over before anybody was seen.
		this.#endLive = options.backend.onLive(options.sessionId, (live) => {
			this.#live = live;
			if (this.#active) this.look();
			else options.onChange();
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

	/** True while something is being said or done elsewhere; false between that and the end of its run. */
	get isTelling(): boolean {
		const replay = this.#joined?.replay;
		return replay !== undefined && (replay.isOpen || replay.runningTools.length > 0);
	}

	/** Highest seq that the backend has, as far as is known. */
	get liveSeq(): number {
		return this.#live?.lastSeq ?? 0;
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
		this.#endStream = backend.onStream(sessionId, (stream) => {
			this.#stream = stream;
			this.look();
		});
		if (this.#begun) this.#incoming.resume();
		else void this.#begin();
	}

	/** Nobody else is at the session: what comes from here is known here. */
	deactivate(): void {
		if (!this.#active) return;
		this.#active = false;
		this.#endStream?.();
		this.#endStream = null;
		this.#incoming.pause();
		this.#stream = null;
		this.#leaveStream();
	}

	/** A run of this terminal's own begins: nobody else's is drawn. */
	ownRun(): void {
		this.#joined?.drop();
		this.#joined = null;
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
		this.#endLive();
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
			this.#order.begin(entries, isLevel);
			const from = isLevel ? lastSeq : isNear ? Math.max(0, lastSeq - LOOK_BACK) : 0;
			this.#seq = Math.max(this.#seq, from);
			this.#incoming.listen(from);
			if (!this.#active) this.#incoming.pause();
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
				if (this.#stopped || !this.#begun) break;
				if (this.#options.target.isBusy()) {
					// What the leaf is meanwhile, this terminal has made it.
					this.#appliedLeaf = this.#live ? this.#live.leafId : this.#appliedLeaf;
					this.#takeAside();
				} else await this.#step();
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
		this.#forgetLeft();
		if (this.#aside && !this.#redraw) this.#options.onSideBranch();
		this.#aside = false;
		await this.#draw();
		if (!this.#joined && this.#seq !== before) target.refreshContext();
		if (this.#isLevel && !this.#joined) this.#putInOrder();
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
		// What was there to be drawn is drawn first: the run comes after it, and rows that Pi has forgotten are there again.
		if (this.#forgotten.size > 0) this.#redraw ??= "caughtUp";
		await this.#draw();
		this.#joined = new JoinedStream({
			backend,
			clock,
			target,
			stream,
			before: this.#left.before(stream),
			known: stream.settledEntryId === null ? [] : this.#after(stream.settledEntryId),
			showEntry: (entry) => this.#showEntry(entry),
			onRead: () => this.look(),
		});
	}

	/** Entries that come after one, by the backend's order where that is known: the file's may differ. */
	#after(entryId: string): readonly SourceEntry[] {
		const entries = this.#options.target.entries();
		const seq = this.#order.seqOf(entryId);
		const at = entries.findIndex(({ id }) => id === entryId);
		const isOfLeaf = this.#branchOfLeaf(entries);
		// The way to the leaf is as long as the session: it is walked for those alone that come after.
		return entries.filter(({ id }, index) => {
			const own = this.#order.seqOf(id);
			const comesAfter = seq === undefined || own === undefined ? index > at : own > seq;
			// What the backend does not have is this terminal's own, which no stream tells; but the file may be ahead.
			return comesAfter && (own === undefined ? this.#order.wasThere(id) : isOfLeaf(id));
		});
	}

	/** Whether an entry leads to the session's leaf or comes after it: a side branch of this terminal's own is told by nobody. */
	#branchOfLeaf(entries: readonly SourceEntry[]): (entryId: string) => boolean {
		const leafId = this.#live?.leafId ?? null;
		if (leafId === null || !this.#options.target.has(leafId)) return () => true;
		const isAncestor = ancestry(entries);
		return (entryId) => isAncestor(entryId, leafId) || isAncestor(leafId, entryId);
	}

	#takeEntries(until: string | null = null): void {
		const joined = this.#joined;
		// Ops come before the entries they tell: while some are on their way, entries wait.
		if (joined?.isBehind && until === null) return;
		for (let next = this.#incoming.first(); next; next = this.#incoming.first()) {
			this.#incoming.shift();
			this.#consume(next);
			if (next.entryId === until) return;
		}
	}

	/**
	 * While a run of this terminal's own is on: names, labels and the like that somebody else sets belong into
	 * the middle of it, as if they had been set here; messages wait for its end.
	 */
	#takeAside(): void {
		const { target } = this.#options;
		for (let next = this.#incoming.first(); next; next = this.#incoming.first()) {
			const { entry, entryId } = next;
			const isOwn = target.has(entryId);
			const fits = entry !== null && ASIDE.has(entry.type) && entry.parentId === target.leafId();
			if (!isOwn && entry && !fits) return;
			this.#incoming.shift();
			this.#consume(next);
		}
	}

	#consume({ seq, entryId, entry }: { seq: number; entryId: string; entry: SourceEntry | null }): void {
		const { target } = this.#options;
		if (entry && !target.has(entryId)) {
			this.#order.append(target.entries().at(-1)?.id);
			this.#take(entry);
		}
		this.#seq = Math.max(this.#seq, seq);
		if (entry) this.#order.place(entryId, seq);
	}

	/** Every file has the order that the backend gave: of each entry, those of this terminal's own too. */
	#putInOrder(): void {
		const order = this.#order.take(this.#options.target.entries());
		if (order) this.#options.target.reorder?.(order);
	}

	#take(entry: SourceEntry): void {
		const { target, held } = this.#options;
		const before = target.leafId();
		held([entry.id]);
		target.append(entry);
		this.#leafTaken = true;
		if (entry.parentId !== before) {
			// On another branch: where the session stands is said by its leaf, not by the newest entry.
			const leafId = this.#live?.leafId ?? null;
			if (leafId !== entry.id && before !== null) {
				target.setLeaf(before);
				this.#aside ||= entry.type === "message";
				// Its terminal told it before it was fenced off: it is no part of this branch.
				if (this.#claims(entry)) this.#redraw ??= "caughtUp";
				return;
			}
			this.#redraw ??= "moved";
			this.#claims(entry);
			return;
		}
		this.#show(entry);
	}

	#show(entry: SourceEntry): void {
		if (this.#joined?.takesCompaction(entry) || this.#claims(entry)) return;
		this.#showEntry(entry);
	}

	/** Whether a stream has told the entry: the oldest that has is meant. */
	#claims(entry: SourceEntry): boolean {
		return (
			this.#left.claims(entry as KnownEntry) || this.#joined?.replay.claims(entry as KnownEntry) === true
		);
	}

	#showEntry(entry: SourceEntry): void {
		const { target } = this.#options;
		const joined = this.#joined;
		switch (entry.type) {
			case "message": {
				const role = (entry as KnownEntry as { message?: { role?: string } }).message?.role;
				const { toolCallId } = (entry as { message?: { toolCallId?: string } }).message ?? {};
				const isLate = role === "toolResult" && this.#forgotten.delete(String(toolCallId));
				if (role === "bashExecution" || isLate) this.#redraw ??= "caughtUp";
				const replay =
					joined?.replay ?? new Replay({ parsePartial: target.parsePartial, now: this.#options.clock.now });
				const events = replay.shown(entry as KnownEntry);
				if (!events) this.#redraw ??= "caughtUp";
				for (const event of events ?? []) target.inject(event);
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
		// A leaf that was told before the newest entries is an old one, and one of later entries has to wait for them.
		if (!live || this.#seq !== live.lastSeq) return;
		// After a run the leaf may be where it was before: then somebody has gone back.
		const isNews = live.leafId !== this.#appliedLeaf || (this.#leafTaken && live.status === "idle");
		if (!isNews) return;
		if (live.leafId !== null && !target.has(live.leafId)) return;
		const before = target.leafId();
		if (before !== live.leafId && !isLevel()) {
			// What this terminal came with and has yet to send moves the leaf on: where it was then is no news.
			if (this.#appliedLeaf === undefined) this.#appliedLeaf = live.leafId;
			return;
		}
		this.#appliedLeaf = live.leafId;
		this.#leafTaken = false;
		leafIs(live.leafId);
		if (before === live.leafId) return;
		target.setLeaf(live.leafId);
		// Entries that are taken move the leaf by themselves: what stands between these two was not shown.
		const between = wayFrom(target.entries(), before, live.leafId);
		if (!between?.every(({ type }) => ASIDE.has(type))) this.#redraw = "moved";
	}

	async #draw(): Promise<void> {
		const why = this.#redraw;
		if (!why) return;
		this.#redraw = null;
		const { target } = this.#options;
		target.refreshContext();
		if (!(await target.redraw(why))) {
			// Pi would not just now, as while it starts.
			this.#redraw ??= why;
			this.#options.clock.after(DRAW_AGAIN_MS, () => this.look());
			return;
		}
		this.#options.onDrawn();
		const joined = this.#joined;
		const again = this.#left.toldAgain();
		// A run that was told to its end may have entries on their way all the same.
		if (joined) again.push(...(joined.isSettled ? joined.replay.toldAgain() : joined.replay.resume()));
		for (const event of again) target.inject(event);
	}

	/** Everything that the backend has is in the session. */
	get #isLevel(): boolean {
		return this.#live !== null && this.#seq >= this.#live.lastSeq && this.#incoming.isEmpty;
	}

	/** While a run is on, entries of what its lost stream told may still come; what has none now was lost with its terminal. */
	#forgetLeft(): void {
		if (!this.#isLevel || (this.#live?.status !== "idle" && this.#live?.status !== "ended")) return;
		if (!this.#joined && this.#left.toldAgain().length > 0) this.#redraw ??= "caughtUp";
		this.#left.forget();
	}

	/** Entries of the stream that are still to come are known by what it told. */
	#leaveStream(): void {
		const joined = this.#joined;
		if (!joined) return;
		this.#joined = null;
		// Pi forgets the rows of tools that had not ended, and leaves them where they are.
		if (!joined.isSettled && joined.replay.hasOpenRows) this.#redraw ??= "caughtUp";
		this.#left.add(joined);
		const running = [...joined.replay.runningTools, ...callsWithoutResult(this.#options.target.entries())];
		for (const toolCallId of running) this.#forgotten.add(toolCallId);
		joined.leave();
	}
}

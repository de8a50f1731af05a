/**
 * What of one session a hosted OpenSync has, and what comes next. The source is the log; kept is a position
 * in it and what was refused. Each message goes once and in the order of the file; what was acknowledged is
 * not sent again but after a crash between answer and note, and then it is the same message under the
 * same id.
 *
 * An entry that a server error meets again and again may be one that it cannot store, or the server is ill:
 * it is set aside, and the next one that is taken tells which. Then it is its turn again, some times, for
 * the server may have been ill for a moment only.
 */
import type { Parked } from "./contract.ts";
import type { Recorded, RecordMark, SourceEntry } from "./ports.ts";
import { recordedByOthers } from "./record-adopted.ts";
import { recordMessageId } from "./record-message.ts";

const EMPTY: RecordMark = { position: 0, lastEntryId: null, parked: [], session: null, touchedAt: 0 };

/** Refusals that are kept by name; a session has more of them only when something else is wrong. */
const MOST_PARKED = 500;
/** Times that an entry is set aside while others are taken, before it is refused for good. */
const MOST_ROUNDS = 3;

export class RecordOutbox {
	readonly #sessionId: string;
	#entries: readonly SourceEntry[] = [];
	#mark: RecordMark = EMPTY;
	/** Entries that OpenSync was found to hold. */
	#held = new Set<string>();
	/** Entries that were in the log when this began; what comes later no other program can have recorded. */
	#foundCount: number | null = null;
	#aside: { entryId: string; reason: string } | null = null;
	#asideAt = 0;
	/** How often others were taken while it was not, by entry. */
	readonly #rounds = new Map<string, number>();

	constructor(sessionId: string) {
		this.#sessionId = sessionId;
	}

	/** @param entries all of the source, in its order. */
	take(entries: readonly SourceEntry[]): void {
		this.#entries = entries;
		this.#foundCount ??= entries.length;
	}

	get mark(): RecordMark {
		return this.#mark;
	}

	get parked(): Parked[] {
		return this.#mark.parked.map(({ entryId, reason }) => ({ entryId, message: reason }));
	}

	/** Entries that need something still. */
	get queued(): number {
		return Math.max(0, this.#entries.length - this.#mark.position);
	}

	/** Where the last run of Pi stopped. A mark of another source counts for nothing: what is sent again is the same. */
	load(mark: RecordMark): void {
		const at = mark.position;
		const isSame = at === 0 || this.#entries[at - 1]?.id === mark.lastEntryId;
		const found = isSame ? at : this.#entries.findIndex(({ id }) => id === mark.lastEntryId) + 1;
		this.#mark = { ...mark, position: found, lastEntryId: this.#entries[found - 1]?.id ?? null };
	}

	/**
	 * A session that is there already: of ours by its ids, of another program by its dates.
	 * @param candidates entries that another program may have recorded. Its dates may be those of a server whose clock is ahead, so others must not be judged by them.
	 */
	adopt(
		{ messages }: Extract<Recorded, { kind: "held" }>,
		candidates = this.#entries.slice(0, this.#foundCount ?? 0),
	): void {
		const prefix = recordMessageId(this.#sessionId, "");
		const ours = messages.filter(({ externalId }) => externalId.startsWith(prefix));
		const others = messages.filter(({ externalId }) => !externalId.startsWith("pi:"));
		const until = others.reduce((last, { createdAt }) => Math.max(last, createdAt), Number.NEGATIVE_INFINITY);
		this.#held = new Set([
			...ours.map(({ externalId }) => externalId.slice(prefix.length)),
			...recordedByOthers(candidates, until),
		]);
	}

	/** From the beginning, without what is known to be there. Null: whatever was acknowledged counts as that. */
	recheck(recorded: Recorded): void {
		const parked = new Set(this.#mark.parked.map(({ entryId }) => entryId));
		const acknowledged = this.#entries.slice(0, this.#mark.position).filter(({ id }) => !parked.has(id));
		this.#held = new Set(recorded.kind === "absent" ? [] : acknowledged.map(({ id }) => id));
		if (recorded.kind === "held") this.adopt(recorded, acknowledged);
		this.#aside = null;
		this.#mark = { ...this.#mark, position: 0, lastEntryId: null, parked: [], session: null };
	}

	/** The next entry that may have to be sent; null when there is none. */
	next(): SourceEntry | null {
		for (let at = this.#aside ? this.#asideAt : this.#mark.position; at < this.#entries.length; at += 1) {
			const entry = this.#entries[at];
			if (!entry) break;
			if (entry.id === this.#aside?.entryId) continue;
			if (!this.#isThere(entry)) return entry;
			this.done(entry);
		}
		return null;
	}

	/** Needs nothing more: it was acknowledged, or there is nothing in it to send. */
	done({ id }: SourceEntry): void {
		const at = this.#indexOf(id);
		if (at < 0) return;
		if (this.#aside) {
			this.#asideAt = at + 1;
			return;
		}
		this.#mark = { ...this.#mark, position: at + 1, lastEntryId: id };
	}

	/** The server has taken or judged an entry: what stands aside has had its trouble for itself. */
	resolveAside(): void {
		const aside = this.#aside;
		if (!aside) return;
		this.#aside = null;
		const at = this.#asideAt;
		const rounds = (this.#rounds.get(aside.entryId) ?? 0) + 1;
		this.#rounds.set(aside.entryId, rounds);
		if (rounds < MOST_ROUNDS) {
			for (const { id } of this.#entries.slice(this.#mark.position, at))
				if (id !== aside.entryId) this.#held.add(id);
			return;
		}
		this.#park(aside.entryId, aside.reason);
		this.#mark = { ...this.#mark, position: at, lastEntryId: this.#entries[at - 1]?.id ?? null };
	}

	/** @returns false when one stands aside already, which now is known to be innocent: it goes first again. */
	setAside({ id }: SourceEntry, reason: string): boolean {
		if (this.#aside) {
			this.#aside = null;
			return false;
		}
		this.#aside = { entryId: id, reason };
		this.#asideAt = this.#indexOf(id) + 1;
		return true;
	}

	get standsAside(): boolean {
		return this.#aside !== null;
	}

	/** Others were taken while it was not. */
	get isAsideAlone(): boolean {
		return this.#aside !== null && this.#rounds.has(this.#aside.entryId);
	}

	/** It goes first again. */
	takeBack(): void {
		this.#aside = null;
	}

	/** It is refused for good. */
	park(entry: SourceEntry, reason: string): void {
		this.#park(entry.id, reason);
		this.done(entry);
	}

	parkSession(reason: string): void {
		this.#park("session", reason);
	}

	/** The session as it was told last. @param session null: not surely kept there. */
	told(session: string | null, at: number): void {
		const parked =
			session === null ? this.#mark.parked : this.#mark.parked.filter((one) => one.entryId !== "session");
		this.#mark = { ...this.#mark, session: session ?? this.#mark.session, parked, touchedAt: at };
	}

	touched(at: number): void {
		this.#mark = { ...this.#mark, touchedAt: at };
	}

	#park(entryId: string, reason: string): void {
		const others = this.#mark.parked.filter((one) => one.entryId !== entryId);
		this.#mark = { ...this.#mark, parked: [...others, { entryId, reason }].slice(-MOST_PARKED) };
	}

	#isThere({ id }: SourceEntry): boolean {
		return this.#held.has(id);
	}

	#indexOf(entryId: string): number {
		const from = Math.min(this.#mark.position, this.#entries.length);
		for (let at = from; at < this.#entries.length; at += 1) if (this.#entries[at]?.id === entryId) return at;
		return -1;
	}
}

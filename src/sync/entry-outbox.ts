/**
 * What of a session the backend has not acknowledged, and the next step that changes this.
 *
 * A step is one of: open and compare, one batch of entries, leaf and status, end streams; in that order of
 * precedence. It either moves on or rejects and may be repeated: every call behind it is idempotent. It
 * holds one prepared batch at most; everything else is found again from the source.
 */
import type { Append } from "../protocol/entry.ts";
import type { Opened, SessionStatus } from "../protocol/session.ts";
import { ancestry } from "../session/entry-paths.ts";
import type { Parked, SessionSyncOptions } from "./contract.ts";
import { EntryFeed, fileOf } from "./entry-feed.ts";
import { appendBatch, fitsBatch, isPermanent, orphansNamed, prepare, type Ready } from "./entry-push.ts";
import { importSession } from "./import-session.ts";
import { type LineagePlan, missingOf, planLineage } from "./lineage-plan.ts";
import { BackendError } from "./ports.ts";
import type { RunStreams, Settling } from "./run-streams.ts";

/** A batch is made in one go, in Pi's own process: it must not take long. */
const BATCH_BYTES = 1024 * 1024;
/** An unforeseen failure of an append is taken for the entry's own after so many, which takes most of a minute. */
const UNEXPECTED_MOST = 8;

type Batch = { to: number; ready: Ready[]; settling: { by: Settling; entryId: string } | null };
type Leaf = string | null | undefined;

export class EntryOutbox {
	readonly #options: SessionSyncOptions;
	readonly #streams: RunStreams;
	readonly #feed: EntryFeed;
	#plan: LineagePlan | null = null;
	#isOpen = false;
	/** Index of the first entry that is not acknowledged. */
	#next = 0;
	/** From `#next` on, ids that the backend has all the same. */
	#held: ReadonlySet<string> = new Set();
	#batch: Batch | null = null;
	#fullCheck = false;
	#parked = new Map<string, Parked>();
	readonly #hidden: Record<string, number> = {};
	#sentSinceCheck = 0;
	#wantedStatus: SessionStatus | null = null;
	#ackedStatus: SessionStatus | null = null;
	#ackedLeaf: Leaf;
	/** Where the session stood when it was opened leads to this terminal's leaf, and nobody else has added to it since. */
	#goesOn = false;
	#unexpected = 0;
	#lostParents = 0;
	#lastSeq = 0;
	#added = 0;

	constructor(options: SessionSyncOptions, streams: RunStreams) {
		this.#options = options;
		this.#streams = streams;
		this.#feed = new EntryFeed(options.source);
	}

	get isOpen(): boolean {
		return this.#isOpen;
	}

	/** Entries of the source. */
	get length(): number {
		return this.#feed.length;
	}

	get sentSinceCheck(): number {
		return this.#sentSinceCheck;
	}

	counts(): { queued: number; sentCount: number; parked: Parked[]; hidden: Record<string, number> } {
		const parked = [...this.#parked.values()];
		const queued = this.#feed.isBegun ? this.#feed.length - this.#next : 0;
		return { queued, sentCount: this.#next - parked.length, parked, hidden: { ...this.#hidden } };
	}

	/** The highest seq that the backend has told, and how many entries it has taken from here. */
	get progress(): { lastSeq: number; added: number } {
		return { lastSeq: this.#lastSeq, added: this.#added };
	}

	wantStatus(status: SessionStatus): void {
		this.#wantedStatus = status;
	}

	/** Entries that came from the backend: they need not go there. */
	held(entryIds: readonly string[]): void {
		this.#goesOn = false;
		this.#held = new Set([...this.#held, ...entryIds]);
		this.#batch = null;
		if (this.#isOpen) this.#skipHeld();
	}

	/** The backend's leaf, which this terminal has followed. */
	leafIs(leafId: string | null): void {
		this.#ackedLeaf = leafId;
		if (leafId !== this.#leaf()) this.#goesOn = false;
	}

	#drives(): boolean {
		return this.#options.drives?.(this.#goesOn) ?? true;
	}

	#epoch(): { epoch?: number } {
		const epoch = this.#options.epoch?.() ?? null;
		return epoch === null ? {} : { epoch };
	}

	/** Compares everything at the next step; entries refused before get another chance. */
	recheck(): void {
		this.#isOpen = false;
		this.#fullCheck = true;
		this.#sentSinceCheck = 0;
	}

	/** Looks at the source anew. */
	hasWork(): boolean {
		if (this.#options.pushes?.() === false) return false;
		try {
			this.#feed.refresh();
		} catch {
			// The source was taken away, as when Pi replaces its session: what it still has is found at the next start.
			return false;
		}
		if (!this.#feed.isBegun) return false;
		return (
			!this.#isOpen || this.#next < this.#feed.length || this.#change() !== null || this.#streams.hasEnding
		);
	}

	async step(): Promise<void> {
		if (!this.#isOpen) return await this.#open();
		if (this.#next < this.#feed.length) return await this.#send();
		const change = this.#change();
		if (change) return await this.#update(change);
		await this.#streams.endOver();
	}

	/** After a step rejected: what must be different at the next try. */
	failed(error: unknown): void {
		if (!(error instanceof BackendError) || error.kind !== "refused") return;
		if (error.code === "session_unknown") this.#isOpen = false;
		if (error.code === "unexpected" && this.#batch !== null) this.#unexpected += 1;
		if (error.code === "parent_missing") {
			this.#lostParents += 1;
			this.#isOpen = false;
			this.#fullCheck = true;
		}
	}

	async #open(): Promise<void> {
		const { backend, source, describe } = this.#options;
		this.#plan ??= await this.#planLineage();
		const { lineage, shared } = this.#plan;
		const header = source.header();
		const opened = await backend.openSession({
			...describe(),
			sessionId: source.sessionId,
			header: header === null ? null : JSON.stringify(header),
			...(lineage ? { lineage } : {}),
		});
		this.#lastSeq = Math.max(this.#lastSeq, opened.lastSeq);
		const own = this.#feed.length - shared;
		const isSame =
			own > 0 && opened.entryCount === own && opened.lastEntryId === this.#feed.idAt(this.#feed.length - 1);
		this.#held =
			isSame && !this.#fullCheck ? this.#idsFrom(shared) : await this.#heldFrom(shared, opened.entryCount);
		this.#next = shared;
		this.#batch = null;
		this.#goesOn = this.#leadsOn(opened);
		this.#fullCheck = false;
		this.#parked = new Map();
		this.#ackedStatus = null;
		this.#ackedLeaf = undefined;
		this.#isOpen = true;
		this.#skipHeld();
	}

	/**
	 * Nobody has gone elsewhere since this terminal was here last. Entries alone would leave the leaf where it
	 * was, which looks to all, this terminal included, as if somebody had gone back there.
	 */
	#leadsOn({ leafId, entryCount }: Opened): boolean {
		const own = this.#leaf() ?? null;
		if (leafId === null) return entryCount === 0;
		return own !== null && ancestry(this.#feed.entries)(leafId, own);
	}

	async #heldFrom(shared: number, entryCount: number): Promise<Set<string>> {
		if (entryCount === 0 && !this.#fullCheck) return new Set();
		const ids = this.#idsFrom(shared);
		for (const id of await missingOf(this.#options.backend, this.#options.source.sessionId, [...ids]))
			ids.delete(id);
		return ids;
	}

	#idsFrom(index: number): Set<string> {
		return new Set(this.#feed.entries.slice(index).map((entry) => entry.id));
	}

	async #planLineage(): Promise<LineagePlan> {
		const { backend, source, parent: findParent } = this.#options;
		const parent = (await findParent?.()) ?? null;
		const file = parent ? fileOf(parent) : null;
		return await planLineage({
			backend,
			header: findParent ? source.header() : null,
			entries: this.#feed.entries,
			parent:
				parent && file
					? { sessionId: parent.sessionId, entries: file.entries.map((one) => one.entry) }
					: null,
			pushParent: async () => {
				if (!parent || !file) return;
				const describe = (this.#options.describeParent ?? this.#options.describe)(parent);
				const { transform, clock } = this.#options;
				await importSession({
					backend,
					file,
					describe,
					clock,
					attempts: 1,
					...(transform ? { transform } : {}),
				});
			},
		});
	}

	/** Without a stream waiting for it, an entry that the backend holds needs no call. */
	#skipHeld(): void {
		while (
			this.#next < this.#feed.length &&
			this.#held.has(this.#feed.idAt(this.#next)) &&
			!this.#settlingAt(this.#next)
		) {
			this.#next += 1;
		}
	}

	#settlingAt(index: number): Settling | null {
		const role = this.#feed.roleAt(index);
		return role === null ? null : this.#streams.settlingOf(index, role);
	}

	async #send(): Promise<void> {
		await this.#streams.reached();
		this.#batch ??= await this.#prepareBatch();
		const { to, ready, settling } = this.#batch;
		const settles = settling?.by.push.settle(settling.by.mark, settling.entryId) ?? null;
		// Also with what is not the last batch: a leaf that lags its entries looks like somebody's move.
		const known = to === this.#feed.length ? this.#feed.leafId() : undefined;
		const leafId = this.#drives() ? (known === undefined ? this.#feed.idAt(to - 1) : known) : undefined;
		const giveUp = this.#unexpected >= UNEXPECTED_MOST;
		if (ready.length > 0 || settles) {
			const sent = await appendBatch(
				this.#options.backend,
				this.#head(settles, leafId),
				this.#safe(ready),
				giveUp,
			);
			this.#lastSeq = Math.max(this.#lastSeq, sent.lastSeq);
			this.#added += sent.added;
			if (sent.staleEpoch !== null) this.#options.onStale?.(sent.staleEpoch);
			for (const parked of sent.parked) this.#parked.set(parked.entryId, parked);
			for (const { hidden } of ready) {
				for (const [rule, count] of Object.entries(hidden))
					this.#hidden[rule] = (this.#hidden[rule] ?? 0) + count;
			}
			this.#sentSinceCheck += ready.length - sent.parked.length;
			// Fenced off they moved no leaf: who holds the lock by now says it again.
			if (leafId !== undefined && sent.staleEpoch === null) this.#ackedLeaf = leafId;
		}
		const { by, entryId = "" } = settling ?? {};
		const owed = by ? this.#streams.settled(by, settles?.streamId ?? null, entryId) : null;
		// The stream was begun anew while this was under way: said once more, for the new one.
		if (owed)
			await this.#options.backend.append({ ...this.#head(owed, undefined), entries: [] }).catch(() => {});
		if (owed && by) this.#streams.settled(by, owed.streamId, entryId);
		this.#next = to;
		this.#batch = null;
		this.#unexpected = 0;
		this.#lostParents = 0;
		this.#skipHeld();
	}

	#head(settles: Append["settles"] | null, leafId: Leaf): Omit<Append, "entries"> {
		return {
			sessionId: this.#options.source.sessionId,
			...this.#epoch(),
			...(settles ? { settles } : {}),
			...(leafId === undefined ? {} : { leafId }),
			...(this.#options.imported ? { imported: true } : {}),
		};
	}

	/** Children of refused entries are orphans; all are when the backend goes on missing a parent. */
	#safe(ready: readonly Ready[]): Ready[] {
		if (this.#lostParents < 2) return orphansNamed(ready, [...this.#parked.values()]);
		return ready.map((one) => ({ ...one, push: { ...one.push, orphan: true } }));
	}

	async #prepareBatch(): Promise<Batch> {
		const { backend, transform } = this.#options;
		const ready: Ready[] = [];
		let settling: Batch["settling"] = null;
		let bytes = 0;
		let to = this.#next;
		for (; to < this.#feed.length; to += 1) {
			if (!this.#held.has(this.#feed.idAt(to))) {
				const item = this.#feed.item(to, this.#plan?.copied.has(this.#feed.idAt(to)) ?? false);
				// A length in UTF-16 units is never more than the bytes.
				if (!fitsBatch(ready.length, bytes, item.json.length, BATCH_BYTES)) break;
				const made = await prepare(backend, transform, item);
				if (made.kind === "parked") this.#parked.set(made.parked.entryId, made.parked);
				else {
					ready.push(made);
					bytes += made.bytes;
				}
			}
			const by = this.#settlingAt(to);
			if (by) settling = { by, entryId: this.#feed.idAt(to) };
		}
		return { to, ready, settling };
	}

	/** Leaf and status that the backend does not know of. */
	#change(): { leafId?: string | null; status?: SessionStatus } | null {
		if (!this.#drives()) return null;
		const leafId = this.#leaf();
		const isMoved = leafId !== undefined && leafId !== this.#ackedLeaf;
		const isNews = this.#wantedStatus !== null && this.#wantedStatus !== this.#ackedStatus;
		if (!isMoved && !isNews) return null;
		return {
			...(isMoved ? { leafId } : {}),
			...(isNews && this.#wantedStatus ? { status: this.#wantedStatus } : {}),
		};
	}

	#leaf(): Leaf {
		try {
			return this.#feed.leafId();
		} catch {
			// As in `hasWork`: the source is gone.
			return undefined;
		}
	}

	async #update(change: { leafId?: string | null; status?: SessionStatus }): Promise<void> {
		try {
			await this.#options.backend.updateSession({
				sessionId: this.#options.source.sessionId,
				...this.#epoch(),
				...change,
			});
		} catch (error) {
			// Refused for good it would be refused for ever: without it the session only looks a little older.
			// With an old epoch it is not ours to say any more.
			const isOld = error instanceof BackendError && error.code === "stale_epoch";
			if (!isOld && !isPermanent(error, true)) throw error;
		}
		if (change.leafId !== undefined) this.#ackedLeaf = change.leafId;
		if (change.status !== undefined) this.#ackedStatus = change.status;
	}
}

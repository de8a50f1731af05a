/**
 * Live queries: which subscribed queries a commit made stale, and their results.
 *
 * Guarantees: after a commit every query whose read set it touched is stale until it has run again;
 * identical subscriptions (path, arguments, caller, journal) share one run, pages as long as their end is of
 * that run; all results of one `evaluate` are of one snapshot; unchanged results are left out.
 */

import type { TouchedKey } from "../storage/documents.ts";
import type { ReadSet } from "../transaction/read-set.ts";
import type { SerialQueue } from "../transaction/serial-queue.ts";
import type { QueryOutcome, QuerySet, Subscription } from "../types.ts";
import { ReadIndex } from "./read-index.ts";

/** Results that depend on the time are given to newcomers for this long. */
const VOLATILE_MS = 5000;

/** One subscribed query, shared by all who asked for the same. */
type LiveQuery = {
	readonly key: string;
	readonly subscription: Subscription;
	readonly sets: Map<LiveQuerySet, number>;
	stale: boolean;
	outcome: QueryOutcome | null;
	/** Rises when the result differs from the one before. */
	version: number;
	volatile: boolean;
	/** It ran for a page whose end was found by an earlier run. */
	keptEnd: boolean;
	ranAtMs: number;
};

export type ReactorOptions = Readonly<{
	queue: SerialQueue;
	runQuery: (
		subscription: Subscription,
		journal: string | null,
	) => Promise<{ outcome: QueryOutcome; reads: ReadSet }>;
	latestTs: () => bigint;
	now: () => number;
	log: (line: string) => void;
}>;

/** Calls a listener from outside; what it throws must not stop a commit half-way. */
export function guarded(log: (line: string) => void, call: () => void): void {
	try {
		call();
	} catch (error) {
		log(`A listener of the engine failed: ${String(error)}`);
	}
}

export class Reactor {
	readonly options: ReactorOptions;
	readonly #queries = new Map<string, LiveQuery>();
	readonly #index = new ReadIndex<LiveQuery>();

	constructor(options: ReactorOptions) {
		this.options = options;
	}

	isWatched(indexId: number): boolean {
		return this.#index.isWatched(indexId);
	}

	/** Marks what the commit touched as stale and tells the query sets. */
	committed(touched: readonly TouchedKey[]): void {
		if (touched.length === 0 || this.#queries.size === 0) return;
		const told = new Set<LiveQuerySet>();
		for (const query of this.#index.ownersOf(touched)) {
			query.stale = true;
			for (const set of query.sets.keys()) told.add(set);
		}
		for (const set of told) set.becameStale();
	}

	openQuerySet(): QuerySet {
		return new LiveQuerySet(this);
	}

	join(set: LiveQuerySet, subscription: Subscription): LiveQuery {
		const { path, argsJson, caller, journal } = subscription;
		const key = JSON.stringify([path, argsJson, caller.identity, caller.admin, journal]);
		let query = this.#queries.get(key);
		if (!query || isOthersPage(query)) {
			query = {
				key,
				subscription,
				sets: new Map(),
				stale: true,
				outcome: null,
				version: 0,
				volatile: false,
				keptEnd: false,
				ranAtMs: 0,
			};
			this.#queries.set(key, query);
		}
		if (query.volatile && this.options.now() - query.ranAtMs > VOLATILE_MS) query.stale = true;
		query.sets.set(set, (query.sets.get(set) ?? 0) + 1);
		return query;
	}

	leave(set: LiveQuerySet, query: LiveQuery): void {
		const uses = (query.sets.get(set) ?? 1) - 1;
		if (uses > 0) query.sets.set(set, uses);
		else query.sets.delete(set);
		if (query.sets.size > 0) return;
		this.#index.delete(query);
		if (this.#queries.get(query.key) === query) this.#queries.delete(query.key);
	}

	/** Runs a stale query again. Call inside a job of the queue. */
	async refresh(query: LiveQuery): Promise<void> {
		const before = query.outcome;
		const journal = before?.journal ?? query.subscription.journal;
		const { outcome, reads } = await this.options.runQuery(query.subscription, journal);
		query.stale = false;
		query.keptEnd = journal !== query.subscription.journal;
		query.outcome = outcome;
		query.volatile = reads.volatile;
		query.ranAtMs = this.options.now();
		if (!before || !sameResult(before, outcome)) query.version += 1;
		// Everybody may have left while it ran.
		if (query.sets.size > 0) this.#index.set(query, reads.intervals);
	}
}

/** A page keeps its end for those who have it, and grows; who comes later asks for one of its own size. */
function isOthersPage({ outcome, subscription, stale, keptEnd }: LiveQuery): boolean {
	return keptEnd || (stale && outcome !== null && outcome.journal !== subscription.journal);
}

function sameResult(a: QueryOutcome, b: QueryOutcome): boolean {
	const sameValue =
		a.kind === "ok"
			? b.kind === "ok" && a.valueJson === b.valueJson
			: b.kind === "error" && a.errorMessage === b.errorMessage && a.errorDataJson === b.errorDataJson;
	return (
		sameValue &&
		a.logLines.length === b.logLines.length &&
		a.logLines.every((line, i) => line === b.logLines[i])
	);
}

class LiveQuerySet implements QuerySet {
	onStale: (() => void) | null = null;
	readonly #reactor: Reactor;
	readonly #entries = new Map<number, { query: LiveQuery; sentVersion: number }>();
	#told = false;
	#closed = false;

	constructor(reactor: Reactor) {
		this.#reactor = reactor;
	}

	add(queryId: number, subscription: Subscription): void {
		if (this.#closed) return;
		this.remove(queryId);
		this.#entries.set(queryId, { query: this.#reactor.join(this, subscription), sentVersion: -1 });
	}

	remove(queryId: number): void {
		const entry = this.#entries.get(queryId);
		if (!entry) return;
		this.#entries.delete(queryId);
		this.#reactor.leave(this, entry.query);
	}

	/** `_atLeast` always holds: there is one writer, and this runs after every commit that was answered. */
	evaluate(_atLeast?: bigint): Promise<{ ts: bigint; results: Map<number, QueryOutcome> }> {
		return this.#reactor.options.queue.run(async () => {
			this.#told = false;
			const ts = this.#reactor.options.latestTs();
			const results = new Map<number, QueryOutcome>();
			for (const [queryId, entry] of [...this.#entries]) {
				if (this.#entries.get(queryId) !== entry) continue;
				const { query } = entry;
				if (query.stale) await this.#reactor.refresh(query);
				if (entry.sentVersion === query.version || !query.outcome) continue;
				entry.sentVersion = query.version;
				results.set(queryId, { ...query.outcome, ts });
			}
			return { ts, results };
		});
	}

	becameStale(): void {
		if (this.#told || this.#closed) return;
		this.#told = true;
		guarded(this.#reactor.options.log, () => this.onStale?.());
	}

	close(): void {
		this.#closed = true;
		for (const queryId of [...this.#entries.keys()]) this.remove(queryId);
	}
}

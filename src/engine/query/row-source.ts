/**
 * Rows of a query before its operators: an index range or a full-text search.
 *
 * Reads ahead in growing batches, but what was read counts (for the read set and the limits) only when a
 * row is taken. After a write in the same transaction the rest of a batch is fetched again.
 */
import { type DatabaseIndex, findIndex, type SearchIndex, type Table } from "../storage/catalog.ts";
import type { ScannedRow } from "../storage/documents.ts";
import type { RankedHits } from "../storage/search-store.ts";
import type { ReadInterval } from "../transaction/read-set.ts";
import type { Transaction } from "../transaction/transaction.ts";
import { compareKeys, encodeValue, HIGHEST, justAfter } from "../values/sort-key.ts";
import { compileRange, type KeyRange } from "./index-range.ts";
import { orUndefined, type QueryJson, type SearchFilter, tableNameOf } from "./query-json.ts";

export type Row = { size: number; json: string };

export interface RowSource {
	/** The next row, or null at the end. `wanted` is how many more the caller surely takes. */
	next(wanted: number): Row | null;
	/** Where the last taken row lies, for a cursor. */
	position(): Uint8Array | null;
}

/** Positions between which a page lies: after the one, up to and with the other. */
export type Window = { after: Uint8Array | null; through: Uint8Array | null };

/** Rows fetched at first when nothing says how many are wanted. */
const FIRST_BATCH = 32;
const MAX_BATCH = 1024;
const MAX_SEARCH_ROWS = 1024;

/** Where the rows of a query come from; null when its table does not exist. */
export function openSource(tx: Transaction, query: QueryJson, window: Window): RowSource | null {
	const { source } = query;
	const table = tx.tableForRead(tableNameOf(source));
	if (source.type === "Search") {
		if (!table) return null;
		const name = source.indexName.slice(table.name.length + 1);
		return new SearchSource(tx, findSearchIndex(table, name), source.filters, window);
	}
	if (!table) return null;
	const index =
		source.type === "FullTableScan"
			? findDatabaseIndex(table, "by_creation_time")
			: findDatabaseIndex(table, source.indexName.slice(table.name.length + 1));
	const range = compileRange(index, source.type === "IndexRange" ? source.range : []);
	return new IndexSource(tx, index, range, source.order === "desc", window);
}

function findDatabaseIndex(table: Table, name: string): DatabaseIndex {
	const index = findIndex(table, name);
	if (index) return index;
	throw missingIndex(table, name);
}

function findSearchIndex(table: Table, name: string): SearchIndex {
	const index = table.search.find((one) => one.name === name);
	if (index) return index;
	throw missingIndex(table, name);
}

function missingIndex(table: Table, name: string): Error {
	const label = `${table.name}.${name}`;
	if (table.staged.has(name)) {
		return new Error(`Index ${label} is currently staged and not available to query until it is enabled`);
	}
	return new Error(`Index ${label} not found. (IndexNotFoundError)`);
}

class IndexSource implements RowSource {
	readonly #tx: Transaction;
	readonly #index: DatabaseIndex;
	readonly #descending: boolean;
	readonly #interval: ReadInterval;
	/** What is not fetched yet. */
	#low: Uint8Array;
	#high: Uint8Array;
	readonly #endLow: Uint8Array;
	readonly #endHigh: Uint8Array;
	#rows: ScannedRow[] = [];
	#at = 0;
	#exhausted = false;
	#batch = 0;
	#seenWrites: number;
	#position: Uint8Array | null = null;

	constructor(tx: Transaction, index: DatabaseIndex, range: KeyRange, descending: boolean, window: Window) {
		this.#tx = tx;
		this.#index = index;
		this.#descending = descending;
		this.#seenWrites = tx.writeCount;
		const first = descending ? window.through : window.after;
		const last = descending ? window.after : window.through;
		// A place comes from the client: it narrows the query's range and never widens it.
		const low = first && (descending ? first : justAfter(first));
		const high = last && (descending ? last : justAfter(last));
		this.#low = low && compareKeys(low, range.low) > 0 ? low : range.low;
		this.#high = high && compareKeys(high, range.high) < 0 ? high : range.high;
		this.#endLow = this.#low;
		this.#endHigh = this.#high;
		tx.usage.add("databaseQueries", 1);
		const { prefix, depth } = range;
		const empty = descending ? this.#high : this.#low;
		this.#interval = { indexId: index.id, depth, prefix, low: empty, high: empty };
		tx.reads?.add(this.#interval);
	}

	next(wanted: number): Row | null {
		if (this.#at < this.#rows.length && this.#seenWrites !== this.#tx.writeCount) this.#dropAhead();
		if (this.#at >= this.#rows.length && !this.#fetch(wanted)) {
			this.#interval.low = this.#endLow;
			this.#interval.high = this.#endHigh;
			return null;
		}
		const row = this.#rows[this.#at++] as ScannedRow;
		this.#position = row.key;
		if (this.#descending) this.#interval.low = row.key;
		else this.#interval.high = justAfter(row.key);
		this.#tx.usage.read(row.size);
		return row;
	}

	position(): Uint8Array | null {
		return this.#position;
	}

	#dropAhead(): void {
		this.#rows = [];
		this.#at = 0;
		this.#exhausted = false;
		if (this.#position && this.#descending) this.#high = this.#position;
		else if (this.#position) this.#low = justAfter(this.#position);
	}

	#fetch(wanted: number): boolean {
		if (this.#exhausted && this.#seenWrites === this.#tx.writeCount) return false;
		this.#batch = Math.min(
			MAX_BATCH,
			Number.isFinite(wanted) ? wanted : Math.max(FIRST_BATCH, this.#batch * 4),
		);
		this.#seenWrites = this.#tx.writeCount;
		const { rows, isEnd } = this.#tx.scope.documents.scan(
			this.#index,
			this.#low,
			this.#high,
			this.#descending,
			this.#batch,
		);
		this.#rows = rows;
		this.#at = 0;
		this.#exhausted = isEnd;
		const last = this.#rows.at(-1);
		if (!last) return false;
		if (this.#descending) this.#high = last.key;
		else this.#low = justAfter(last.key);
		return true;
	}
}

const NO_PREFIX = new Uint8Array(0);

class SearchSource implements RowSource {
	readonly #tx: Transaction;
	readonly #index: SearchIndex;
	readonly #text: string;
	readonly #filters: Array<{ field: string; value: ReturnType<typeof orUndefined> }> = [];
	#hits: RankedHits | null = null;
	#at: number;
	readonly #end: number;

	constructor(tx: Transaction, index: SearchIndex, filters: readonly SearchFilter[], window: Window) {
		this.#tx = tx;
		this.#index = index;
		this.#text = this.#readFilters(filters);
		this.#at = window.after ? placeOf(window.after) : 0;
		this.#end = window.through ? placeOf(window.through) : Number.POSITIVE_INFINITY;
		tx.usage.add("databaseQueries", 1);
		tx.reads?.add({ indexId: index.id, depth: 0, prefix: NO_PREFIX, low: NO_PREFIX, high: HIGHEST });
	}

	next(): Row | null {
		this.#hits ??= this.#tx.scope.documents.search.find(
			this.#index,
			this.#text,
			this.#filters,
			MAX_SEARCH_ROWS + 1,
		);
		if (this.#at >= this.#end) return null;
		const row = this.#hits.at(this.#at);
		if (!row) return null;
		if (this.#at >= MAX_SEARCH_ROWS) {
			throw new Error(
				`Search query scanned too many documents (fetched at least ${MAX_SEARCH_ROWS} documents). Consider using a smaller limit, paginating the query, or using a filter field.`,
			);
		}
		this.#at += 1;
		this.#tx.usage.read(row.size);
		const id = (JSON.parse(row.json) as { _id: string })._id;
		this.#tx.reads?.addPoint(this.#index.table.byId.id, encodeValue(id));
		return row;
	}

	position(): Uint8Array | null {
		return placeKey(this.#at);
	}

	#readFilters(filters: readonly SearchFilter[]): string {
		const label = `${this.#index.table.name}.${this.#index.name}`;
		const searchField = this.#index.searchField.join(".");
		let text: string | null = null;
		for (const filter of filters) {
			if (filter.type === "Search") {
				if (text !== null)
					throw new Error(`Search queries against ${label} must have exactly one search filter`);
				if (filter.fieldPath !== searchField) {
					throw new Error(
						`Search query against ${label} contains a search filter on "${filter.fieldPath}", but the index searches "${searchField}"`,
					);
				}
				text = filter.value;
			} else if (this.#index.filterFields.includes(filter.fieldPath)) {
				this.#filters.push({ field: filter.fieldPath, value: orUndefined(filter.value) });
			} else {
				throw new Error(
					`Search query against ${label} contains an equality filter on "${filter.fieldPath}", but the field isn't indexed for filtering in \`filterFields\``,
				);
			}
		}
		if (text === null) throw new Error(`Search query against ${label} does not contain a search filter`);
		return text;
	}
}

/** A place in the order of relevance, in the form of a key. */
function placeKey(place: number): Uint8Array {
	const key = new Uint8Array(4);
	new DataView(key.buffer).setUint32(0, place);
	return key;
}

function placeOf(key: Uint8Array): number {
	return new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0);
}

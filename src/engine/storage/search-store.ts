/**
 * Full-text indexes on SQLite's FTS5: one virtual table an index, its row numbers those of the documents.
 *
 * A document is in it when its search field is a string. Equality filters are words of a second column
 * (a hash of field and value), so that the index itself narrows the matches. Found are documents that hold
 * any of the words: those with the words as a phrase first, then those with all of them, then the others,
 * each lot by relevance (BM25). A lot is looked up only when it is asked for.
 */
import { createHash } from "node:crypto";
import { fieldAt, type Json, type JsonObject } from "../values/json-value.ts";
import { encodeValue } from "../values/sort-key.ts";
import type { SearchIndex, Table } from "./catalog.ts";
import type { Database } from "./database.ts";

export type SearchHit = { n: number; size: number; json: string };
export type EqualityFilter = { field: string; value: Json | undefined };

/** Words of a query beyond this many are left out. */
const MAX_WORDS = 16;
const MAX_WORD_LENGTH = 32;

function filterWord(field: string, value: Json | undefined): string {
	if (typeof value !== "string") return hashed(field, value);
	// The same few owners and kinds stand in one document after the other.
	const name = `${field}\0${value}`;
	let word = filterWords.get(name);
	if (word === undefined) {
		word = hashed(field, value);
		if (filterWords.size >= FILTER_WORDS_KEPT) filterWords.clear();
		filterWords.set(name, word);
	}
	return word;
}
const FILTER_WORDS_KEPT = 1000;
const filterWords = new Map<string, string>();

function hashed(field: string, value: Json | undefined): string {
	const hash = createHash("sha1").update(field).update("\0").update(encodeValue(value));
	return `f${hash.digest("hex").slice(0, 24)}`;
}

/** Lower-cased words of letters and digits, in order. */
export function wordsOf(text: string): string[] {
	const words = text.toLowerCase().match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu) ?? [];
	return words.filter((word) => word.length <= MAX_WORD_LENGTH);
}

type Columns = { body: string; filters: string };

function columnsOf(index: SearchIndex, document: JsonObject | null): Columns | null {
	const text = document ? fieldAt(document, index.searchField) : undefined;
	if (typeof text !== "string") return null;
	const filters = index.filterFields.map((field) =>
		filterWord(field, fieldAt(document as JsonObject, field.split("."))),
	);
	return { body: text, filters: filters.join(" ") };
}

export class SearchStore {
	readonly #database: Database;

	constructor(database: Database) {
		this.#database = database;
	}

	create(index: SearchIndex): void {
		this.#database.exec(
			`CREATE VIRTUAL TABLE fts_${index.id} USING fts5(body, filters, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 0')`,
		);
	}

	drop(index: SearchIndex): void {
		this.#database.exec(`DROP TABLE IF EXISTS fts_${index.id}`);
	}

	/** Keeps all full-text indexes of the table; answers the ids of those whose content changed. */
	write(table: Table, n: number, before: JsonObject | null, after: JsonObject | null): number[] {
		const changed: number[] = [];
		for (const index of table.search) {
			const old = columnsOf(index, before);
			const now = columnsOf(index, after);
			if (old?.body === now?.body && old?.filters === now?.filters) continue;
			if (old) this.#database.run(`DELETE FROM fts_${index.id} WHERE rowid = ?`, n);
			if (now) this.add(index, n, after as JsonObject);
			changed.push(index.id);
		}
		return changed;
	}

	add(index: SearchIndex, n: number, document: JsonObject): void {
		const columns = columnsOf(index, document);
		if (!columns) return;
		const sql = `INSERT INTO fts_${index.id} (rowid, body, filters) VALUES (?, ?, ?)`;
		this.#database.run(sql, n, columns.body, columns.filters);
	}

	/** Documents that hold one of the words (the last one as a prefix) and all filters, the most relevant first. */
	find(index: SearchIndex, text: string, filters: readonly EqualityFilter[], limit: number): RankedHits {
		const all = filters.map(({ field, value }) => ` AND filters : "${filterWord(field, value)}"`).join("");
		const lots = lotsOf(wordsOf(text).slice(0, MAX_WORDS)).map((words) => `(body : (${words}))${all}`);
		return new RankedHits(this.#database, index, lots, limit);
	}
}

/** FTS5 expressions that match no document twice, the best first. */
function lotsOf(words: readonly string[]): string[] {
	const last = words.at(-1);
	if (last === undefined) return [];
	const terms = words.map((word, i) => (i === words.length - 1 ? `"${word}" *` : `"${word}"`));
	const any = [...new Set(terms)].join(" OR ");
	if (words.length === 1) return [any];
	const every = [...new Set(terms)].join(" AND ");
	const phrase = `"${words.join(" ")}" *`;
	return [phrase, `(${every}) NOT ${phrase}`, `(${any}) NOT (${every})`];
}

/** What was found, by its place in the order of relevance. */
export class RankedHits {
	readonly #database: Database;
	readonly #index: SearchIndex;
	readonly #lots: string[];
	readonly #limit: number;
	readonly #rows: number[] = [];

	constructor(database: Database, index: SearchIndex, lots: string[], limit: number) {
		this.#database = database;
		this.#index = index;
		this.#lots = lots;
		this.#limit = limit;
	}

	/** Null beyond the end or the limit. */
	at(place: number): SearchHit | null {
		for (;;) {
			while (place >= this.#rows.length && this.#lots.length > 0) this.#nextLot();
			const n = this.#rows[place];
			if (n === undefined) return null;
			const hit = this.#database.get<SearchHit>("SELECT n, size, json FROM docs WHERE n = ?", n);
			if (hit) return hit;
			// Deleted meanwhile, by the transaction that searches.
			this.#rows.splice(place, 1);
		}
	}

	/** Row numbers alone, for sorting what matches must not read all of its text. */
	#nextLot(): void {
		const left = this.#limit - this.#rows.length;
		const lot = this.#lots.shift();
		if (lot === undefined || left <= 0) return;
		const fts = `fts_${this.#index.id}`;
		const found = this.#database.all<{ n: number }>(
			`SELECT rowid AS n FROM ${fts} WHERE ${fts} MATCH ? ORDER BY bm25(${fts}, 1.0, 0.0), rowid DESC LIMIT ?`,
			lot,
			left,
		);
		for (const { n } of found) this.#rows.push(n);
	}
}

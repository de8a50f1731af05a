/**
 * Full-text indexes on SQLite's FTS5: one virtual table an index, its row numbers those of the documents.
 *
 * A document is in it when its search field is a string. Equality filters are words of a second column
 * (a hash of field and value), so that the index itself narrows the matches.
 */
import { createHash } from "node:crypto";
import { fieldAt, type Json, type JsonObject } from "../values/json-value.ts";
import { encodeValue } from "../values/sort-key.ts";
import type { SearchIndex, Table } from "./catalog.ts";
import type { Database } from "./database.ts";

export type SearchHit = { n: number; size: number; json: string };

/** Words of a query beyond this many are left out. */
const MAX_WORDS = 16;
const MAX_WORD_LENGTH = 32;

function filterWord(field: string, value: Json | undefined): string {
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

	/** Documents that hold one of the words (the last one as a prefix) and all filters, most relevant first. */
	find(
		index: SearchIndex,
		text: string,
		filters: ReadonlyArray<{ field: string; value: Json | undefined }>,
		limit: number,
	): SearchHit[] {
		const words = wordsOf(text).slice(0, MAX_WORDS);
		if (words.length === 0) return [];
		const any = words.map((word, i) => (i === words.length - 1 ? `"${word}" *` : `"${word}"`)).join(" OR ");
		const all = filters.map(({ field, value }) => ` AND filters : "${filterWord(field, value)}"`).join("");
		return this.#database.all(
			`SELECT d.n AS n, d.size AS size, d.json AS json FROM fts_${index.id} JOIN docs d ON d.n = fts_${index.id}.rowid
			WHERE fts_${index.id} MATCH ? ORDER BY bm25(fts_${index.id}, 1.0, 0.0), d.n DESC LIMIT ?`,
			`(body : (${any}))${all}`,
			limit,
		);
	}
}

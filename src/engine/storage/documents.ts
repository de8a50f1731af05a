/** Documents and their index entries as rows. Keeps entries and full text in step with each document. */
import type { Json, JsonObject } from "../values/json-value.ts";
import { fieldAt } from "../values/json-value.ts";
import { compareKeys, encodeKey, encodeValue } from "../values/sort-key.ts";
import type { Catalog, DatabaseIndex, Table } from "./catalog.ts";
import type { Database } from "./database.ts";
import { SearchStore } from "./search-store.ts";

export type StoredDocument = { n: number; size: number; json: string };
export type ScannedRow = { key: Uint8Array; n: number; size: number; json: string };

/** One index key that a write touched. `ends` are the offsets at which its fields end. */
export type TouchedKey = { indexId: number; key: Uint8Array; ends: readonly number[] };
export type KeyListener = (touched: TouchedKey) => void;

const INSERT_DOC = "INSERT INTO docs (tbl, key, size, json) VALUES (?, ?, ?, ?)";
const INSERT_ENTRY = "INSERT INTO entries VALUES (?, ?, ?)";
const DELETE_ENTRY = "DELETE FROM entries WHERE ix = ? AND key = ?";

const SCAN = {
	asc: `SELECT e.key AS key, d.n AS n, d.size AS size, d.json AS json FROM entries e JOIN docs d ON d.n = e.n
		WHERE e.ix = ? AND e.key >= ? AND e.key < ? ORDER BY e.key LIMIT ?`,
	desc: `SELECT e.key AS key, d.n AS n, d.size AS size, d.json AS json FROM entries e JOIN docs d ON d.n = e.n
		WHERE e.ix = ? AND e.key >= ? AND e.key < ? ORDER BY e.key DESC LIMIT ?`,
	byIdAsc: "SELECT key, n, size, json FROM docs WHERE tbl = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
	byIdDesc:
		"SELECT key, n, size, json FROM docs WHERE tbl = ? AND key >= ? AND key < ? ORDER BY key DESC LIMIT ?",
};

/** Rows are held in memory before anybody takes them: so much at a time, whatever is asked for. */
const SCANNED_BYTES = 2 * 1024 * 1024;

export class Documents {
	readonly #database: Database;
	readonly catalog: Catalog;
	readonly search: SearchStore;
	/** Told of every index key that a write touches. */
	onTouch: KeyListener | null = null;

	constructor(database: Database, catalog: Catalog) {
		this.#database = database;
		this.catalog = catalog;
		this.search = new SearchStore(database);
	}

	get(table: Table, idKey: Uint8Array): StoredDocument | undefined {
		return this.#database.get(
			"SELECT n, size, json FROM docs WHERE tbl = ? AND key = ?",
			table.number,
			idKey,
		);
	}

	/** Rows of [low, high) in key order, at most `limit`; fewer when they are large, so that `isEnd` tells the end. */
	scan(
		index: DatabaseIndex,
		low: Uint8Array,
		high: Uint8Array,
		descending: boolean,
		limit: number,
	): { rows: ScannedRow[]; isEnd: boolean } {
		const sql = index.isById
			? descending
				? SCAN.byIdDesc
				: SCAN.byIdAsc
			: descending
				? SCAN.desc
				: SCAN.asc;
		const owner = index.isById ? index.table.number : index.id;
		const found = this.#database.statement(sql).iterate(owner, low, high, limit);
		const rows: ScannedRow[] = [];
		let bytes = 0;
		for (const row of found as Iterable<ScannedRow>) {
			rows.push(row);
			bytes += row.size;
			if (bytes >= SCANNED_BYTES) return { rows, isEnd: false };
		}
		return { rows, isEnd: rows.length < limit };
	}

	count(table: Table): number {
		return (
			this.#database.get<{ c: number }>("SELECT count(*) AS c FROM docs WHERE tbl = ?", table.number)?.c ?? 0
		);
	}

	/** `json` is the text of `document`, system fields included. */
	insert(table: Table, document: JsonObject, json: string, size: number): void {
		const idKey = encodeValue(document._id as string);
		const { lastInsertRowid } = this.#database.statement(INSERT_DOC).run(table.number, idKey, size, json);
		const n = Number(lastInsertRowid);
		for (const index of table.kept) {
			const touched = keyOf(index, document);
			this.#database.statement(INSERT_ENTRY).run(index.id, touched.key, n);
			this.onTouch?.(touched);
		}
		this.onTouch?.({ indexId: table.byId.id, key: idKey, ends: [idKey.length] });
		this.#touchSearch(this.search.write(table, n, null, document));
	}

	update(table: Table, n: number, before: JsonObject, after: JsonObject, json: string, size: number): void {
		this.#database.statement("UPDATE docs SET size = ?, json = ? WHERE n = ?").run(size, json, n);
		for (const index of table.kept) {
			const old = keyOf(index, before);
			const now = keyOf(index, after);
			this.onTouch?.(old);
			if (compareKeys(old.key, now.key) === 0) continue;
			this.#database.statement(DELETE_ENTRY).run(index.id, old.key);
			this.#database.statement(INSERT_ENTRY).run(index.id, now.key, n);
			this.onTouch?.(now);
		}
		this.#touchId(table, before._id as string);
		this.#touchSearch(this.search.write(table, n, before, after));
	}

	remove(table: Table, n: number, before: JsonObject): void {
		this.#database.statement("DELETE FROM docs WHERE n = ?").run(n);
		for (const index of table.kept) {
			const old = keyOf(index, before);
			this.#database.statement(DELETE_ENTRY).run(index.id, old.key);
			this.onTouch?.(old);
		}
		this.#touchId(table, before._id as string);
		this.#touchSearch(this.search.write(table, n, before, null));
	}

	#touchId(table: Table, id: string): void {
		const key = encodeValue(id);
		this.onTouch?.({ indexId: table.byId.id, key, ends: [key.length] });
	}

	#touchSearch(indexIds: readonly number[]): void {
		for (const indexId of indexIds) this.onTouch?.({ indexId, key: NO_KEY, ends: [] });
	}
}

const NO_KEY = new Uint8Array(0);

/** The key of a document in an index. */
export function keyOf(index: DatabaseIndex, document: JsonObject): TouchedKey {
	const ends: number[] = [];
	const values: Array<Json | undefined> = index.fields.map((path) => fieldAt(document, path));
	const key = encodeKey(values, ends);
	return { indexId: index.id, key, ends };
}

/** Brings tables and indexes in line with the schema at start, and checks what is stored against it. */
import { type Catalog, type IndexSpec, indexSpec, type SearchIndex, type Table } from "../storage/catalog.ts";
import type { Database } from "../storage/database.ts";
import { type Documents, keyOf } from "../storage/documents.ts";
import { EngineStartError } from "../types.ts";
import { tableNumberOf } from "../values/document-id.ts";
import type { JsonObject } from "../values/json-value.ts";
import { type AppSchema, indexSpecsOf, type TableJson } from "./app-schema.ts";

const BATCH = 500;
const MAX_INDEXES = 32;
const MAX_SEARCH_INDEXES = 4;
const MAX_FILTER_FIELDS = 16;
const MAX_INDEX_FIELDS = 16;
const RESERVED = new Set(["by_id", "by_creation_time"]);

type StoredRow = { n: number; json: string };

/** All or nothing. Throws EngineStartError naming the document that does not match. */
export function applySchema(database: Database, documents: Documents, schema: AppSchema): void {
	const { catalog } = documents;
	for (const table of schema.tables) checkTable(table);
	database.inOwnTransaction(() => {
		for (const name of schema.mentionedTables()) {
			if (!catalog.table(name) && !name.startsWith("_")) catalog.create(name);
		}
		const wanted = new Map(schema.tables.map((table) => [table.tableName, table]));
		for (const table of catalog.tables()) {
			const declared = wanted.get(table.name);
			syncIndexes(database, documents, table, declared ? indexSpecsOf(declared) : []);
			table.staged = new Set(declared ? stagedNames(declared) : []);
			checkStored(database, catalog, table, schema);
		}
	});
}

function stagedNames(table: TableJson): string[] {
	return [...(table.stagedDbIndexes ?? []), ...(table.stagedSearchIndexes ?? [])].map(
		(one) => one.indexDescriptor,
	);
}

function checkTable(table: TableJson): void {
	const vector = [...(table.vectorIndexes ?? []), ...(table.stagedVectorIndexes ?? [])][0];
	if (vector) {
		throw new EngineStartError(
			"unsupported",
			`Table "${table.tableName}" has the vector index "${vector.indexDescriptor}"; vector search is not supported by this backend.`,
		);
	}
	const specs = indexSpecsOf(table);
	const fail = (why: string): never => {
		throw new EngineStartError("schema", `In table "${table.tableName}" ${why}.`);
	};
	if (specs.length > MAX_INDEXES) fail(`there are ${specs.length} indexes, more than ${MAX_INDEXES}`);
	if (table.searchIndexes.length > MAX_SEARCH_INDEXES)
		fail(`there are more than ${MAX_SEARCH_INDEXES} search indexes`);
	const names = new Set<string>();
	for (const spec of specs) {
		if (names.has(spec.name)) fail(`the index "${spec.name}" is declared twice`);
		names.add(spec.name);
		if (RESERVED.has(spec.name)) fail(`the index name "${spec.name}" is reserved`);
		if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(spec.name))
			fail(`"${spec.name}" is no index name of at most 64 letters, digits and underscores`);
		if (spec.kind === "search") {
			if (spec.filterFields.length > MAX_FILTER_FIELDS)
				fail(`the search index "${spec.name}" has more than ${MAX_FILTER_FIELDS} filter fields`);
			continue;
		}
		if (spec.fields.length === 0) fail(`the index "${spec.name}" has no fields`);
		if (spec.fields.length > MAX_INDEX_FIELDS)
			fail(`the index "${spec.name}" has more than ${MAX_INDEX_FIELDS} fields`);
		if (new Set(spec.fields).size < spec.fields.length) fail(`the index "${spec.name}" names a field twice`);
	}
}

function syncIndexes(
	database: Database,
	documents: Documents,
	table: Table,
	specs: readonly IndexSpec[],
): void {
	const { catalog } = documents;
	const wanted = new Map(specs.map((spec) => [spec.name, JSON.stringify(spec)]));
	const kept = new Set<string>();
	for (const index of [...table.kept, ...table.search]) {
		if (RESERVED.has(index.name)) continue;
		if (wanted.get(index.name) === JSON.stringify(indexSpec(index))) {
			kept.add(index.name);
			continue;
		}
		if ("searchField" in index) documents.search.drop(index);
		else database.run("DELETE FROM entries WHERE ix = ?", index.id);
		catalog.removeIndex(index);
	}
	for (const spec of specs) {
		if (kept.has(spec.name)) continue;
		const index = catalog.addIndex(table, spec);
		if ("searchField" in index) fillSearch(database, documents, table, index);
		else {
			for (const { n, json } of rowsOf(database, table)) {
				const { key } = keyOf(index, JSON.parse(json) as JsonObject);
				database.run("INSERT INTO entries VALUES (?, ?, ?)", index.id, key, n);
			}
		}
	}
}

function fillSearch(database: Database, documents: Documents, table: Table, index: SearchIndex): void {
	documents.search.create(index);
	for (const { n, json } of rowsOf(database, table))
		documents.search.add(index, n, JSON.parse(json) as JsonObject);
}

function* rowsOf(database: Database, table: Table): Generator<StoredRow> {
	let after = 0;
	for (;;) {
		const sql = "SELECT n, json FROM docs WHERE tbl = ? AND n > ? ORDER BY n LIMIT ?";
		const rows = database.all<StoredRow>(sql, table.number, after, BATCH);
		yield* rows;
		const last = rows.at(-1);
		if (!last) return;
		after = last.n;
	}
}

/** Only when the table's validator changed since the last check. */
function checkStored(database: Database, catalog: Catalog, table: Table, schema: AppSchema): void {
	const fingerprint = schema.fingerprint(table.name);
	const checked = database.get<{ checked: string | null }>(
		"SELECT checked FROM tables WHERE number = ?",
		table.number,
	);
	if (checked?.checked === fingerprint) return;
	if (fingerprint !== null) {
		const tableOfId = (id: string): string | null => {
			const number = tableNumberOf(id);
			return number === null ? null : (catalog.tableByNumber(number)?.name ?? null);
		};
		for (const { json } of rowsOf(database, table)) {
			const document = JSON.parse(json) as JsonObject;
			const error = schema.error(table.name, document, tableOfId);
			if (error === null) continue;
			throw new EngineStartError(
				"schema",
				`Document with ID "${document._id}" in table "${table.name}" does not match the schema: ${error}`,
			);
		}
	}
	database.run("UPDATE tables SET checked = ? WHERE number = ?", fingerprint, table.number);
}

/**
 * Tables and indexes: their stable numbers and what each index holds.
 *
 * Document ids carry the table number, so a table keeps its number for good, also when the schema drops it.
 * Every table has `by_id` (kept by the rows themselves) and `by_creation_time`.
 */
import { must } from "../../lib/assert.ts";
import type { Database } from "./database.ts";

const FIRST_TABLE_NUMBER = 10_001;
/** Their ids have the same length as those of other tables. */
const SYSTEM_TABLES: ReadonlyArray<readonly [string, number]> = [
	["_scheduled_functions", 9_001],
	["_storage", 9_002],
];

export type DatabaseIndex = Readonly<{
	id: number;
	table: Table;
	name: string;
	/** Field paths, split at their dots, with `_creationTime` and `_id` at the end. */
	fields: ReadonlyArray<readonly string[]>;
	/** Its rows lie in `docs` itself. */
	isById: boolean;
}>;

export type SearchIndex = Readonly<{
	id: number;
	table: Table;
	name: string;
	searchField: readonly string[];
	filterFields: readonly string[];
}>;

export type Table = {
	readonly number: number;
	readonly name: string;
	readonly byId: DatabaseIndex;
	/** All but `by_id`: what a write has to keep. */
	kept: DatabaseIndex[];
	search: SearchIndex[];
	/** Names of declared indexes that are not queryable yet. */
	staged: Set<string>;
};

/** What the schema wants of one index. */
export type IndexSpec =
	| { kind: "db"; name: string; fields: string[] }
	| { kind: "search"; name: string; searchField: string; filterFields: string[] };

type IndexRow = { id: number; tbl: number; name: string; kind: string; spec: string };

export class Catalog {
	readonly #database: Database;
	readonly #byName = new Map<string, Table>();
	readonly #byNumber = new Map<number, Table>();

	constructor(database: Database) {
		this.#database = database;
		for (const [name, number] of SYSTEM_TABLES) {
			database.run("INSERT OR IGNORE INTO tables (number, name) VALUES (?, ?)", number, name);
		}
		for (const { number, name } of database.all<{ number: number; name: string }>(
			"SELECT number, name FROM tables",
		)) {
			this.#load(number, name);
		}
	}

	table(name: string): Table | undefined {
		return this.#byName.get(name);
	}

	tableByNumber(number: number): Table | undefined {
		return this.#byNumber.get(number);
	}

	tables(): IterableIterator<Table> {
		return this.#byName.values();
	}

	/** Makes a table with the next free number. */
	create(name: string): Table {
		const row = this.#database.get<{ top: number | null }>("SELECT max(number) AS top FROM tables");
		const number = Math.max(FIRST_TABLE_NUMBER, (row?.top ?? 0) + 1);
		this.#database.run("INSERT INTO tables (number, name) VALUES (?, ?)", number, name);
		return this.#load(number, name);
	}

	/** Takes back a `create` whose transaction was undone. */
	forget(table: Table): void {
		this.#byName.delete(table.name);
		this.#byNumber.delete(table.number);
	}

	/** Index ids are never used again, so a read set can never mean another index than it did. */
	addIndex(table: Table, spec: IndexSpec): DatabaseIndex | SearchIndex {
		this.#database.run(
			"INSERT INTO indexes (tbl, name, kind, spec) VALUES (?, ?, ?, ?)",
			table.number,
			spec.name,
			spec.kind,
			JSON.stringify(spec),
		);
		const row = must(this.#row(table, spec.name), "new index");
		return this.#attach(table, row.id, spec);
	}

	removeIndex(index: DatabaseIndex | SearchIndex): void {
		this.#database.run("DELETE FROM indexes WHERE id = ?", index.id);
		index.table.kept = index.table.kept.filter((one) => one !== index);
		index.table.search = index.table.search.filter((one) => one !== index);
	}

	#row(table: Table, name: string): IndexRow | undefined {
		return this.#database.get<IndexRow>(
			"SELECT * FROM indexes WHERE tbl = ? AND name = ?",
			table.number,
			name,
		);
	}

	#load(number: number, name: string): Table {
		const table = { number, name, kept: [], search: [], staged: new Set<string>() } as unknown as Table;
		const byId = this.#builtIn(table, "by_id", []);
		(table as { byId: DatabaseIndex }).byId = { ...byId, fields: [["_id"]], isById: true };
		table.kept = [this.#builtIn(table, "by_creation_time", [])];
		const rows = this.#database.all<IndexRow>("SELECT * FROM indexes WHERE tbl = ? ORDER BY id", number);
		for (const row of rows) {
			if (row.kind !== "builtIn") this.#attach(table, row.id, JSON.parse(row.spec) as IndexSpec);
		}
		this.#byName.set(name, table);
		this.#byNumber.set(number, table);
		return table;
	}

	#builtIn(table: Table, name: string, fields: string[]): DatabaseIndex {
		const insert = "INSERT OR IGNORE INTO indexes (tbl, name, kind, spec) VALUES (?, ?, 'builtIn', '{}')";
		this.#database.run(insert, table.number, name);
		const { id } = must(this.#row(table, name), `index ${name}`);
		return databaseIndex(id, table, name, fields);
	}

	#attach(table: Table, id: number, spec: IndexSpec): DatabaseIndex | SearchIndex {
		if (spec.kind === "db") {
			const index = databaseIndex(id, table, spec.name, spec.fields);
			table.kept.push(index);
			return index;
		}
		const index: SearchIndex = {
			id,
			table,
			name: spec.name,
			searchField: spec.searchField.split("."),
			filterFields: spec.filterFields,
		};
		table.search.push(index);
		return index;
	}
}

function databaseIndex(id: number, table: Table, name: string, fields: string[]): DatabaseIndex {
	const paths = fields.map((field) => field.split("."));
	return { id, table, name, fields: [...paths, ["_creationTime"], ["_id"]], isById: false };
}

/** The index of a table by its name, built in or declared. */
export function findIndex(table: Table, name: string): DatabaseIndex | undefined {
	return name === "by_id" ? table.byId : table.kept.find((index) => index.name === name);
}

export function indexSpec(index: DatabaseIndex | SearchIndex): IndexSpec {
	if ("searchField" in index) {
		const { name, searchField, filterFields } = index;
		return { kind: "search", name, searchField: searchField.join("."), filterFields: [...filterFields] };
	}
	return { kind: "db", name: index.name, fields: index.fields.slice(0, -2).map((path) => path.join(".")) };
}

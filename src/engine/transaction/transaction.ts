/**
 * One serialisable transaction: all reads and writes of a query or mutation, nested calls included.
 *
 * Guarantees: writes go straight to SQLite inside one SQLite transaction, so reads (indexes and full text
 * too) see them and a rollback undoes them all; a part can be undone alone. One transaction runs at a time.
 * Not here: commit timestamps and who is told of a commit.
 */
import type { Table } from "../storage/catalog.ts";
import type { Database } from "../storage/database.ts";
import type { Documents, TouchedKey } from "../storage/documents.ts";
import { decodeId, newId, tableNumberOf } from "../values/document-id.ts";
import { COMMIT_TS_TEXT, int64ToJson, type Json, type JsonObject } from "../values/json-value.ts";
import { checkedDocumentSize } from "../values/size.ts";
import { encodeValue, HIGHEST, LOWEST } from "../values/sort-key.ts";
import type { AppSchema } from "./app-schema.ts";
import type { CommitGroup } from "./commit-group.ts";
import type { CreationClock } from "./creation-clock.ts";
import { Usage } from "./limits.ts";
import { ReadSet, TABLE_EXISTENCE } from "./read-set.ts";

/** What all transactions of an engine share. */
export type TransactionScope = Readonly<{
	database: Database;
	documents: Documents;
	schema: AppSchema;
	creationClock: CreationClock;
	group: CommitGroup;
	/** Whether anybody's read set has this index. */
	isWatched: (indexId: number) => boolean;
}>;

type Mark = { touched: number; tables: number; done: number; undone: number };

const TABLE_NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,63}$/;

export class Transaction {
	readonly scope: TransactionScope;
	readonly writable: boolean;
	/** Wall clock at its start, in ms; what `Date.now()` gives inside. */
	readonly startMs: number;
	/** Null when nobody will ask what was read. */
	readonly reads: ReadSet | null;
	usage = new Usage();
	/** Index keys written, old and new ones. */
	readonly touched: TouchedKey[] = [];
	/** Raised by every write; a stream that read ahead starts again from where it is. */
	writeCount = 0;
	readonly #madeTables: Table[] = [];
	readonly #afterCommit: Array<() => void> = [];
	readonly #afterRollback: Array<() => void> = [];
	readonly #unresolved = new Set<string>();

	constructor(
		scope: TransactionScope,
		options: { writable: boolean; startMs: number; recordReads: boolean },
	) {
		this.scope = scope;
		this.writable = options.writable;
		this.startMs = options.startMs;
		this.reads = options.recordReads ? new ReadSet() : null;
	}

	/** Takes the database for this transaction. Only for writable ones; queries read without. */
	begin(): void {
		this.scope.group.begin();
		this.scope.documents.onTouch = (key) => {
			if (this.scope.isWatched(key.indexId)) this.touched.push(key);
		};
	}

	/**
	 * Hands all writes to the commit group. `ts` is what commit timestamp placeholders become; `onSettled` hears
	 * null once the group is committed, or why it was not.
	 */
	keep(ts: bigint, onSettled: (error: Error | null) => void): void {
		for (const id of this.#unresolved) this.#resolveCommitTs(id, ts);
		this.scope.documents.onTouch = null;
		this.scope.group.keep({
			committed: () => {
				for (const run of this.#afterCommit) run();
				onSettled(null);
			},
			failed: (error) => {
				this.#forget();
				onSettled(error);
			},
		});
	}

	rollback(): void {
		this.scope.documents.onTouch = null;
		this.scope.group.undo();
		this.#forget();
	}

	/** What was undone in the database is undone outside of it, too. */
	#forget(): void {
		for (const table of this.#madeTables) this.scope.documents.catalog.forget(table);
		for (const run of this.#afterRollback) run();
	}

	/** Starts a part that `rollbackPart` can undo alone. */
	beginPart(): Mark {
		this.scope.database.savepoint();
		return {
			touched: this.touched.length,
			tables: this.#madeTables.length,
			done: this.#afterCommit.length,
			undone: this.#afterRollback.length,
		};
	}

	keepPart(): void {
		this.scope.database.release();
	}

	rollbackPart(mark: Mark): void {
		this.scope.database.rollbackTo();
		this.writeCount += 1;
		this.touched.length = mark.touched;
		for (const table of this.#madeTables.splice(mark.tables)) this.scope.documents.catalog.forget(table);
		this.#afterCommit.length = mark.done;
		for (const run of this.#afterRollback.splice(mark.undone)) run();
	}

	/** `run` happens once the transaction is committed, never otherwise. */
	afterCommit(run: () => void): void {
		this.#afterCommit.push(run);
	}

	/** `run` happens when the transaction, or the part it was called in, is undone. */
	afterRollback(run: () => void): void {
		this.#afterRollback.push(run);
	}

	/** Null when no table has that name yet; the read of its absence counts. */
	tableForRead(name: string): Table | null {
		const table = this.scope.documents.catalog.table(name);
		if (table) return table;
		const key = encodeValue(name);
		this.reads?.add({ indexId: TABLE_EXISTENCE, depth: 1, prefix: key, low: LOWEST, high: HIGHEST });
		return null;
	}

	tableOfId = (id: string): string | null => {
		const number = tableNumberOf(id);
		return number === null ? null : (this.scope.documents.catalog.tableByNumber(number)?.name ?? null);
	};

	/** The table an id belongs to; null when none has that number. Throws for what is no id. */
	tableByIdOrThrow(id: string): Table | null {
		const number = tableNumberOf(id);
		if (number === null) {
			const decoded = decodeId(id);
			throw new Error(`Unable to decode ID: ${decoded.kind === "bad" ? decoded.why : "Invalid ID"}`);
		}
		return this.scope.documents.catalog.tableByNumber(number) ?? null;
	}

	/** JSON text of a document, or null. */
	get(table: Table, id: string): string | null {
		const key = encodeValue(id);
		this.usage.add("databaseQueries", 1);
		this.reads?.addPoint(table.byId.id, key);
		const found = this.scope.documents.get(table, key);
		if (!found) return null;
		this.usage.read(found.size);
		return found.json;
	}

	/** Inserts with a new id, which it returns. `value` has no system fields. */
	insert(tableName: string, value: JsonObject): string {
		if ("_id" in value)
			throw new Error(
				`Provided document ID "${value._id}" doesn't match '_id' field: a new ID is generated on insert`,
			);
		if ("_creationTime" in value)
			throw new Error("Provided creation time doesn't match '_creationTime' field: it is set on insert");
		return this.insertUnchecked(this.#tableForWrite(tableName), value);
	}

	/** Insert without the rules for user tables, for the engine's own documents. */
	insertUnchecked(table: Table, value: JsonObject): string {
		this.#requireOpen();
		const id = newId(table.number, this.startMs);
		const creationTime = this.scope.creationClock.next(this.startMs);
		const document = withSystemFields(value, id, creationTime);
		this.#check(table, document);
		const size = checkedDocumentSize(document);
		this.usage.write(size);
		const json = JSON.stringify(document);
		this.#noteCommitTs(id, json);
		this.scope.documents.insert(table, document, json, size);
		this.writeCount += 1;
		return id;
	}

	/** Merges `changes` into the document; undefined removes a field. Returns the new JSON text. */
	patch(table: Table, id: string, changes: Record<string, Json | undefined>): string {
		return this.#change(table, id, "Update", (before) => {
			checkSystemFields(before, changes);
			const merged = new Map<string, Json>(Object.entries(before));
			for (const [field, value] of Object.entries(changes)) {
				if (value === undefined) merged.delete(field);
				else merged.set(field, value);
			}
			return Object.fromEntries([...merged].sort(([a], [b]) => (a < b ? -1 : 1)));
		});
	}

	/** Puts `value` in the place of the document's own fields. Returns the new JSON text. */
	replace(table: Table, id: string, value: JsonObject): string {
		return this.#change(table, id, "Replace", (before) => {
			checkSystemFields(before, value);
			return withSystemFields(value, id, before._creationTime as number);
		});
	}

	remove(table: Table, id: string): string {
		this.#requireOpen();
		const found = this.#existing(table, id, "Delete");
		this.usage.write(found.size);
		this.scope.documents.remove(table, found.n, JSON.parse(found.json) as JsonObject);
		this.#unresolved.delete(id);
		this.writeCount += 1;
		return found.json;
	}

	/** A full disk ends SQLite's transaction; a function that goes on after it must not write outside of one. */
	#requireOpen(): void {
		if (!this.scope.database.inTransaction) throw new Error("The transaction was given up by the database");
	}

	#existing(table: Table, id: string, verb: string): { n: number; size: number; json: string } {
		const key = encodeValue(id);
		this.usage.add("databaseQueries", 1);
		this.reads?.addPoint(table.byId.id, key);
		const found = this.scope.documents.get(table, key);
		if (!found) throw new Error(`${verb} on nonexistent document ID ${id}`);
		this.usage.read(found.size);
		return found;
	}

	#change(table: Table, id: string, verb: string, change: (before: JsonObject) => JsonObject): string {
		this.#requireOpen();
		const found = this.#existing(table, id, verb);
		const before = JSON.parse(found.json) as JsonObject;
		const after = change(before);
		const json = JSON.stringify(after);
		if (json === found.json) return json;
		this.#check(table, after);
		const size = checkedDocumentSize(after);
		this.usage.write(size);
		this.#noteCommitTs(id, json);
		this.scope.documents.update(table, found.n, before, after, json, size);
		this.writeCount += 1;
		return json;
	}

	#check(table: Table, document: JsonObject): void {
		const error = this.scope.schema.error(table.name, document, this.tableOfId);
		if (error === null) return;
		throw new Error(
			`Failed to insert or update a document in table "${table.name}" because it does not match the schema: ${error}`,
		);
	}

	#tableForWrite(name: string): Table {
		const known = this.scope.documents.catalog.table(name);
		if (known) return known;
		if (!TABLE_NAME.test(name)) {
			throw new Error(
				`Invalid table name ${name}: Identifiers must start with an alphabetic character and only contain alphanumeric characters or underscores (at most 64)`,
			);
		}
		const table = this.scope.documents.catalog.create(name);
		this.#madeTables.push(table);
		const key = encodeValue(name);
		this.touched.push({ indexId: TABLE_EXISTENCE, key, ends: [key.length] });
		return table;
	}

	#noteCommitTs(id: string, json: string): void {
		if (json.includes(COMMIT_TS_TEXT)) this.#unresolved.add(id);
	}

	#resolveCommitTs(id: string, ts: bigint): void {
		const table = this.tableByIdOrThrow(id);
		const found = table ? this.scope.documents.get(table, encodeValue(id)) : undefined;
		if (!table || !found) return;
		const json = found.json.replaceAll(COMMIT_TS_TEXT, JSON.stringify(int64ToJson(ts)));
		const before = JSON.parse(found.json) as JsonObject;
		this.scope.documents.update(table, found.n, before, JSON.parse(json) as JsonObject, json, found.size);
	}
}

/** Fields in order; `value` comes sorted, so only names before the underscore need care. */
function withSystemFields(value: JsonObject, id: string, creationTime: number): JsonObject {
	const { _id, _creationTime, ...rest } = value;
	const document: JsonObject = { _creationTime: creationTime, _id: id, ...rest };
	const first = Object.keys(rest)[0];
	if (first === undefined || first > "_id") return document;
	return Object.fromEntries(Object.entries(document).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function checkSystemFields(before: JsonObject, changes: Record<string, Json | undefined>): void {
	if ("_id" in changes && changes._id !== before._id) {
		throw new Error(`Provided document ID "${changes._id}" doesn't match '_id' field ("${before._id}")`);
	}
	if ("_creationTime" in changes && changes._creationTime !== before._creationTime) {
		throw new Error(
			`Provided creation time ${changes._creationTime} for document ${before._id} doesn't match '_creationTime' field (${before._creationTime})`,
		);
	}
}

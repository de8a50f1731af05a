/**
 * The SQLite file: opening it for one process alone, its tables, and transactions.
 *
 * Guarantees: WAL with synchronous NORMAL, so a commit survives the death of the process; an exclusive lock
 * for as long as it is open, released by the system when the process dies; a file that is no database, or a
 * damaged one, is told apart at start; others than its owner cannot read it. Not here: what the rows mean.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { EngineStartError } from "../types.ts";

/** Raised with every change of the tables below; a newer file is refused. */
const FORMAT = 1;

/** Above this size the structural check at start would be felt. */
const CHECKED_FILE_BYTES = 64 * 1024 * 1024;

const TABLES = `
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tables (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, checked TEXT);
CREATE TABLE IF NOT EXISTS indexes (
	id INTEGER PRIMARY KEY AUTOINCREMENT, tbl INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
	spec TEXT NOT NULL, UNIQUE (tbl, name));
CREATE TABLE IF NOT EXISTS docs (
	n INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, key BLOB NOT NULL, size INTEGER NOT NULL, json TEXT NOT NULL,
	UNIQUE (tbl, key));
CREATE TABLE IF NOT EXISTS entries (
	ix INTEGER NOT NULL, key BLOB NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (ix, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests (
	session TEXT NOT NULL, request INTEGER NOT NULL, ts TEXT NOT NULL, value TEXT NOT NULL, logs TEXT NOT NULL,
	at REAL NOT NULL, PRIMARY KEY (session, request)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
	id TEXT PRIMARY KEY, state TEXT NOT NULL, due REAL NOT NULL, doneAt REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (state, due);
CREATE TABLE IF NOT EXISTS crons (name TEXT PRIMARY KEY, spec TEXT NOT NULL, next REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
	uuid TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
	type TEXT) WITHOUT ROWID;
`;

type Bindable = null | number | bigint | string | Uint8Array;

export class Database {
	readonly #sqlite: DatabaseSync;
	readonly #statements = new Map<string, StatementSync>();

	constructor(sqlite: DatabaseSync) {
		this.#sqlite = sqlite;
	}

	/** A prepared statement, kept for the next use of the same text. */
	statement(sql: string): StatementSync {
		let statement = this.#statements.get(sql);
		if (!statement) {
			statement = this.#sqlite.prepare(sql);
			this.#statements.set(sql, statement);
		}
		return statement;
	}

	run(sql: string, ...values: Bindable[]): number {
		return Number(this.statement(sql).run(...values).changes);
	}

	get<Row>(sql: string, ...values: Bindable[]): Row | undefined {
		return this.statement(sql).get(...values) as Row | undefined;
	}

	all<Row>(sql: string, ...values: Bindable[]): Row[] {
		return this.statement(sql).all(...values) as Row[];
	}

	/** Statements without values, such as table definitions. Not kept. */
	exec(sql: string): void {
		this.#sqlite.exec(sql);
	}

	get inTransaction(): boolean {
		return this.#sqlite.isTransaction;
	}

	begin(): void {
		this.statement("BEGIN IMMEDIATE").run();
	}

	commit(): void {
		this.statement("COMMIT").run();
	}

	rollback(): void {
		// A full disk makes SQLite roll back by itself; a second rollback then has nothing to end.
		if (this.#sqlite.isTransaction) this.statement("ROLLBACK").run();
	}

	/** Runs `work` in a transaction of its own. */
	inOwnTransaction<T>(work: () => T): T {
		this.begin();
		try {
			const result = work();
			this.commit();
			return result;
		} catch (error) {
			this.rollback();
			throw error;
		}
	}

	/** Opens a part of the transaction that can be undone alone. Parts nest; the innermost one ends first. */
	savepoint(): void {
		this.statement("SAVEPOINT part").run();
	}

	release(): void {
		this.statement("RELEASE part").run();
	}

	rollbackTo(): void {
		this.statement("ROLLBACK TO part").run();
		this.release();
	}

	meta(name: string): string | undefined {
		return this.get<{ value: string }>("SELECT value FROM meta WHERE name = ?", name)?.value;
	}

	setMeta(name: string, value: string): void {
		this.run(
			"INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
			name,
			value,
		);
	}

	close(): void {
		this.#statements.clear();
		this.#sqlite.close();
	}
}

function dataDirError(dataDir: string, error: unknown): EngineStartError {
	const why = error instanceof Error ? error.message : String(error);
	return new EngineStartError(
		"dataDir",
		`The data folder ${dataDir} cannot be written (${why}); give a folder that you own, or change its permissions.`,
	);
}

function corruptError(path: string): EngineStartError {
	return new EngineStartError(
		"corrupt",
		`The database ${path} is damaged; move it away to start with an empty one, or put a backup in its place.`,
	);
}

function lockedError(dataDir: string, pidPath: string): EngineStartError {
	let holder = "another process";
	try {
		holder = `process ${readFileSync(pidPath, "utf8").trim()}`;
	} catch {
		// The holder is only named; the lock itself is SQLite's.
	}
	return new EngineStartError(
		"locked",
		`The data folder ${dataDir} is in use by ${holder}; stop it, or give another folder.`,
	);
}

/** SQLite's own result code of an error, whatever the runtime calls it; 0 when it has none. */
function sqliteCode(error: unknown): number {
	const code = (error as { errcode?: number } | null)?.errcode;
	if (typeof code === "number") return code & 0xff;
	const text = error instanceof Error ? error.message : String(error);
	if (/not a database/i.test(text)) return 26;
	if (/malformed|corrupt/i.test(text)) return 11;
	if (/locked|busy/i.test(text)) return 5;
	return 0;
}

/** Opens the database of `dataDir`, made when missing; null is one in memory. Throws EngineStartError. */
export function openDatabase(dataDir: string | null): Database {
	if (dataDir === null) return prepared(new DatabaseSync(":memory:"));
	const path = join(dataDir, "engine.db");
	const pidPath = join(dataDir, "engine.pid");
	try {
		mkdirSync(dataDir, { recursive: true, mode: 0o700 });
		// Opening alone would succeed on a folder that allows reading only.
		const probe = join(dataDir, ".writable");
		writeFileSync(probe, "");
		rmSync(probe);
	} catch (error) {
		throw dataDirError(dataDir, error);
	}
	let sqlite: DatabaseSync | null = null;
	try {
		makePrivate(path);
		sqlite = new DatabaseSync(path);
		sqlite.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
		const database = prepared(sqlite, statSync(path).size);
		writeFileSync(pidPath, `${process.pid}\n`);
		return database;
	} catch (error) {
		closeQuietly(sqlite);
		if (error instanceof EngineStartError) throw error;
		switch (sqliteCode(error)) {
			case 5:
			case 6:
				throw lockedError(dataDir, pidPath);
			case 11:
			case 26:
				throw corruptError(path);
			default:
				throw dataDirError(dataDir, error);
		}
	}
}

/**
 * The folder may be one that others can read. SQLite gives the files beside the database the database's mode.
 * An existing database is not opened here: closing it would take away the locks this process has on it.
 */
function makePrivate(path: string): void {
	try {
		writeFileSync(path, "", { flag: "wx", mode: 0o600 });
	} catch {
		// It is there, or opening it will tell what is wrong.
	}
	for (const file of [path, `${path}-wal`]) {
		try {
			chmodSync(file, 0o600);
		} catch {
			// There is none, or it belongs to somebody else, who says who may read it.
		}
	}
}

function closeQuietly(sqlite: DatabaseSync | null): void {
	try {
		sqlite?.close();
	} catch {
		// The failure that led here is the one to report.
	}
}

function prepared(sqlite: DatabaseSync, fileBytes = 0): Database {
	sqlite.exec("PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536");
	// Fewer checkpoints than by default: each one writes the changed pages a second time.
	sqlite.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864");
	if (fileBytes > 0 && fileBytes <= CHECKED_FILE_BYTES) {
		const [row] = sqlite.prepare("PRAGMA quick_check(1)").all() as Array<{ quick_check: string }>;
		if (row?.quick_check !== "ok") throw new Error(`malformed: ${row?.quick_check}`);
	}
	sqlite.exec(`BEGIN IMMEDIATE; ${TABLES} COMMIT`);
	const database = new Database(sqlite);
	const format = Number(database.meta("format") ?? FORMAT);
	if (format > FORMAT) {
		throw new EngineStartError(
			"dataDir",
			`The database was written by a newer version (format ${format}, this one knows ${FORMAT}); update, or give another data folder.`,
		);
	}
	database.setMeta("format", String(FORMAT));
	return database;
}

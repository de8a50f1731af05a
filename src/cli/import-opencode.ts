/**
 * OpenCode's sessions on this machine: rows of `opencode.db`, and JSON files of before. A session that is in
 * both is read from the database. What is known of the formats is told in `src/agents/opencode.ts`.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Read, type Skipped, text } from "../agents/history.ts";
import { type OpenCodeSession, readOpenCode } from "../agents/opencode.ts";
import { type Json, object, parsedObject } from "../lib/json.ts";
import { brokenSource, type HistorySource } from "./history-source.ts";
import { CliError } from "./output.ts";

/** @param folder OpenCode's data folder, its `storage`, or a database file. */
export async function findOpenCode(folder: string): Promise<HistorySource[]> {
	const isFile = (await stat(folder)).isFile();
	const names = isFile ? [] : await readdir(folder).catch(() => []);
	const databases = isFile
		? [folder]
		: names
				.filter((name) => /^opencode(-[\w.-]+)?\.db$/.test(name))
				.sort()
				.map((name) => join(folder, name));
	const inDatabase = new Set<string>();
	const sources: HistorySource[] = [];
	for (const path of databases) {
		const ids = sessionsIn(path);
		// One of several keeps nothing else from being brought.
		if (typeof ids === "string" && isFile) throw new CliError(ids);
		if (typeof ids === "string") sources.push(brokenSource(path, ids));
		for (const id of typeof ids === "string" ? [] : ids) {
			if (inDatabase.has(id)) continue;
			inDatabase.add(id);
			sources.push({ label: `${path}, session ${id}`, read: async () => readRows(path, id) });
		}
	}
	const storage = names.includes("storage") ? join(folder, "storage") : folder;
	for (const path of await sessionFiles(storage)) {
		const id = basename(path, ".json");
		if (inDatabase.has(id)) continue;
		sources.push({ label: path, read: async () => await readFiles(storage, path, id) });
	}
	return sources;
}

const COLUMNS: Readonly<Record<string, readonly string[]>> = {
	session: ["id", "directory", "title", "time_created"],
	message: ["id", "session_id", "data"],
	part: ["id", "message_id", "session_id", "data"],
};

type Row = Readonly<Record<string, unknown>>;

function opened<T>(path: string, read: (all: (sql: string, ...args: string[]) => Row[]) => T): T {
	let database: DatabaseSync;
	try {
		database = new DatabaseSync(path, { readOnly: true });
	} catch {
		throw new CliError(`The database ${path} cannot be opened: check its rights.`);
	}
	try {
		return read((sql, ...args) => database.prepare(sql).all(...args) as Row[]);
	} finally {
		database.close();
	}
}

/** Ids of its sessions; when its tables are not those that are known, a sentence that says so. */
function sessionsIn(path: string): string[] | string {
	try {
		return opened(path, (all) => {
			for (const [table, columns] of Object.entries(COLUMNS)) {
				const there = new Set(all(`PRAGMA table_info(${table})`).map(({ name }) => name));
				const lacking = columns.find((column) => !there.has(column));
				if (lacking !== undefined)
					throw new CliError(
						`The database ${path} has another layout than is known (no ${table}.${lacking}), so it was not read.`,
					);
			}
			return all("SELECT id FROM session ORDER BY time_created, id").map(({ id }) => String(id));
		});
	} catch (error) {
		if (error instanceof CliError) return error.message;
		return `The file ${path} is no database of OpenCode, or is damaged; it was not read.`;
	}
}

function readRows(path: string, id: string): Read {
	const skipped: Skipped[] = [];
	const read = opened(path, (all) => {
		const [info = {}] = all("SELECT * FROM session WHERE id = ?", id);
		const parts = new Map<string, { id: string; part: Json }[]>();
		for (const row of all("SELECT id, message_id, data FROM part WHERE session_id = ?", id)) {
			const part = parsedObject(String(row.data));
			if (!part) skipped.push({ line: null, why: `Part ${row.id} is not a JSON object; it was skipped.` });
			else push(parts, String(row.message_id), { id: String(row.id), part });
		}
		const messages = all("SELECT id, data FROM message WHERE session_id = ?", id).flatMap((row) => {
			const found = parsedObject(String(row.data));
			if (found) return [{ id: String(row.id), info: found, parts: parts.get(String(row.id)) ?? [] }];
			skipped.push({ line: null, why: `Message ${row.id} is not a JSON object; it was skipped.` });
			return [];
		});
		const newer = messages.length === 0 && all("PRAGMA table_info(session_message)").length > 0;
		const apart = newer
			? all("SELECT count(*) AS count FROM session_message WHERE session_id = ?", id)[0]?.count
			: 0;
		if (Number(apart) > 0)
			skipped.push({
				line: null,
				why: "Its messages are in the table session_message, whose format is not known; it was skipped.",
			});
		return readOpenCode({ id, info, messages });
	});
	return { ...read, skipped: [...skipped, ...read.skipped] };
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
	const list = map.get(key);
	if (list) list.push(value);
	else map.set(key, [value]);
}

async function sessionFiles(storage: string): Promise<string[]> {
	const projects = await readdir(join(storage, "session"), { withFileTypes: true }).catch(() => []);
	const found = await Promise.all(
		projects.filter((one) => one.isDirectory()).map((one) => jsonFiles(join(storage, "session", one.name))),
	);
	return found.flat().sort();
}

async function jsonFiles(folder: string): Promise<string[]> {
	const names = await readdir(folder).catch(() => []);
	return names
		.filter((name) => name.endsWith(".json") && !name.startsWith("."))
		.sort()
		.map((name) => join(folder, name));
}

async function readFiles(storage: string, path: string, id: string): Promise<Read> {
	const skipped: Skipped[] = [];
	const read = async (file: string): Promise<Json | null> => {
		const value = parsedObject(await readFile(file, "utf8").catch(() => ""));
		if (!value) skipped.push({ line: null, why: `${basename(file)} is not a JSON object; it was skipped.` });
		return value;
	};
	// What is known of the session stands in its messages too.
	const info = (await read(path)) ?? {};
	const messages: OpenCodeSession["messages"][number][] = [];
	for (const file of await jsonFiles(join(storage, "message", id))) {
		const message = await read(file);
		if (!message) continue;
		const messageId = basename(file, ".json");
		const files = await jsonFiles(join(storage, "part", messageId));
		const parts = await Promise.all(
			files.map(async (one) => ({ id: basename(one, ".json"), part: await read(one) })),
		);
		messages.push({
			id: messageId,
			info: message,
			parts: parts.filter((one): one is { id: string; part: Json } => one.part !== null),
		});
	}
	const told = readOpenCode({ id, info: withFolder(info), messages });
	return { ...told, skipped: [...skipped, ...told.skipped] };
}

/** Sessions outside a project tell an empty folder. */
const withFolder = (info: Json): Json =>
	text(info.directory) === undefined ? { ...object(info), directory: undefined } : info;

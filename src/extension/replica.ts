/**
 * Replicas: the session files of terminals that follow a session whose own file is open elsewhere, or on
 * another machine. They stand outside Pi's sessions folder, so no list shows a session twice. What a replica
 * has and the original lacks goes to the original when its terminal ends and nobody has it open; else the
 * backend has it.
 */
import {
	appendFileSync,
	existsSync,
	mkdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { dirname, join, sep } from "node:path";
import { realPath } from "./session-lock.ts";

/** Where a terminal's replica of a session stands. */
export function replicaPath(folder: string, sessionId: string, terminalId: string): string {
	// Session ids are made by whoever made the session: only a plain one names a folder.
	const safe = sessionId.replaceAll(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_");
	return join(folder, safe, `${terminalId}.jsonl`);
}

/** Whether a session file is a replica. */
export const isReplica = (folder: string, file: string): boolean => file.startsWith(folder + sep);

/** A copy of a session file as it is now, without a last line that is still being written. */
export function copyReplica(original: string, replica: string): void {
	const content = readFileSync(original);
	prepare(replica);
	// Not copied as a file: that would bring the original's mode along.
	writeFileSync(replica, content.subarray(0, content.lastIndexOf("\n") + 1), { mode: 0o600 });
}

/** The terminal of this replica sees all and changes nothing: what it has of its own stays with it, also when it dies. */
export function lookOn(replica: string | undefined): void {
	if (replica !== undefined) writeFileSync(markOf(replica), "", { mode: 0o600 });
}

/** Whether its terminal only looks on. */
export const looksOn = (replica: string): boolean => existsSync(markOf(replica));

const markOf = (replica: string): string => `${replica}.looks-on`;

/** A replica of a session that the backend told. @param lines its header and entries, each one line of JSON. */
export function writeReplica(replica: string, lines: readonly string[]): void {
	prepare(replica);
	writeFileSync(replica, `${lines.join("\n")}\n`, { mode: 0o600 });
}

/**
 * Puts the entries of a session file into another order; its lines stay byte for byte, and it is whole at any
 * moment. @returns false when the file holds something else than these entries: then it is left alone.
 */
export function reorderLines(file: string, entryIds: readonly string[]): boolean {
	const path = realPath(file);
	const lines = readFileSync(path, "utf8")
		.split("\n")
		.filter((line) => line !== "");
	const known = new Map(linesOf(path).map(({ id, line }) => [id, line]));
	const [header = ""] = lines;
	const ordered = entryIds.map((id) => known.get(id));
	if (lines.length !== entryIds.length + 1 || ordered.some((line) => line === undefined || line === header))
		return false;
	const next = `${path}.new`;
	writeFileSync(next, `${[header, ...ordered].join("\n")}\n`, { mode: statSync(path).mode });
	renameSync(next, path);
	return true;
}

/** Appends to the original what the replica has besides; the original must be nobody's. @returns how many entries. */
export function handBack(replica: string, original: string): number {
	if (!existsSync(replica) || !existsSync(original) || looksOn(replica)) return 0;
	const known = new Set(linesOf(original).map(({ id }) => id));
	const added = linesOf(replica).filter(({ id, type }) => type !== "session" && !known.has(id));
	if (added.length > 0) {
		const isWhole = readFileSync(original, "utf8").endsWith("\n");
		appendFileSync(original, `${isWhole ? "" : "\n"}${added.map(({ line }) => line).join("\n")}\n`);
	}
	return added.length;
}

export function removeReplica(replica: string): void {
	rmSync(replica, { force: true });
	rmSync(markOf(replica), { force: true });
}

function prepare(replica: string): void {
	mkdirSync(dirname(replica), { recursive: true, mode: 0o700 });
	removeReplica(replica);
	writeFileSync(replica, "", { mode: 0o600 });
}

function linesOf(file: string): { line: string; id: unknown; type: unknown }[] {
	const found: { line: string; id: unknown; type: unknown }[] = [];
	for (const line of readFileSync(file, "utf8").split("\n")) {
		if (line === "") continue;
		try {
			const { id, type } = JSON.parse(line) as { id?: unknown; type?: unknown };
			found.push({ line, id, type });
		} catch {
			// A torn line is nobody's entry.
		}
	}
	return found;
}

/**
 * Reads Pi's session files, formats 1, 2 and 3, into what format 3 would hold.
 *
 * Every readable entry comes out once, in file order, and every line that could not be read is named
 * with its number; nothing throws. A line of format 3 is kept as its exact text. Older ones are brought
 * to format 3 as Pi itself does it, under ids that stay the same over imports and over Pi's own
 * migration (`entry-ids.ts`). It does not judge the payload of an entry.
 */
import { createEntryIds, type Json } from "./entry-ids.ts";

/** The format this reads everything into. */
export const SESSION_FORMAT = 3;

/** One entry: its line as format 3, and the same parsed. */
export type FileEntry = {
	json: string;
	entry: Readonly<{ id: string; parentId: string | null; type: string; timestamp: string } & Json>;
	/** Line number in the file, from 1. */
	line: number;
	/** Its parent is not in the file before it: that line was lost. */
	orphan: boolean;
};

export type SessionFile = {
	/** Session id of the header, null when there is no readable header. */
	sessionId: string | null;
	/** Format of the file as it was read; 1 when the header names none. */
	version: number;
	/** First line, parsed, as format 3. */
	header: Readonly<Json> | null;
	/** First line as text, as format 3; exact when it was that already. */
	headerLine: string | null;
	entries: FileEntry[];
	errors: { line: number; message: string }[];
};

type Line = { line: number; text: string; value: Json };

/** @param content the file's bytes, or its text. Line ends may be LF or CRLF; a byte order mark is skipped. */
export function parseSessionFile(content: string | Uint8Array): SessionFile {
	const errors: SessionFile["errors"] = [];
	const lines = readLines(content, errors);
	const first = lines[0];
	const isHeader = first?.value.type === "session" && typeof first.value.id === "string";
	if (!isHeader)
		errors.push({
			line: first?.line ?? 1,
			message: "There is no session header: this is not a Pi session file.",
		});
	const stated = isHeader ? first?.value.version : SESSION_FORMAT;
	const version = typeof stated === "number" ? stated : 1;
	const header = isHeader ? migratedHeader(first as Line, version) : null;
	const raw = version < 2 ? withProvisionalIds(lines) : lines;
	const entries = collect(raw, header, version, errors);
	errors.sort((a, b) => a.line - b.line);
	return {
		sessionId: header ? (header.value.id as string) : null,
		version,
		header: header?.value ?? null,
		headerLine: header?.text ?? null,
		entries,
		errors,
	};
}

function collect(
	lines: Line[],
	header: Line | null,
	version: number,
	errors: SessionFile["errors"],
): FileEntry[] {
	const ids = createEntryIds(header?.value ?? null, version < 2);
	const known = new Map<string, string>();
	const entries: FileEntry[] = [];
	for (const [index, { line, text, value }] of lines.entries()) {
		if (value.type === "session") {
			if (index > 0) errors.push({ line, message: "There is a second session header here; it was skipped." });
			continue;
		}
		const id = value.id;
		if (typeof value.type !== "string" || typeof id !== "string" || id === "") {
			errors.push({ line, message: "This is no session entry: it has no type or no id." });
			continue;
		}
		const old = version < SESSION_FORMAT ? withCurrentRole(value) : value;
		const entry = ids.take(old);
		const json = entry === value ? text : JSON.stringify(entry);
		const stored = known.get(entry.id as string);
		if (stored !== undefined) {
			if (stored !== json)
				errors.push({ line, message: `Entry ${entry.id} stands in the file twice; the first was kept.` });
			continue;
		}
		known.set(entry.id as string, json);
		const parentId = typeof entry.parentId === "string" ? entry.parentId : null;
		const timestamp = typeof entry.timestamp === "string" ? entry.timestamp : "";
		const shaped =
			entry.parentId === parentId && entry.timestamp === timestamp
				? entry
				: { ...entry, parentId, timestamp };
		entries.push({
			json,
			entry: shaped as FileEntry["entry"],
			line,
			orphan: parentId !== null && !known.has(parentId),
		});
	}
	return entries;
}

function readLines(content: string | Uint8Array, errors: SessionFile["errors"]): Line[] {
	const text = typeof content === "string" ? content : decode(content, errors);
	const lines: Line[] = [];
	let start = text.startsWith("\uFEFF") ? 1 : 0;
	for (let number = 1; start < text.length; number += 1) {
		const found = text.indexOf("\n", start);
		const end = found === -1 ? text.length : found;
		const line = text.slice(start, text[end - 1] === "\r" && end > start ? end - 1 : end);
		start = end + 1;
		if (line.trim() === "") continue;
		const value = parseObject(line);
		if (value) lines.push({ line: number, text: line, value });
		else if (found === -1)
			errors.push({ line: number, message: "The last line is incomplete; it was skipped." });
		else errors.push({ line: number, message: "This line is not a JSON object; it was skipped." });
	}
	return lines;
}

/** Bytes that are not UTF-8 become U+FFFD, as in Pi, and their lines are named. */
function decode(bytes: Uint8Array, errors: SessionFile["errors"]): string {
	try {
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch {
		const strict = new TextDecoder("utf-8", { fatal: true });
		let start = 0;
		for (let number = 1; start < bytes.length; number += 1) {
			const found = bytes.indexOf(0x0a, start);
			const end = found === -1 ? bytes.length : found;
			try {
				strict.decode(bytes.subarray(start, end));
			} catch {
				errors.push({
					line: number,
					message: "This line is not valid UTF-8; the unreadable bytes were replaced.",
				});
			}
			start = end + 1;
		}
		return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
	}
}

function parseObject(line: string): Json | null {
	try {
		const value: unknown = JSON.parse(line);
		return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;
	} catch {
		return null;
	}
}

function migratedHeader(line: Line, version: number): Line {
	if (version >= SESSION_FORMAT) return line;
	const value = { ...line.value, version: SESSION_FORMAT };
	return { ...line, value, text: JSON.stringify(value) };
}

/** Format 1 is a chain; `firstKeptEntryIndex` counts lines, the header included. */
function withProvisionalIds(lines: Line[]): Line[] {
	const isHeader = (one: Line | undefined): boolean => one?.value.type === "session";
	let parentId: string | null = null;
	return lines.map((one, index) => {
		if (isHeader(one)) return one;
		const { firstKeptEntryIndex: kept, ...rest } = one.value;
		const value: Json = { ...rest, id: provisional(index), parentId };
		if (one.value.type === "compaction" && typeof kept === "number") {
			if (lines[kept] && !isHeader(lines[kept])) value.firstKeptEntryId = provisional(kept);
		} else if ("firstKeptEntryIndex" in one.value) value.firstKeptEntryIndex = kept;
		if (typeof value.type === "string") parentId = value.id as string;
		return { ...one, value };
	});
}

const provisional = (index: number): string => `line ${index}`;

/** Format 3 calls the role `hookMessage` of format 2 `custom`. */
function withCurrentRole(entry: Json): Json {
	const message = entry.message as Json | null | undefined;
	if (entry.type !== "message" || message?.role !== "hookMessage") return entry;
	return { ...entry, message: { ...message, role: "custom" } };
}

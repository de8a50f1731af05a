import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SessionManager } from "@earendil-works/pi-coding-agent";
import { parseSessionFile } from "../../../src/session/session-file.ts";

const folder = mkdtempSync(join(tmpdir(), "opensync-session-file-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (second: number): string => new Date(Date.UTC(2025, 10, 20, 23, 33, second)).toISOString();
const lines = (...values: unknown[]): string =>
	`${values.map((value) => JSON.stringify(value)).join("\n")}\n`;
const message = (second: number, role: string, text: string) => ({
	type: "message",
	timestamp: at(second),
	message: { role, content: [{ type: "text", text }], timestamp: second },
});

const OLD_HEADER = { type: "session", id: "old-1", timestamp: at(0), cwd: "/p", provider: "a", modelId: "m" };
const OLD = lines(
	OLD_HEADER,
	message(1, "user", "hello"),
	message(2, "assistant", "hi"),
	{ type: "thinking_level_change", timestamp: at(3), thinkingLevel: "high" },
	message(4, "user", "same"),
	message(4, "user", "same"),
	{ type: "compaction", timestamp: at(5), summary: "short", firstKeptEntryIndex: 2, tokensBefore: 10 },
	message(6, "hookMessage", "from a hook"),
);
const NEW_HEADER = { type: "session", version: 3, id: "s-3", timestamp: at(0), cwd: "/p" };

/** What Pi makes of a file: opened by its own SessionManager, which migrates it in place. */
function openedByPi(name: string, text: string): { path: string; manager: SessionManager } {
	const path = join(folder, `${name}.jsonl`);
	writeFileSync(path, text);
	return { path, manager: SessionManager.open(path) };
}

const shown = (text: string | Uint8Array) =>
	parseSessionFile(text).entries.map(({ entry, json }) => [entry.id, entry.parentId, json]);

test("a format 1 file gets the same ids at every import", () => {
	expect(shown(OLD)).toEqual(shown(OLD));
	const { entries, errors, version } = parseSessionFile(OLD);
	expect(version).toBe(1);
	expect(errors).toEqual([]);
	expect(new Set(entries.map(({ entry }) => entry.id)).size).toBe(7);
	expect(entries.map(({ entry }) => entry.parentId)).toEqual([
		null,
		...entries.slice(0, -1).map(({ entry }) => entry.id),
	]);
	expect(entries[5]?.entry).toMatchObject({ firstKeptEntryId: entries[1]?.entry.id as string });
	expect(entries[6]?.entry).toMatchObject({ message: { role: "custom" } });
});

test("Pi's own migration of a format 1 file changes nothing of what is imported", () => {
	const { path } = openedByPi("migrated", OLD);
	const migrated = readFileSync(path, "utf8");
	expect(migrated).not.toBe(OLD);
	expect(parseSessionFile(migrated).version).toBe(3);
	expect(shown(migrated)).toEqual(shown(OLD));
	expect(parseSessionFile(migrated).headerLine).toBe(parseSessionFile(OLD).headerLine);
});

test("what Pi adds after the migration hangs on the migrated entries, under its own ids", () => {
	const { path, manager } = openedByPi("continued", OLD);
	const label = manager.appendLabelChange(manager.getEntries()[0]?.id as string, "start");
	manager.appendCustomMessageEntry("note", "text", true);
	const before = parseSessionFile(OLD).entries;
	const { entries, errors } = parseSessionFile(readFileSync(path, "utf8"));
	expect(errors).toEqual([]);
	expect(entries.slice(0, 7).map(({ json }) => json)).toEqual(before.map(({ json }) => json));
	expect(entries[7]?.entry).toMatchObject({
		id: label,
		parentId: before[6]?.entry.id as string,
		targetId: before[0]?.entry.id as string,
	});
	expect(entries[8]?.entry.type).toBe("custom_message");
	expect(entries.some(({ orphan }) => orphan)).toBe(false);
});

test("a fork of a migrated session shares its ids", () => {
	const { manager } = openedByPi("forked", OLD);
	manager.appendLabelChange(manager.getEntries()[1]?.id as string, "here");
	const before = parseSessionFile(OLD).entries;
	const path = manager.createBranchedSession(manager.getEntries()[3]?.id as string) as string;
	manager.appendMessage({ role: "user", content: "on the fork", timestamp: 1 });
	const { header, entries } = parseSessionFile(
		`${[manager.getHeader(), ...manager.getEntries()].map((one) => JSON.stringify(one)).join("\n")}\n`,
	);
	rmSync(path, { force: true });
	expect(header?.parentSession).toBeString();
	expect(entries.slice(0, 4).map(({ json }) => json)).toEqual(before.slice(0, 4).map(({ json }) => json));
	expect(entries.at(-1)?.entry.id).toMatch(/^[0-9a-f]{8}$/);
});

test("what was read from a format 1 file reads the same when it is written out", () => {
	const read = parseSessionFile(OLD);
	const written = `${[read.headerLine, ...read.entries.map(({ json }) => json)].join("\n")}\n`;
	expect(shown(written)).toEqual(shown(OLD));
	const { manager } = openedByPi("exported", written);
	expect(manager.getEntries().map(({ id }) => id)).toEqual(read.entries.map(({ entry }) => entry.id));
});

test("a format 2 file keeps its ids and its lines, but for the role that Pi renames", () => {
	const header = { ...NEW_HEADER, version: 2 };
	const user = {
		type: "message",
		id: "aaaa0001",
		parentId: null,
		timestamp: at(1),
		message: { role: "user", content: "x" },
	};
	const hook = {
		...user,
		id: "aaaa0002",
		parentId: "aaaa0001",
		message: { role: "hookMessage", content: "y" },
	};
	const text = lines(header, user, hook);
	const { entries, headerLine } = parseSessionFile(text);
	expect(entries[0]?.json).toBe(JSON.stringify(user));
	expect(entries[1]?.json).toBe(JSON.stringify({ ...hook, message: { role: "custom", content: "y" } }));
	expect(headerLine).toBe(JSON.stringify(NEW_HEADER));
	expect(shown(readFileSync(openedByPi("v2", text).path, "utf8"))).toEqual(shown(text));
});

test("a format 3 file keeps its lines as they are, types unknown to us too", () => {
	const odd = '{"type":"hologram", "id":"00000001","parentId":null,"timestamp":"t","x":1.50}';
	const custom = {
		type: "custom",
		customType: "c",
		data: { id: 1 },
		id: "00000002",
		parentId: "00000001",
		timestamp: at(1),
	};
	const { entries, errors } = parseSessionFile(
		`${JSON.stringify(NEW_HEADER)}\r\n${odd}\r\n${JSON.stringify(custom)}\r\n`,
	);
	expect(errors).toEqual([]);
	expect(entries.map(({ json }) => json)).toEqual([odd, JSON.stringify(custom)]);
});

test("a malformed line is named and skipped, its children stay as orphans", () => {
	const first = { type: "message", id: "00000001", parentId: null, timestamp: at(1), message: {} };
	const third = { ...first, id: "00000003", parentId: "00000002" };
	const fourth = { ...first, id: "00000004", parentId: "00000003" };
	const text = `${JSON.stringify(NEW_HEADER)}\n${JSON.stringify(first)}\n{"type":"message","id":"000000\n\n${lines(third, fourth)}{"type":"mess`;
	const { entries, errors } = parseSessionFile(text);
	expect(entries.map(({ entry, line, orphan }) => [entry.id, line, orphan])).toEqual([
		["00000001", 2, false],
		["00000003", 5, true],
		["00000004", 6, false],
	]);
	expect(errors).toEqual([
		{ line: 3, message: "This line is not a JSON object; it was skipped." },
		{ line: 7, message: "The last line is incomplete; it was skipped." },
	]);
});

test("bytes that are not UTF-8 are replaced and their line is named", () => {
	const bytes = Buffer.concat([
		Buffer.from(lines(NEW_HEADER)),
		Buffer.from('{"type":"message","id":"00000001","parentId":null,"timestamp":"t","message":"a'),
		Buffer.from([0xff, 0xc3]),
		Buffer.from('b"}\n'),
	]);
	const { entries, errors } = parseSessionFile(bytes);
	expect(entries[0]?.entry.message).toBe("a\uFFFD\uFFFDb");
	expect(errors).toEqual([
		{ line: 2, message: "This line is not valid UTF-8; the unreadable bytes were replaced." },
	]);
});

test("what is no session file is said to be none", () => {
	for (const text of ["", "hello\n", '{"type":"message","id":"1","parentId":null}\n', "[1]\n"]) {
		const { header, sessionId, errors } = parseSessionFile(text);
		expect(header).toBeNull();
		expect(sessionId).toBeNull();
		expect(errors.some(({ message }) => message.includes("not a Pi session file"))).toBe(true);
	}
});

test("an entry that stands in the file twice comes out once", () => {
	const one = { type: "custom", id: "00000001", parentId: null, timestamp: at(1), data: 1 };
	const { entries, errors } = parseSessionFile(lines(NEW_HEADER, one, one, { ...one, data: 2 }));
	expect(entries).toHaveLength(1);
	expect(errors).toEqual([
		{ line: 4, message: "Entry 00000001 stands in the file twice; the first was kept." },
	]);
});

test("a real session of format 1 has the ids that Pi's migration of it leads to", () => {
	const fixture = join(import.meta.dir, "../../fixtures/pi-session-large.jsonl");
	const text = readFileSync(fixture, "utf8");
	const { path } = openedByPi("large", text);
	const before = shown(text);
	expect(before.length).toBe(1018);
	expect(shown(readFileSync(path))).toEqual(before);
});

test("session files of newer versions come out as they are, line by line", () => {
	for (const name of [
		"session-1.5.2-all-entry-types",
		"session-0.87.1-compaction-branch",
		"session-1.5.2-compaction-branch",
	]) {
		const text = readFileSync(join(import.meta.dir, `../../fixtures/pi/${name}.jsonl`), "utf8");
		const { headerLine, entries, errors } = parseSessionFile(text);
		expect(errors).toEqual([]);
		expect(`${[headerLine, ...entries.map(({ json }) => json)].join("\n")}\n`).toBe(text);
	}
});

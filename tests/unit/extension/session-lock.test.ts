import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockSessionFile, realPath } from "../../../src/extension/session-lock.ts";

let root = "";
let notes = "";
let file = "";
beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "opensync-lock-"));
	notes = join(root, "open");
	file = join(root, "session.jsonl");
	writeFileSync(file, "");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The note says that another process has the file. */
function heldBy(change: Record<string, unknown>): void {
	lockSessionFile(notes, file, "other");
	const [name] = readdirSync(notes);
	const note = join(notes, name as string);
	const own = JSON.parse(readFileSync(note, "utf8")) as Record<string, unknown>;
	writeFileSync(note, JSON.stringify({ ...own, ...change }));
}

/** A process that lives as long as the test. */
const ALIVE = process.ppid;

test("the first has the file, and gives it back", () => {
	const lock = lockSessionFile(notes, file, "a");
	expect(lock.mine).toBe(true);
	expect(readdirSync(notes)).toHaveLength(1);
	lock.release();
	expect(readdirSync(notes)).toEqual([]);
	lock.release();
});

test("while another running process has it, it is not ours, and stays theirs", () => {
	heldBy({ pid: ALIVE, born: undefined });
	const lock = lockSessionFile(notes, file, "b");
	expect(lock.mine).toBe(false);
	lock.release();
	expect(readdirSync(notes)).toHaveLength(1);
	expect(lockSessionFile(notes, file, "c").mine).toBe(false);
});

test("a note of a process that is gone counts for nothing", () => {
	heldBy({ pid: 2 ** 22 + 1 });
	expect(lockSessionFile(notes, file, "b").mine).toBe(true);
});

test("nor does one whose process id was given to another process", () => {
	heldBy({ pid: ALIVE, born: "1" });
	expect(lockSessionFile(notes, file, "b").mine).toBe(process.platform === "linux");
});

test("nor one that cannot be read", () => {
	heldBy({});
	writeFileSync(join(notes, readdirSync(notes)[0] as string), '{"pid":');
	expect(lockSessionFile(notes, file, "b").mine).toBe(true);
});

test("asking again, as after a reload, is one lock", () => {
	expect(lockSessionFile(notes, file, "a").mine).toBe(true);
	expect(lockSessionFile(notes, file, "a").mine).toBe(true);
	expect(readdirSync(notes)).toHaveLength(1);
});

test("a newer session of the same process takes over, and the older one releases nothing of it", () => {
	const before = lockSessionFile(notes, file, "a");
	expect(lockSessionFile(notes, file, "b").mine).toBe(true);
	before.release();
	expect(readdirSync(notes)).toHaveLength(1);
});

test("a file is the same by whatever link it is named, also before it is there", () => {
	symlinkSync(root, join(root, "link"));
	expect(realPath(join(root, "link", "session.jsonl"))).toBe(realPath(file));
	expect(realPath(join(root, "link", "later.jsonl"))).toBe(join(realPath(root), "later.jsonl"));
	expect(realPath("/no/such/folder/x.jsonl")).toBe("/no/such/folder/x.jsonl");
	heldBy({ pid: ALIVE, born: undefined });
	expect(lockSessionFile(notes, join(root, "link", "session.jsonl"), "b").mine).toBe(false);
});

test("other files are other locks", () => {
	heldBy({ pid: ALIVE, born: undefined });
	mkdirSync(join(root, "x"));
	expect(lockSessionFile(notes, join(root, "x", "session.jsonl"), "b").mine).toBe(true);
});

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import {
	copyReplica,
	handBack,
	isReplica,
	lookOn,
	removeReplica,
	reorderLines,
	replicaPath,
	writeReplica,
} from "../../../src/extension/replica.ts";

let root = "";
let folder = "";
let original = "";
let replica = "";
const header = '{"type":"session","id":"s1"}';
const line = (id: string) => JSON.stringify({ type: "message", id });
const text = (...ids: string[]) => `${[header, ...ids.map(line)].join("\n")}\n`;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "opensync-replica-"));
	folder = join(root, "replicas");
	original = join(root, "original.jsonl");
	replica = replicaPath(folder, "s1", "t1");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("each terminal has its own, below the folder, whatever the session's id", () => {
	expect(replicaPath(folder, "s1", "t1")).not.toBe(replicaPath(folder, "s1", "t2"));
	for (const id of ["../../x", "..", ".", "/etc", "a/b", "a\\b", ""]) {
		const path = replicaPath(folder, id, "t1");
		expect(relative(folder, path).startsWith("..")).toBe(false);
		expect(isReplica(folder, path)).toBe(true);
	}
	expect(isReplica(folder, original)).toBe(false);
	expect(isReplica(folder, `${folder}-other/x.jsonl`)).toBe(false);
});

test("a copy is the file as it is, without a line that is still being written", () => {
	writeFileSync(original, text("a", "b"));
	copyReplica(original, replica);
	expect(readFileSync(replica, "utf8")).toBe(text("a", "b"));
	writeFileSync(original, `${text("a")}{"type":"mess`, { mode: 0o644 });
	copyReplica(original, replica);
	expect(readFileSync(replica, "utf8")).toBe(text("a"));
	expect(statSync(replica).mode & 0o777).toBe(0o600);
});

test("a replica that the backend told is its lines, for its owner alone", () => {
	writeReplica(replica, [header, line("a")]);
	expect(readFileSync(replica, "utf8")).toBe(text("a"));
	expect(statSync(replica).mode & 0o777).toBe(0o600);
});

test("lines change places and nothing else; a file with more in it is left alone", () => {
	writeFileSync(original, text("a", "b", "c"), { mode: 0o640 });
	expect(reorderLines(original, ["a", "c", "b"])).toBe(true);
	expect(readFileSync(original, "utf8")).toBe(text("a", "c", "b"));
	expect(readdirSync(dirname(original)).filter((name) => name.endsWith(".new"))).toEqual([]);
	expect(reorderLines(original, ["b", "a"])).toBe(false);
	expect(reorderLines(original, ["a", "b", "d"])).toBe(false);
	writeFileSync(original, `${text("a", "b")}torn\n`);
	expect(reorderLines(original, ["b", "a"])).toBe(false);
	expect(readFileSync(original, "utf8")).toBe(`${text("a", "b")}torn\n`);
});

test("what the original lacks is handed back, in order and once", () => {
	writeFileSync(original, text("a", "b"));
	writeReplica(replica, [header, line("a"), line("c"), line("b"), line("d")]);
	expect(handBack(replica, original)).toBe(2);
	expect(readFileSync(original, "utf8")).toBe(text("a", "b", "c", "d"));
	expect(handBack(replica, original)).toBe(0);
	expect(readFileSync(original, "utf8")).toBe(text("a", "b", "c", "d"));
});

test("a torn last line of the original stays alone on its line", () => {
	writeFileSync(original, `${text("a")}{"type":"mess`);
	writeReplica(replica, [header, line("a"), line("b")]);
	expect(handBack(replica, original)).toBe(1);
	expect(readFileSync(original, "utf8").split("\n").slice(-3)).toEqual(['{"type":"mess', line("b"), ""]);
});

test("a torn line of the replica is handed to nobody", () => {
	writeFileSync(original, text("a"));
	writeReplica(replica, [header, line("a")]);
	writeFileSync(replica, `${text("a")}{"type":"mess`);
	expect(handBack(replica, original)).toBe(0);
	expect(readFileSync(original, "utf8")).toBe(text("a"));
});

test("an original that is gone is not made anew", () => {
	writeReplica(replica, [header, line("a")]);
	expect(handBack(replica, original)).toBe(0);
	expect(existsSync(original)).toBe(false);
	removeReplica(replica);
	removeReplica(replica);
	expect(existsSync(replica)).toBe(false);
	writeFileSync(original, text("a"));
	expect(handBack(replica, original)).toBe(0);
});

test("a replica that only looked on gives nothing back, and leaves nothing behind", () => {
	writeFileSync(original, text("a"));
	copyReplica(original, replica);
	lookOn(replica);
	writeFileSync(replica, text("a", "of the looker"));
	expect(handBack(replica, original)).toBe(0);
	expect(readFileSync(original, "utf8")).toBe(text("a"));
	removeReplica(replica);
	expect(readdirSync(dirname(replica))).toEqual([]);
	// The same terminal comes again, and no longer looks on alone.
	lookOn(replica);
	copyReplica(original, replica);
	writeFileSync(replica, text("a", "b"));
	expect(handBack(replica, original)).toBe(1);
});

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { findSessionFiles, inOrder, mustFindSessionFiles } from "../../../src/cli/import-files.ts";
import { makeCode, makeKey, sha256 } from "../../../src/cli/keys.ts";
import { age, table } from "../../../src/cli/output.ts";

let folder: string;
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "pi-opensync-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, header: unknown): string => {
	const path = join(folder, name);
	writeFileSync(path, `${typeof header === "string" ? header : JSON.stringify(header)}\n`);
	return path;
};

test("folders are searched to the bottom, for session files only, each file once", async () => {
	mkdirSync(join(folder, "deep", "er"), { recursive: true });
	const a = write("a.jsonl", {});
	const b = write("deep/er/b.jsonl", {});
	write("deep/notes.txt", {});
	expect(await findSessionFiles([folder, a])).toEqual([a, b]);
});

test("links are followed, to files and to folders, and no circle hides the files beside it", async () => {
	mkdirSync(join(folder, "real", "deep"), { recursive: true });
	mkdirSync(join(folder, "linked"));
	const a = write("real/deep/a.jsonl", {});
	const b = write("b.txt", {});
	symlinkSync("..", join(folder, "real", "deep", "up"));
	symlinkSync(join(folder, "real"), join(folder, "linked", "folder"));
	symlinkSync(b, join(folder, "linked", "b.jsonl"));
	symlinkSync("nowhere", join(folder, "linked", "dead.jsonl"));
	expect(await findSessionFiles([join(folder, "real")])).toEqual([a]);
	expect(await findSessionFiles([join(folder, "linked")])).toEqual([
		join(folder, "linked", "b.jsonl"),
		join(folder, "linked", "folder", "deep", "a.jsonl"),
	]);
});

test.skipIf(process.getuid?.() === 0)(
	"a folder that cannot be read hides no file beside it, and is told",
	async () => {
		const a = write("a.jsonl", {});
		const closed = join(folder, "closed");
		mkdirSync(closed, { mode: 0o000 });
		const told: string[] = [];
		expect(await findSessionFiles([folder], (path) => told.push(path))).toEqual([a]);
		expect(told).toEqual([closed]);
	},
);

test("a byte order mark does not hide a header", async () => {
	const path = write("a.jsonl", `\uFEFF${JSON.stringify({ type: "session", id: "a" })}`);
	expect((await inOrder([path]))[0]?.sessionId).toBe("a");
});

test("a path that is not there is named", async () => {
	await expect(mustFindSessionFiles([join(folder, "nowhere")])).rejects.toThrow("There is no file or folder");
});

test("parents come before their forks, whatever the names", async () => {
	const fork = write("1-fork.jsonl", {
		type: "session",
		id: "f",
		parentSession: "/elsewhere/3-parent.jsonl",
	});
	const second = write("2-fork-of-fork.jsonl", { type: "session", id: "g", parentSession: "1-fork.jsonl" });
	const parent = write("3-parent.jsonl", { type: "session", id: "p" });
	const broken = write("4-broken.jsonl", "{");
	const order = await inOrder([fork, second, parent, broken]);
	expect(order.map((info) => basename(info.path))).toEqual([
		"3-parent.jsonl",
		"1-fork.jsonl",
		"2-fork-of-fork.jsonl",
		"4-broken.jsonl",
	]);
	expect(order[3]?.sessionId).toBeNull();
});

test("forks that name each other in a circle are all kept", async () => {
	const a = write("a.jsonl", { id: "a", parentSession: "b.jsonl" });
	const b = write("b.jsonl", { id: "b", parentSession: "a.jsonl" });
	expect((await inOrder([a, b])).length).toBe(2);
});

test("a key is unguessable, and only its hash and first characters are told", () => {
	const keys = Array.from({ length: 50 }, makeKey);
	expect(new Set(keys.map((made) => made.key)).size).toBe(50);
	for (const { key, hash, shown } of keys) {
		expect(key).toMatch(/^osk_[A-Za-z0-9]{32}$/);
		expect(hash).toBe(sha256(key));
		expect(shown).toBe(`${key.slice(0, 8)}…`);
	}
	expect(makeCode().code).toHaveLength(24);
});

test("a table lines its columns up and leaves no space at the end", () => {
	expect(
		table(
			["A", "LONG"],
			[
				["xxx", "y"],
				["z", ""],
			],
		),
	).toBe("A    LONG\nxxx  y\nz");
});

test("an age is said in one unit", () => {
	const now = 1_000_000_000;
	expect([0, 59_000, 61_000, 7_200_000, 200_000_000].map((ms) => age(now - ms, now))).toEqual([
		"0s",
		"59s",
		"1m",
		"2h",
		"2d",
	]);
});

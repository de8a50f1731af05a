import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileSource } from "../../../src/extension/file-source.ts";
import { describeParent, describeSession, gitBranch } from "../../../src/extension/project.ts";
import { freezableSource } from "../../../src/extension/session-source.ts";
import type { SessionSource } from "../../../src/sync/ports.ts";

const folder = mkdtempSync(join(tmpdir(), "pi-opensync-project-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(path: string, text: string): string {
	const whole = join(folder, path);
	mkdirSync(join(whole, ".."), { recursive: true });
	writeFileSync(whole, text);
	return whole;
}

describe("the branch of a folder", () => {
	test("is read from the repository above it", () => {
		file("repo/.git/HEAD", "ref: refs/heads/feature/live\n");
		mkdirSync(join(folder, "repo/deep/down"), { recursive: true });
		expect(gitBranch(join(folder, "repo/deep/down"))).toBe("feature/live");
	});

	test("is read through the file of a worktree", () => {
		file("main/.git/worktrees/w/HEAD", "ref: refs/heads/w\n");
		file("w/.git", `gitdir: ${join(folder, "main/.git/worktrees/w")}\n`);
		expect(gitBranch(join(folder, "w"))).toBe("w");
	});

	test("is none on a detached head", () => {
		file("detached/.git/HEAD", "0123456789012345678901234567890123456789\n");
		expect(gitBranch(join(folder, "detached"))).toBeNull();
	});

	test("is none outside a repository", () => {
		expect(gitBranch(folder)).toBeNull();
	});
});

const HEADER = {
	type: "session",
	version: 3,
	id: "s1",
	timestamp: "2026-01-02T03:04:05.000Z",
	cwd: "/elsewhere/proj",
};
const ENTRY = {
	type: "message",
	id: "e1",
	parentId: null,
	timestamp: "2026-01-02T03:04:06.000Z",
	message: { role: "user", content: "hi" },
};

describe("a session", () => {
	test("file is a source, and a file that is none is not", async () => {
		const path = file("session.jsonl", `${JSON.stringify(HEADER)}\n${JSON.stringify(ENTRY)}\n`);
		const source = await fileSource(path);
		expect(source?.sessionId).toBe("s1");
		expect(source?.entries().map((entry) => entry.id)).toEqual(["e1"]);
		expect(source?.leafId()).toBe("e1");
		expect(await fileSource(join(folder, "missing.jsonl"))).toBeNull();
		expect(await fileSource(file("other.txt", "no session\n"))).toBeNull();
	});

	test("is described by where it runs, its parent by where it ran", async () => {
		const source = (await fileSource(join(folder, "session.jsonl"))) as SessionSource;
		const own = describeSession(source, join(folder, "repo"), 5);
		expect(own).toMatchObject({
			projectName: "repo",
			gitBranch: "feature/live",
			startedAt: Date.parse(HEADER.timestamp),
		});
		expect(describeParent(source, "/here", 5)).toMatchObject({
			projectPath: "/elsewhere/proj",
			projectName: "proj",
		});
	});

	test("that Pi left stays as it was, whatever comes after", () => {
		const entries = [ENTRY];
		let leaf = "e1";
		const source = freezableSource({
			sessionId: "s1",
			header: () => HEADER,
			entries: () => [...entries],
			leafId: () => leaf,
		});
		source.freeze();
		entries.push({ ...ENTRY, id: "e2" });
		leaf = "e2";
		expect(source.entries()).toHaveLength(1);
		expect(source.leafId()).toBe("e1");
	});
});

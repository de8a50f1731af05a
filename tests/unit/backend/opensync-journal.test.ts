/** What a hosted OpenSync has acknowledged, on disk. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	createOpenSyncJournal,
	forgetUnsent,
	unsentSessions,
} from "../../../src/backend/opensync-journal.ts";

const SITE = "https://a.convex.site";
const MARK = {
	position: 2,
	lastEntryId: "e2",
	parked: [{ entryId: "e1", reason: "no" }],
	session: "{}",
	touchedAt: 5,
};

let recordsDir: string;
beforeEach(() => {
	recordsDir = mkdtempSync(join(tmpdir(), "opensync-journal-"));
});
afterEach(() => rmSync(recordsDir, { recursive: true, force: true }));

const journal = (sessionId = "s-1", siteUrl = SITE, file: string | null = "/f.jsonl") =>
	createOpenSyncJournal({ recordsDir, siteUrl, sessionId, file });
const files = () =>
	readdirSync(recordsDir, { recursive: true, encoding: "utf8" }).filter((name) =>
		statSync(join(recordsDir, name)).isFile(),
	);

test("a mark is read back by the next process, for its session and its OpenSync alone", async () => {
	expect(await journal().read()).toBeNull();
	await journal().write(MARK, false);
	expect(await journal().read()).toEqual(MARK);
	expect(await journal("s-2").read()).toBeNull();
	expect(await journal("s-1", "https://b.convex.site").read()).toBeNull();
});

test("what waits is noted until it has gone, also before anything was acknowledged", async () => {
	const one = journal();
	await one.write(null, true);
	expect(await one.read()).toBeNull();
	expect(await unsentSessions(recordsDir, SITE)).toEqual([{ sessionId: "s-1", file: "/f.jsonl" }]);
	await one.write(MARK, false);
	expect(await unsentSessions(recordsDir, SITE)).toEqual([]);
	await journal("s-2").write(MARK, true);
	await forgetUnsent(recordsDir, SITE, "s-2");
	expect(await unsentSessions(recordsDir, SITE)).toEqual([]);
});

test("a note that an earlier process left is taken away by one that finds nothing to do", async () => {
	await journal().write(MARK, true);
	await journal().write(MARK, false);
	expect(await unsentSessions(recordsDir, SITE)).toEqual([]);
});

test("a session without a file is not noted: nobody could read it again", async () => {
	await journal("s-1", SITE, null).write(MARK, true);
	expect(await unsentSessions(recordsDir, SITE)).toEqual([]);
});

test("its files are its owner's alone, hold no draft, and lie in its folder whatever a session calls itself", async () => {
	for (const name of ["../../escape", "/abs", "", "a/b", "x".repeat(500), ".hidden"])
		await journal(name).write(MARK, true);
	expect(files().length).toBe(12);
	for (const name of files()) {
		expect(statSync(join(recordsDir, name)).mode & 0o077).toBe(0);
		expect(name).not.toContain("draft");
	}
	expect(await journal("../../escape").read()).toEqual(MARK);
	expect((await unsentSessions(recordsDir, SITE)).map(({ sessionId }) => sessionId).sort()).toEqual(
		["", "../../escape", ".hidden", "/abs", "a/b", "x".repeat(500)].sort(),
	);
});

test("a damaged file counts as none, and a folder that cannot be written is no error", async () => {
	await journal().write(MARK, true);
	for (const name of files()) writeFileSync(join(recordsDir, name), '{"position": -1');
	expect(await journal().read()).toBeNull();
	expect(await unsentSessions(recordsDir, SITE)).toEqual([]);
	rmSync(recordsDir, { recursive: true });
	writeFileSync(recordsDir, "a file");
	await journal().write(MARK, true);
	expect(await journal().read()).toBeNull();
});

import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createSetup, type Setup } from "../../support/cli.ts";
import { ROOT } from "../../support/source-tree.ts";

const LARGE = join(ROOT, "tests", "fixtures", "pi-session-large.jsonl");
const LARGE_ID = "d703a1a9-1b7b-4fb1-b512-c9738b1fe617";
const PI = join(ROOT, "tests", "fixtures", "pi");

let setup: Setup;
beforeAll(async () => {
	setup = createSetup();
	await setup.up();
}, 60_000);
afterAll(async () => await setup.dispose());

const importJson = async (...paths: string[]) =>
	JSON.parse((await setup.cli("import", ...paths, "--json")).stdout);
const linesOf = (text: string) => text.trimEnd().split("\n");

test("a real session of format 1 is imported twice and every entry is there once", async () => {
	expect(await importJson(LARGE)).toEqual({
		sessions: 1,
		entries: 1018,
		added: 1018,
		skipped: 0,
		errors: [],
	});
	expect(await importJson(LARGE)).toEqual({
		sessions: 1,
		entries: 1018,
		added: 0,
		skipped: 1018,
		errors: [],
	});
	const [session] = JSON.parse((await setup.cli("sessions", "list", "--json")).stdout);
	expect(session).toMatchObject({ sessionId: LARGE_ID, entryCount: 1018, projectName: "pi-mono" });
	expect(new Date(session.startedAt).toISOString()).toBe("2025-11-20T23:33:50.805Z");
	expect(new Date(session.updatedAt).getFullYear()).toBe(2025);
}, 60_000);

test("exported back, it is equal in content", async () => {
	await setup.cli("import", LARGE, "--json");
	const { stdout, code } = await setup.cli("export", LARGE_ID.slice(0, 8), "--format", "jsonl");
	expect(code).toBe(0);
	const [header, ...exported] = linesOf(stdout).map((line) => JSON.parse(line));
	const [original, ...entries] = linesOf(readFileSync(LARGE, "utf8")).map((line) => JSON.parse(line));
	expect(header).toMatchObject({ id: original.id, timestamp: original.timestamp, cwd: original.cwd });
	// Format 1 has no ids; all else of each entry is as it was, in order, in one chain.
	expect(exported.map(({ id: _id, parentId: _parent, ...content }) => content)).toEqual(entries);
	expect(exported.every((entry, at) => entry.parentId === (at === 0 ? null : exported[at - 1].id))).toBe(
		true,
	);
}, 60_000);

test("a session of format 3 comes back byte for byte", async () => {
	const file = join(PI, "session-1.5.2-all-entry-types.jsonl");
	const { added, errors } = await importJson(file);
	expect(errors).toEqual([]);
	expect(added).toBeGreaterThan(10);
	const { id } = JSON.parse(linesOf(readFileSync(file, "utf8"))[0] as string);
	const { stdout } = await setup.cli("export", id);
	expect(stdout.trimEnd()).toBe(readFileSync(file, "utf8").trimEnd());
}, 60_000);

test("as JSON and as Markdown a session can be read", async () => {
	const file = join(PI, "session-1.5.2-all-entry-types.jsonl");
	await importJson(file);
	const { id } = JSON.parse(linesOf(readFileSync(file, "utf8"))[0] as string);
	const asJson = JSON.parse((await setup.cli("export", id, "--format", "json")).stdout);
	expect(asJson.entries.length).toBe(linesOf(readFileSync(file, "utf8")).length - 1);
	const markdown = (await setup.cli("export", id, "--format", "md")).stdout;
	expect(markdown).toStartWith("# ");
	expect(markdown).toContain("hello one");
}, 60_000);

test("malformed and half-written lines are named with file and line, and the rest is kept", async () => {
	const folder = join(setup.home, "broken");
	mkdirSync(folder);
	const file = join(folder, "broken.jsonl");
	copyFileSync(join(PI, "session-1.5.2-all-entry-types.jsonl"), file);
	const lines = linesOf(readFileSync(file, "utf8"));
	lines[0] = (lines[0] as string).replace(/"id":"[^"]+"/, '"id":"broken-1"');
	lines[4] = "{this is no json";
	writeFileSync(file, `${lines.join("\n")}\n`);
	appendFileSync(file, lines[6]?.slice(0, 40) ?? "");
	const { code, stdout, stderr } = await setup.cli("import", folder);
	expect(code).toBe(1);
	expect(stderr).toContain(`${file}:5:`);
	expect(stderr).toContain(`${file}:${lines.length + 1}:`);
	expect(stderr).not.toContain("    at ");
	expect(stdout).toContain(`${lines.length - 2} added`);
}, 60_000);

test("twenty megabytes of tool output and bytes that are no UTF-8 arrive and come back", async () => {
	const file = join(setup.home, "huge.jsonl");
	const huge = "0123456789abcdef\\n".repeat(1_200_000);
	const header = {
		type: "session",
		version: 3,
		id: "huge-1",
		timestamp: "2026-01-01T00:00:00.000Z",
		cwd: "/p",
	};
	const message = (id: string, parentId: string | null, text: string) =>
		`{"type":"message","id":"${id}","parentId":${parentId === null ? null : `"${parentId}"`},"timestamp":"2026-01-01T00:00:01.000Z","message":{"role":"toolResult","toolCallId":"c","toolName":"bash","content":[{"type":"text","text":"${text}"}],"isError":false,"timestamp":1}}`;
	const parts = [
		`${JSON.stringify(header)}\n`,
		`${message("a0000001", null, huge)}\n`,
		message("a0000002", "a0000001", "before "),
	];
	writeFileSync(
		file,
		Buffer.concat([
			Buffer.from(`${parts[0]}${parts[1]}`),
			Buffer.from((parts[2] as string).replace("before ", "before X"), "latin1").map((byte) =>
				byte === 0x58 ? 0xff : byte,
			),
			Buffer.from("\n"),
		]),
	);
	const result = await importJson(file);
	expect(result).toMatchObject({ added: 2, errors: [{ file, line: 3 }] });
	const { stdout } = await setup.cli("export", "huge-1");
	expect(linesOf(stdout)[1] === parts[1]?.trimEnd()).toBe(true);
	expect(linesOf(stdout)[2]).toContain("before \uFFFD");
}, 120_000);

test("an unknown format, session or path is one sentence and the right exit code", async () => {
	const format = await setup.cli("export", "x", "--format", "pdf");
	expect([format.code, format.stderr.trim()]).toEqual([2, "--format takes jsonl, json, md, not pdf."]);
	const session = await setup.cli("export", "nowhere");
	expect([session.code, session.stderr.trim()]).toEqual([
		1,
		"There is no session nowhere: see `pi-opensync sessions list`.",
	]);
	const path = await setup.cli("import", join(setup.home, "nowhere.jsonl"));
	expect(path.code).toBe(1);
	expect(path.stderr).toContain("There is no file or folder");
	expect((await setup.cli("import")).code).toBe(2);
}, 60_000);

test("an ambiguous beginning of an id lists what it fits", async () => {
	for (const id of ["twin-a", "twin-b"]) {
		const file = join(setup.home, `${id}.jsonl`);
		writeFileSync(
			file,
			`${JSON.stringify({ type: "session", version: 3, id, timestamp: "2026-01-01T00:00:00.000Z", cwd: "/p" })}\n`,
		);
		await setup.cli("import", file);
	}
	const { code, stderr } = await setup.cli("export", "twin");
	expect(code).toBe(2);
	expect(stderr).toContain("fits 2 sessions");
	expect(stderr).toContain("twin-a");
}, 60_000);

test("files that are no sessions, or that the backend does not take, keep no other from being imported", async () => {
	const folder = join(setup.home, "odd");
	mkdirSync(join(folder, "folder.jsonl"), { recursive: true });
	const at = '"timestamp":"2026-01-01T00:00:00.000Z","cwd":"/p"';
	const files: Record<string, string | Buffer> = {
		"1-empty.jsonl": "",
		"2-bytes.jsonl": Buffer.from(Array.from({ length: 4000 }, (_, index) => (index * 7919) % 256)),
		"3-half-header.jsonl": `{"type":"session","version":3,"id":"half-1",${at}`,
		"4-no-id.jsonl": `{"type":"session","version":3,"id":"",${at}}\n`,
		"5-good.jsonl": `{"type":"session","version":3,"id":"odd-good",${at}}\n`,
	};
	for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
	symlinkSync(join(folder, "nowhere"), join(folder, "6-dangling.jsonl"));
	const result = await importJson(folder);
	expect(result).toMatchObject({ sessions: 1, added: 0 });
	expect(result.errors.map(({ file }: { file: string }) => basename(file))).toEqual([
		"1-empty.jsonl",
		"2-bytes.jsonl",
		"3-half-header.jsonl",
		"4-no-id.jsonl",
	]);
	expect((await setup.cli("export", "odd-good")).stdout).toBe(String(files["5-good.jsonl"]));
}, 60_000);

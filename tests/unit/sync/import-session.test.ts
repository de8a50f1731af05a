import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSessionFile, type SessionFile } from "../../../src/session/session-file.ts";
import { importSession } from "../../../src/sync/import-session.ts";
import { FakeBackend } from "../../support/fake-backend.ts";
import { FakeSession } from "../../support/fake-session.ts";
import { ROOT } from "../../support/source-tree.ts";

const describe = { source: "pi", projectPath: "/p", projectName: "p", machine: "here" };

const fileOf = (session: FakeSession): SessionFile =>
	parseSessionFile(`${[JSON.stringify(session.header()), ...session.lines()].join("\n")}\n`);

test("a file arrives in batches, with its progress and its own dates", async () => {
	const session = new FakeSession();
	for (let index = 0; index < 900; index += 1) session.user(`${index}`);
	const backend = new FakeBackend();
	const seen: number[] = [];
	const done = await importSession({
		backend,
		file: fileOf(session),
		describe,
		onProgress: (count) => seen.push(count),
	});
	expect(done).toEqual({ added: 900, skipped: 0, parked: [], hidden: {} });
	expect(backend.store.read("session-1")).toEqual(session.lines());
	expect(seen[0]).toBe(0);
	expect(seen.at(-1)).toBe(900);
	expect(backend.store.session("session-1").open.startedAt).toBe(Date.parse("2026-11-21T08:00:00.000Z"));
	expect(backend.store.session("session-1").lastAppend?.imported).toBe(true);
});

test("a second import sends nothing, one of a longer file only the rest", async () => {
	const session = new FakeSession();
	for (let index = 0; index < 10; index += 1) session.user(`${index}`);
	const backend = new FakeBackend();
	await importSession({ backend, file: fileOf(session), describe });
	expect(await importSession({ backend, file: fileOf(session), describe })).toMatchObject({
		added: 0,
		skipped: 10,
	});
	session.user("more");
	expect(await importSession({ backend, file: fileOf(session), describe })).toMatchObject({
		added: 1,
		skipped: 10,
	});
	expect(backend.store.read("session-1")).toEqual(session.lines());
});

test("a real session of format 1 is imported once, however often, also after what an export of it gives", async () => {
	const bytes = readFileSync(join(ROOT, "tests/fixtures/pi-session-large.jsonl"));
	const file = parseSessionFile(bytes);
	expect(file).toMatchObject({ version: 1, errors: [] });
	const backend = new FakeBackend();
	expect(await importSession({ backend, file, describe })).toMatchObject({
		added: 1018,
		skipped: 0,
		parked: [],
	});
	expect(await importSession({ backend, file, describe })).toMatchObject({ added: 0, skipped: 1018 });
	const id = file.sessionId as string;
	const exported = `${[file.headerLine, ...backend.store.read(id)].join("\n")}\n`;
	expect(await importSession({ backend, file: parseSessionFile(exported), describe })).toMatchObject({
		added: 0,
		skipped: 1018,
	});
	const content = (line: string): unknown => {
		const {
			id: _id,
			parentId: _parentId,
			firstKeptEntryId: _kept,
			firstKeptEntryIndex: _index,
			...rest
		} = JSON.parse(line);
		return rest;
	};
	const before = bytes.toString("utf8").trim().split("\n").slice(1).map(content);
	expect(backend.store.read(id).map(content)).toEqual(before);
});

test("forks bring their parents, and their parents' parents", async () => {
	const grand = new FakeSession("g");
	for (let index = 0; index < 3; index += 1) grand.user(`g${index}`);
	const parent = new FakeSession("p", "/s/1_g.jsonl");
	const fork = new FakeSession("f", "/s/2_p.jsonl");
	const copy = (from: FakeSession, to: FakeSession, count: number) => {
		to.list.push(...from.list.slice(0, count));
		to.leaf = to.list.at(-1)?.id ?? null;
	};
	copy(grand, parent, 2);
	parent.add("custom", { id: "aaaa0001", customType: "p" });
	copy(parent, fork, 3);
	fork.add("custom", { id: "bbbb0001", customType: "f" });
	const backend = new FakeBackend();
	const done = await importSession({
		backend,
		file: fileOf(fork),
		parents: [fileOf(parent), fileOf(grand)],
		describe,
	});
	expect(done).toMatchObject({ added: 1, skipped: 3 });
	expect(backend.store.read("f")).toEqual(fork.lines());
	expect(backend.store.session("p").entries.map(({ entryId }) => entryId)).toEqual(["aaaa0001"]);
	expect(backend.store.session("g").entries.length).toBe(3);
});

test("refused entries are named and the rest is there, below them too", async () => {
	const session = new FakeSession();
	for (let index = 0; index < 300; index += 1) session.user(index === 150 ? "POISON" : `${index}`);
	const backend = new FakeBackend();
	backend.poison = "POISON";
	const done = await importSession({ backend, file: fileOf(session), describe });
	expect(done).toMatchObject({ added: 299, skipped: 0 });
	expect(done.parked.map(({ entryId }) => entryId)).toEqual(["00000097"]);
	expect(backend.store.read("session-1")).toEqual(session.lines().filter((line) => !line.includes("POISON")));
});

test("children of a line that could not be read arrive as orphans", async () => {
	const session = new FakeSession();
	for (let index = 0; index < 3; index += 1) session.user(`${index}`);
	const [first, , third] = session.lines();
	const file = parseSessionFile(`${JSON.stringify(session.header())}\n${first}\n{"type":\n${third}\n`);
	const backend = new FakeBackend();
	expect(await importSession({ backend, file, describe })).toMatchObject({ added: 2, parked: [] });
	expect(backend.store.session("session-1").entries[1]?.orphan).toBe(true);
});

test("a refused key is an error at once", async () => {
	const backend = new FakeBackend();
	backend.fault = () => "signedOut";
	const failing = importSession({ backend, file: fileOf(new FakeSession()), describe });
	expect(failing).rejects.toMatchObject({ kind: "signedOut" });
	await failing.catch(() => {});
});

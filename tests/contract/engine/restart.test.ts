/** What survives restarts and crashes, what a bad data folder gives, and both runtimes. */
import { afterEach, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngineStartError } from "../../../src/engine/types.ts";
import { ROOT } from "../../support/source-tree.ts";
import {
	ADMIN,
	APP,
	appWith,
	cleanUp,
	type Loose,
	temporaryDir,
	testEngine,
} from "../../support/test-engine.ts";

const children: ChildProcess[] = [];
afterEach(async () => {
	for (const child of children.splice(0)) child.kill("SIGKILL");
	await cleanUp();
});

async function startError(run: Promise<unknown>): Promise<EngineStartError> {
	const error = await run.then(
		() => null,
		(thrown: unknown) => thrown,
	);
	if (error instanceof EngineStartError) return error;
	throw new Error(`no start error: ${error}`);
}

/** Lines a child prints, one at a time. */
function startChild(
	runtime: "bun" | "node",
	args: string[],
): { child: ChildProcess; lines: AsyncIterator<Loose> } {
	const script = join(ROOT, "tests/contract/engine/engine-process.ts");
	const child = spawn(join(ROOT, "node_modules/.bin", runtime), [script, ...args], {
		stdio: ["ignore", "pipe", "pipe"],
	});
	children.push(child);
	async function* read(): AsyncGenerator<Loose> {
		let held = "";
		for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
			held += chunk.toString();
			const lines = held.split("\n");
			held = lines.pop() as string;
			for (const line of lines) yield JSON.parse(line);
		}
	}
	return { child, lines: read() };
}

async function killed(child: ChildProcess): Promise<void> {
	const gone = new Promise((resolve) => child.once("exit", resolve));
	child.kill("SIGKILL");
	await gone;
}

describe("restart", () => {
	test("data, ids and numbers of tables stay; timestamps rise", async () => {
		const dataDir = temporaryDir();
		const first = await testEngine({ dataDir });
		const id = await first.mutation("messages:send", { channel: "a", n: 1 });
		await first.mutation("things:newTable", { table: "extra" });
		const file = await first.action("files:storeText", { text: "kept" });
		const ts = first.engine.latestTs();
		await first.engine.close();
		const second = await testEngine({ dataDir });
		expect(second.engine.latestTs()).toBeGreaterThanOrEqual(ts);
		expect((await second.mutationOutcome("messages:send", { channel: "a", n: 2 })).ts).toBeGreaterThan(ts);
		expect(await second.query("messages:list", { channel: "a" })).toEqual([1, 2]);
		expect(await second.query("users:normalize", { table: "messages", id })).toBe(id);
		expect(await second.query("things:inTable", { table: "extra" })).toBe(1);
		expect(await second.action("files:readText", { id: file })).toMatchObject({ text: "kept" });
	});

	test("timestamps rise even when the wall clock goes back", async () => {
		const dataDir = temporaryDir();
		const first = await testEngine({ dataDir, now: () => 2_000_000_000_000 });
		const before = (await first.mutationOutcome("messages:send", { channel: "a", n: 1 })).ts as bigint;
		await first.engine.close();
		const second = await testEngine({ dataDir, now: () => 1_000_000_000_000 });
		expect(second.engine.latestTs()).toBeGreaterThanOrEqual(before);
		expect((await second.mutationOutcome("messages:send", { channel: "a", n: 2 })).ts).toBeGreaterThan(
			before,
		);
	});

	test("a resent mutation runs once, in the same process and after a restart; a failed one runs again", async () => {
		const dataDir = temporaryDir();
		const request = { sessionId: "session", requestId: 0 };
		const first = await testEngine({ dataDir });
		const sent = await first.mutationOutcome("messages:send", { channel: "a", n: 1 }, request);
		const resent = await first.mutationOutcome("messages:send", { channel: "a", n: 1 }, request);
		expect(resent).toEqual({ ...sent, replayed: true });
		const failing = { sessionId: "session", requestId: 1 };
		expect((await first.mutationOutcome("errors:typed", { data: 1 }, failing)).replayed).toBe(false);
		expect((await first.mutationOutcome("errors:typed", { data: 1 }, failing)).replayed).toBe(false);
		await first.engine.close();
		const second = await testEngine({ dataDir });
		expect(await second.mutationOutcome("messages:send", { channel: "a", n: 1 }, request)).toEqual({
			...sent,
			replayed: true,
		});
		expect(await second.query("messages:list", { channel: "a" })).toEqual([1]);
	});

	test("after SIGKILL everything answered is there, and scheduled functions run once", async () => {
		const dataDir = temporaryDir();
		const { child, lines } = startChild("bun", [dataDir, "hold"]);
		const { ready, ts } = (await lines.next()).value;
		expect(ready).toBe(child.pid);
		const locked = await startError(testEngine({ dataDir }));
		expect(locked).toMatchObject({ code: "locked" });
		expect(locked.message).toContain(String(child.pid));
		await killed(child);
		const t = await testEngine({ dataDir });
		expect(t.engine.latestTs()).toBeGreaterThanOrEqual(BigInt(ts));
		const again = await t
			.as(ADMIN)
			.mutationOutcome("nesting:writeNote", { text: "kept" }, { sessionId: "s", requestId: 1 });
		expect(again.replayed).toBe(true);
		// The action that the crash cut off has failed, and is not tried again.
		const kinds = { note: "success", noteFromAction: "success", endless: "failed" };
		const asExpected = (job: Loose): boolean => job.state.kind === kinds[job.name.split(":")[1] as "note"];
		await t.eventually(async () => (await t.query("scheduling:jobs")).every(asExpected));
		expect((await t.query("nesting:texts")).sort()).toEqual(["kept", "soon", "soon too", "started"]);
		const third = await reopened(t, dataDir);
		expect((await third.query("nesting:texts")).sort()).toEqual(["kept", "soon", "soon too", "started"]);
	});

	async function reopened(t: Awaited<ReturnType<typeof testEngine>>, dataDir: string) {
		await t.engine.close();
		return await testEngine({ dataDir });
	}

	test("a changed schema fills new indexes, drops old ones and checks what is stored", async () => {
		const dataDir = temporaryDir();
		const table = (index: string, validator = "v.any()") => ({
			"schema.ts": `import { defineSchema, defineTable } from "convex/server"; import { v } from "convex/values";
				export default defineSchema({ rows: defineTable({ a: v.number(), b: ${validator} })${index} });`,
			"rows.ts": `import { mutationGeneric as mutation, queryGeneric as query } from "convex/server";
				export const put = mutation(async (ctx, { a, b }: Loose) => await ctx.db.insert("rows", { a, b }));
				export const by = query(async (ctx, { index }: Loose) => (await (ctx.db.query("rows") as Loose).withIndex(index).collect()).map((row: Loose) => row.a));
				export const find = query(async (ctx, { text }: Loose) => (await (ctx.db.query("rows") as Loose).withSearchIndex("s", (q: Loose) => q.search("b", text)).collect()).length);`,
		});
		const open = (files: Record<string, string>) => testEngine({ dataDir, functionsDir: appWith(files) });
		const first = await open(table('.index("by_a", ["a"])'));
		for (const a of [2, 3, 1]) await first.mutation("rows:put", { a, b: `word ${9 - a}` });
		expect(await first.query("rows:by", { index: "by_a" })).toEqual([1, 2, 3]);
		await first.engine.close();
		const second = await open(table('.index("by_b", ["b"]).searchIndex("s", { searchField: "b" })'));
		expect(await second.query("rows:by", { index: "by_b" })).toEqual([3, 2, 1]);
		expect(await second.query("rows:find", { text: "word" })).toBe(3);
		await expect(second.query("rows:by", { index: "by_a" })).rejects.toThrow("Index rows.by_a not found");
		await second.engine.close();
		const refused = await startError(open(table("", "v.number()")));
		expect(refused).toMatchObject({ code: "schema" });
		expect(refused.message).toContain('in table "rows" does not match the schema');
		const third = await open(table('.index("by_b", ["b"])'));
		expect(await third.query("rows:by", { index: "by_b" })).toEqual([3, 2, 1]);
	});
});

describe("bad data folders", () => {
	test("a folder in use is refused in the same process, too", async () => {
		const dataDir = temporaryDir();
		await testEngine({ dataDir });
		const error = await startError(testEngine({ dataDir }));
		expect(error).toMatchObject({ code: "locked" });
		expect(error.message).toContain(`process ${process.pid}`);
	});

	test("a file that is no database, and a damaged one, are told", async () => {
		const dataDir = temporaryDir();
		const path = join(dataDir, "engine.db");
		writeFileSync(path, "this is no database".repeat(500));
		expect(await startError(testEngine({ dataDir }))).toMatchObject({ code: "corrupt" });
		const good = temporaryDir();
		const t = await testEngine({ dataDir: good });
		await t.mutation("messages:sendMany", { channel: "a", from: 0, count: 2000 });
		await t.engine.close();
		const bytes = readFileSync(join(good, "engine.db"));
		bytes.fill(0x5a, 8192, bytes.length - 4096);
		writeFileSync(join(good, "engine.db"), bytes);
		const error = await startError(testEngine({ dataDir: good }));
		expect(error).toMatchObject({ code: "corrupt" });
		expect(error.message).toContain("move it away");
	});

	test("a folder that cannot be made or written is told", async () => {
		const dir = temporaryDir();
		writeFileSync(join(dir, "file"), "");
		expect(await startError(testEngine({ dataDir: join(dir, "file", "data") }))).toMatchObject({
			code: "dataDir",
		});
		// The superuser may write everywhere.
		if (process.getuid?.() === 0) return;
		chmodSync(dir, 0o500);
		expect(await startError(testEngine({ dataDir: dir }))).toMatchObject({ code: "dataDir" });
		chmodSync(dir, 0o700);
	});

	test("in a folder that others may read, what is stored is for its owner alone", async () => {
		const dataDir = temporaryDir();
		chmodSync(dataDir, 0o755);
		// One of an earlier version.
		writeFileSync(join(dataDir, "engine.db"), "", { mode: 0o644 });
		const t = await testEngine({ dataDir });
		const id = await t.action("files:storeText", { text: "kept" });
		const uuid = (await t.query("files:url", { id })).split("/").at(-1);
		await t.mutation("files:storeInMutation", { text: "kept" });
		const open = [
			"engine.db",
			"engine.db-wal",
			"files",
			...readdirSync(join(dataDir, "files")).map((name) => join("files", name)),
		].filter((name) => (statSync(join(dataDir, name)).mode & 0o077) !== 0);
		expect(open).toEqual([]);
		expect(existsSync(join(dataDir, "files", uuid))).toBe(true);
	});

	test("without a data folder nothing is left behind", async () => {
		const t = await testEngine();
		await t.action("files:storeText", { text: "x" });
		await t.engine.close();
		expect(readdirSync(APP)).not.toContain("engine.db");
	});
});

describe("runtimes", () => {
	for (const runtime of ["bun", "node"] as const) {
		test(`${runtime} runs everything, unhandled rejections and stack traces included`, async () => {
			const { lines } = startChild(runtime, ["-", "exercise"]);
			const next = async (): Promise<Loose> => (await lines.next()).value;
			expect((await next()).errorMessage).toContain("Uncaught Error: nobody waits");
			expect((await next()).errorMessage).toMatch(
				/plain failure\n {4}at handler \(\.\.\/convex-app\/errors\.ts:7:\d+\)/,
			);
			expect((await next()).errorMessage).toContain("Returned promise will never resolve");
			expect(await next()).toMatchObject({ kind: "ok" });
			expect(await next()).toMatchObject({ kind: "ok", valueJson: "[1,2,3]" });
			expect(await next()).toMatchObject({ kind: "ok" });
			expect(await next()).toMatchObject({ kind: "ok", valueJson: '["hi"]' });
			expect(await next()).toBe(200);
			expect(await next()).toBe("closed");
		});
	}
});

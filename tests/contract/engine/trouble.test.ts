/** A database that cannot write for a while: nothing is lost by it, and everything goes on afterwards. */
import { afterEach, expect, spyOn, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CronStore } from "../../../src/engine/storage/cron-store.ts";
import { Database } from "../../../src/engine/storage/database.ts";
import { Documents } from "../../../src/engine/storage/documents.ts";
import { RequestLog } from "../../../src/engine/storage/request-log.ts";
import { turn } from "../../../src/engine/transaction/serial-queue.ts";
import { must } from "../../../src/lib/assert.ts";
import { appWith, cleanUp, type Loose, temporaryDir, testEngine } from "../../support/test-engine.ts";

afterEach(cleanUp);

/** Commits that have something to store fail as they do on a full disk, until the returned function is called. */
function fullDisk(): { tries: () => number; mend: () => void } {
	const { begin, commit } = Database.prototype;
	const changesOf = (database: Database): number =>
		must(database.get<{ n: number }>("SELECT total_changes() AS n"), "row").n;
	const before = new Map<Database, number>();
	let tries = 0;
	const beginSpy = spyOn(Database.prototype, "begin").mockImplementation(function (this: Database) {
		before.set(this, changesOf(this));
		begin.call(this);
	});
	const commitSpy = spyOn(Database.prototype, "commit").mockImplementation(function (this: Database) {
		if (before.get(this) === changesOf(this)) return commit.call(this);
		tries += 1;
		this.rollback();
		throw new Error("database or disk is full");
	});
	const mend = (): void => {
		beginSpy.mockRestore();
		commitSpy.mockRestore();
	};
	return { tries: () => tries, mend };
}

test("while nothing can be stored a due function is tried now and then; afterwards it runs once", async () => {
	const logged: string[] = [];
	const t = await testEngine({ dataDir: temporaryDir(), log: (line) => logged.push(line) });
	await t.mutation("scheduling:later", { text: "kept", delayMs: 30 });
	const disk = fullDisk();
	// Waits for the first try, then gives thousands of turns to those that would follow at once.
	while (disk.tries() === 0) await turn();
	for (let i = 0; i < 3000; i++) await turn();
	expect(disk.tries()).toBeLessThan(20);
	expect(logged.filter((line) => line.includes("disk is full")).length).toBeLessThan(20);
	disk.mend();
	const jobs = await t.eventually(async () => {
		const all = await t.query("scheduling:jobs");
		return all.every((job: Loose) => job.state.kind === "success") && all;
	});
	expect(jobs).toHaveLength(1);
	expect(await t.query("nesting:texts")).toEqual(["kept"]);
});

test("a due function whose writes did not fit has not failed: it runs when there is room", async () => {
	const t = await testEngine({ dataDir: temporaryDir() });
	await t.mutation("scheduling:later", { text: "kept", delayMs: 30 });
	const disk = fullDisk();
	while (disk.tries() === 0) await t.query("nesting:texts");
	// What would say that it failed is small, and would be stored.
	disk.mend();
	await t.eventually(async () => (await t.query("scheduling:jobs"))[0].state.kind !== "pending");
	expect((await t.query("scheduling:jobs"))[0].state).toEqual({ kind: "success" });
	expect(await t.query("nesting:texts")).toEqual(["kept"]);
});

test("a function in which the database gave up is run again, too", async () => {
	const t = await testEngine({ dataDir: temporaryDir() });
	let full: Database | null = null;
	const { begin } = Database.prototype;
	const beginSpy = spyOn(Database.prototype, "begin").mockImplementation(function (this: Database) {
		full = this;
		begin.call(this);
	});
	const { insert } = Documents.prototype;
	const tried = new Promise<Database>((resolve) => {
		const insertSpy = spyOn(Documents.prototype, "insert").mockImplementation(function (
			this: Documents,
			...args: Parameters<Documents["insert"]>
		) {
			if (args[0].name === "notes") {
				// Half a megabyte does not fit any more; what would say that the function failed does.
				const database = must(full, "database");
				const pages = database.get<{ page_count: number }>("PRAGMA page_count")?.page_count as number;
				database.exec(`PRAGMA max_page_count = ${pages + 20}`);
				insertSpy.mockRestore();
				setImmediate(() => resolve(database));
			}
			insert.apply(this, args);
		});
	});
	await t.mutation("scheduling:later", { text: "long ".repeat(100_000), delayMs: 0 });
	const database = await tried;
	beginSpy.mockRestore();
	for (let i = 0; i < 50; i++) await t.query("messages:list", { channel: "a" });
	expect((await t.query("scheduling:jobs"))[0].state).toEqual({ kind: "pending" });
	database.exec("PRAGMA max_page_count = 1000000");
	await t.eventually(async () => (await t.query("scheduling:jobs"))[0].state.kind === "success");
	expect(await t.query("nesting:texts")).toHaveLength(1);
});

const TICKING = {
	"crons.ts": `import { anyApi, cronJobs } from "convex/server";
		const crons = cronJobs();
		crons.interval("tick", { seconds: 1 }, anyApi.ticks.tick as any);
		export default crons;`,
	"ticks.ts": `import { mutationGeneric as mutation, queryGeneric as query } from "convex/server";
		export const tick = mutation((ctx) => ctx.db.insert("ticks", {}));
		export const count = query(async (ctx) => (await ctx.db.query("ticks").collect()).length);`,
};

test("a cron goes on after its next time could not be stored", async () => {
	const setNext = spyOn(CronStore.prototype, "setNext").mockImplementationOnce(() => {
		throw new Error("database or disk is full");
	});
	const t = await testEngine({ functionsDir: appWith(TICKING) });
	await t.eventually(async () => (await t.query("ticks:count")) >= 2);
	setNext.mockRestore();
});

test("a cron goes on after the clock was put back by years", async () => {
	const dataDir = temporaryDir();
	const functionsDir = appWith(TICKING);
	const wrong = await testEngine({ dataDir, functionsDir, now: () => Date.now() + 4 * 365 * 86_400_000 });
	await wrong.eventually(async () => (await wrong.query("ticks:count")) >= 1);
	await wrong.engine.close();
	const t = await testEngine({ dataDir, functionsDir });
	const before = await t.query("ticks:count");
	await t.eventually(async () => (await t.query("ticks:count")) > before);
});

test("old answers that cannot be removed stop nothing", async () => {
	const prune = spyOn(RequestLog.prototype, "prune").mockImplementationOnce(() => {
		throw new Error("database or disk is full");
	});
	const logged: string[] = [];
	const t = await testEngine({ log: (line) => logged.push(line) });
	await t.mutation("messages:send", { channel: "a", n: 1 });
	expect(logged.filter((line) => line.includes("disk is full"))).toHaveLength(1);
	prune.mockRestore();
});

test("a file whose content cannot be removed is gone all the same, and everything goes on", async () => {
	const dataDir = temporaryDir();
	const t = await testEngine({ dataDir });
	const id = await t.action("files:storeText", { text: "kept" });
	const uuid = (await t.query("files:url", { id })).split("/").at(-1);
	// A folder in its place is what cannot be removed, whoever runs the test.
	rmSync(join(dataDir, "files", uuid));
	mkdirSync(join(dataDir, "files", uuid));
	await t.mutation("files:remove", { id });
	expect(await t.query("files:url", { id })).toBeNull();
	await t.mutation("messages:send", { channel: "a", n: 1 });
	expect(await t.query("messages:list", { channel: "a" })).toEqual([1]);
});

test("an engine on a full disk can be closed, and gives the folder free", async () => {
	const dataDir = temporaryDir();
	const t = await testEngine({ dataDir });
	const setMeta = spyOn(Database.prototype, "setMeta").mockImplementationOnce(() => {
		throw new Error("database or disk is full");
	});
	await t.engine.close();
	setMeta.mockRestore();
	const again = await testEngine({ dataDir });
	expect(await again.query("messages:list", { channel: "a" })).toEqual([]);
});

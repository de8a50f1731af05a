/** Scheduled functions, crons, files and HTTP actions. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { turn } from "../../../src/engine/transaction/serial-queue.ts";
import {
	ADMIN,
	appWith,
	cleanUp,
	NOBODY,
	type TestEngine,
	temporaryDir,
	testEngine,
} from "../../support/test-engine.ts";

afterEach(cleanUp);

const notes = (t: TestEngine): Promise<string[]> => t.query("nesting:texts");

describe("scheduler", () => {
	test("a scheduled mutation runs at its time and its document tells the state", async () => {
		const t = await testEngine();
		const id = await t.mutation("scheduling:later", { text: "later", delayMs: 30 });
		expect(await t.query("scheduling:job", { id })).toMatchObject({
			name: "scheduling.js:note",
			args: [{ text: "later" }],
			state: { kind: "pending" },
		});
		const done = await t.eventually(async () => {
			const job = await t.query("scheduling:job", { id });
			return job.state.kind === "success" && job;
		});
		expect(done.completedTime).toBeGreaterThanOrEqual(done.scheduledTime);
		expect(await notes(t)).toEqual(["later"]);
	});

	test("scheduling is part of the transaction", async () => {
		const t = await testEngine();
		await expect(t.mutation("scheduling:later", { text: "never", delayMs: 0, fail: true })).rejects.toThrow();
		expect(await t.query("scheduling:jobs")).toEqual([]);
	});

	test("a failure is told in the document, for mutations and actions", async () => {
		const t = await testEngine();
		for (const action of [false, true]) {
			const id = await t.mutation("scheduling:later", { text: "fail", delayMs: 0, action });
			const state = await t.eventually(async () => {
				const job = await t.query("scheduling:job", { id });
				return job.state.kind === "failed" && job.state;
			});
			expect(state.error).toContain("scheduled failure");
		}
		expect(await notes(t)).toEqual([]);
	});

	test("actions schedule and are scheduled", async () => {
		const t = await testEngine();
		await t.action("scheduling:laterFromAction", { text: "from an action" });
		await t.mutation("scheduling:later", { text: "by an action", delayMs: 0, action: true });
		await t.eventually(async () => (await notes(t)).length === 2);
	});

	test("a cancelled function does not run", async () => {
		const t = await testEngine();
		const id = await t.mutation("scheduling:later", { text: "never", delayMs: 50 });
		await t.mutation("scheduling:cancel", { id });
		expect((await t.query("scheduling:job", { id })).state).toEqual({ kind: "canceled" });
		const next = await t.mutation("scheduling:later", { text: "after", delayMs: 60 });
		await t.eventually(async () => (await t.query("scheduling:job", { id: next })).state.kind === "success");
		expect(await notes(t)).toEqual(["after"]);
	});

	test("what does not exist cannot be scheduled", async () => {
		const t = await testEngine();
		await expect(t.mutation("scheduling:toNowhere")).rejects.toThrow(
			"Attempted to schedule function at nonexistent path: nowhere.js",
		);
	});

	test("what ended more than a week ago goes, however much it is", async () => {
		let ms = Date.now();
		const t = await testEngine({ now: () => ms });
		const later = () => t.mutation("scheduling:later", { text: "x", delayMs: 0 });
		await Promise.all(Array.from({ length: 1200 }, later));
		// Asking after every commit would take its time.
		while ((await notes(t)).length < 1200) for (let i = 0; i < 500; i++) await turn();
		ms += 8 * 24 * 3600 * 1000;
		await later();
		await t.eventually(async () => (await t.query("scheduling:jobs")).length === 1);
	}, 20_000);

	test("functions run in the order they are due", async () => {
		const t = await testEngine();
		for (const delayMs of [40, 20, 0])
			await t.mutation("scheduling:later", { text: String(delayMs), delayMs });
		await t.eventually(async () => (await notes(t)).length === 3);
		expect(await notes(t)).toEqual(["0", "20", "40"]);
	});
});

describe("crons", () => {
	const app = {
		"ticks.ts": `import { internalMutationGeneric as internalMutation, queryGeneric as query } from "convex/server";
			export const tick = internalMutation(async (ctx) => { await ctx.db.insert("ticks", {}); });
			export const count = query(async (ctx) => (await ctx.db.query("ticks").collect()).length);`,
		"crons.ts": `import { anyApi, cronJobs } from "convex/server";
			const crons = cronJobs();
			crons.interval("every second", { seconds: 1 }, anyApi.ticks.tick as any);
			crons.daily("once a day", { hourUTC: 3 }, anyApi.ticks.tick as any);
			export default crons;`,
	};

	test("an interval runs at once, and again; a restart keeps its rhythm", async () => {
		const dataDir = temporaryDir();
		const functionsDir = appWith(app);
		const t = await testEngine({ functionsDir, dataDir });
		await t.eventually(async () => (await t.query("ticks:count")) >= 2);
		await t.engine.close();
		const again = await testEngine({ functionsDir, dataDir });
		const before = await again.query("ticks:count");
		await again.eventually(async () => (await again.query("ticks:count")) > before);
	});

	test("a cron of a function that does not exist stops the start", async () => {
		const functionsDir = appWith({ ...app, "ticks.ts": "export {};" });
		await expect(testEngine({ functionsDir })).rejects.toMatchObject({ code: "functions" });
	});
});

describe("files", () => {
	test("an upload becomes a document and can be read by its uuid", async () => {
		const dataDir = temporaryDir();
		const t = await testEngine({ dataDir });
		const url = new URL(await t.mutation("files:uploadUrl"));
		expect(url.pathname).toBe("/api/storage/upload");
		const { files } = t.engine;
		expect(files.checkUploadToken(url.searchParams.get("token") as string)).toEqual({ kind: "ok" });
		expect(files.checkUploadToken("nonsense")).toEqual({ kind: "invalid" });
		const body = new Blob(["some", " bytes"]).stream();
		const stored = await files.store(body, { contentType: "text/x" });
		const id = (stored as { storageId: string }).storageId;
		expect(await t.query("files:row", { id })).toMatchObject({ size: 10, contentType: "text/x" });
		const uuid = (await t.query("files:url", { id })).split("/").at(-1);
		const file = await files.byUuid(uuid);
		expect(file).toMatchObject({ storageId: id, sizeBytes: 10, contentType: "text/x" });
		expect(readFileSync(file?.filePath as string, "utf8")).toBe("some bytes");
		await t.mutation("files:remove", { id });
		expect(existsSync(file?.filePath as string)).toBe(false);
		expect(await files.byUuid(uuid)).toBeNull();
	});

	test("a wrong digest is not stored, and tokens grow old", async () => {
		let now = Date.now();
		const t = await testEngine({ now: () => now });
		const digest = new Bun.CryptoHasher("sha256").update("abc").digest("base64");
		const bytes = new TextEncoder().encode("abc");
		expect(await t.engine.files.store(bytes, { contentType: null, sha256Base64: digest })).toMatchObject({
			kind: "stored",
		});
		expect(await t.engine.files.store(bytes, { contentType: null, sha256Base64: "AAAA" })).toEqual({
			kind: "digestMismatch",
		});
		const token = new URL(await t.mutation("files:uploadUrl")).searchParams.get("token") as string;
		now += 3601 * 1000;
		expect(t.engine.files.checkUploadToken(token)).toEqual({ kind: "expired" });
	});

	test("a file of a failed mutation is not kept", async () => {
		const dataDir = temporaryDir();
		const t = await testEngine({ dataDir });
		await expect(t.mutation("files:storeThenFail")).rejects.toThrow("after the file");
		expect(readdirSync(join(dataDir, "files"))).toEqual([]);
		const id = await t.mutation("files:storeInMutation", { text: "kept" });
		expect(await t.action("files:readText", { id })).toMatchObject({ text: "kept" });
	});
});

describe("HTTP actions", () => {
	test("are found by path and method; HEAD runs GET; errors are told with a request id", async () => {
		const t = await testEngine();
		const send = (path: string, init?: RequestInit) =>
			t.engine.httpAction(new Request(`http://site.test${path}`, init), NOBODY) as Promise<Response>;
		const echo = await send("/echo", { method: "POST", body: "loud" });
		expect([echo.status, await echo.text(), echo.headers.get("X-Path")]).toEqual([201, "LOUD", "/echo"]);
		await t.as(ADMIN).mutation("nesting:writeNote", { text: "n" });
		expect(await (await send("/notes")).json()).toEqual(["n"]);
		expect((await send("/notes", { method: "HEAD" })).status).toBe(200);
		const missing = await send("/echo");
		expect([missing.status, await missing.text()]).toEqual([404, "No matching routes found"]);
		const broken = await send("/broken/plain");
		expect(broken.status).toBe(500);
		const body = (await broken.json()) as { code: string; trace: string };
		expect(body.code).toMatch(/^\[Request ID: [0-9a-f]{16}\] Server Error: Uncaught Error: http failure$/);
		expect(body.trace).toContain("at ");
		expect(await (await send("/broken/typed")).json()).toMatchObject({ data: { code: "teapot" } });
	});

	test("without http.ts there are none", async () => {
		const t = await testEngine({ functionsDir: appWith({ "a.ts": "export {};" }) });
		expect(await t.engine.httpAction(new Request("http://site.test/"), NOBODY)).toBeNull();
	});
});

test("actions run side by side while mutations go on", async () => {
	const t = await testEngine();
	const slow = [1, 2, 3].map((i) => t.action("files:slowEcho", { text: `slow ${i}`, waitMs: 30 }));
	await t.as(ADMIN).mutation("nesting:writeNote", { text: "quick" });
	await Promise.all(slow);
	const texts = await notes(t);
	expect(texts[0]).toBe("quick");
	expect(texts).toHaveLength(4);
});

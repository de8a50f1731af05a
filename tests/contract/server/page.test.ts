/** The page's files on the site port: behind the HTTP actions, safe to show, cached by name. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningApp, startApp, temporaryFolder } from "./running-app.ts";

const folder = temporaryFolder();
const page = join(folder.path, "page");
let app: RunningApp;
beforeAll(async () => {
	mkdirSync(join(page, "assets"), { recursive: true });
	writeFileSync(join(folder.path, "secret.txt"), "not for the page");
	writeFileSync(join(page, "index.html"), "<!doctype html><title>page</title>");
	writeFileSync(join(page, "assets", "page-ABCD2345.js"), "export {};");
	writeFileSync(join(page, "assets", "plain-dashboard.css"), "body{}");
	writeFileSync(join(page, "hello"), "an action of that name goes first");
	app = await startApp({ staticDir: page });
});
afterAll(async () => {
	await app.close();
	folder.remove();
});

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
	fetch(`${app.siteUrl}${path}`, { headers, method });
const NAVIGATION = { Accept: "text/html,*/*" };

test("The page is at the root and wherever a reader navigates to", async () => {
	for (const path of ["/", "/index.html", "/sessions/abc"]) {
		const reply = await get(path, NAVIGATION);
		expect([reply.status, reply.headers.get("content-type"), await reply.text()]).toEqual([
			200,
			"text/html; charset=utf-8",
			"<!doctype html><title>page</title>",
		]);
	}
	expect((await get("/missing.js")).status).toBe(404);
	expect((await get("/", NAVIGATION, "POST")).status).toBe(404);
});

test("HTTP actions go before files", async () => {
	expect(await (await get("/hello")).text()).toStartWith("hello from");
});

test("The page may run only its own scripts and styles, and cannot be framed", async () => {
	const reply = await get("/", NAVIGATION);
	const policy = reply.headers.get("content-security-policy") ?? "";
	expect(policy).toContain("default-src 'self'");
	expect(policy).toContain("frame-ancestors 'none'");
	expect(policy).not.toContain("unsafe");
	expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
	expect(reply.headers.get("referrer-policy")).toBe("no-referrer");
});

test("Names with a hash are kept for ever, others are asked for again and answered with 304", async () => {
	expect((await get("/assets/page-ABCD2345.js")).headers.get("cache-control")).toContain("immutable");
	for (const path of ["/", "/assets/plain-dashboard.css"]) {
		const first = await get(path, NAVIGATION);
		expect(first.headers.get("cache-control")).toBe("no-cache");
		const again = await get(path, { ...NAVIGATION, "If-None-Match": first.headers.get("etag") ?? "" });
		expect([again.status, await again.text()]).toEqual([304, ""]);
	}
	expect((await get("/assets/page-ABCD2345.js", {}, "HEAD")).headers.get("content-length")).toBe("10");
});

test("Nothing outside the folder is served", async () => {
	symlinkSync(join(folder.path, "secret.txt"), join(page, "link.txt"));
	for (const path of [
		"/..%2fsecret.txt",
		"/%2e%2e/secret.txt",
		"/assets/..%2f..%2fsecret.txt",
		"/..%5csecret.txt",
		"/%00",
		"/assets",
		"/link.txt",
	]) {
		const reply = await get(path);
		expect(reply.status).toBe(404);
		expect(await reply.text()).not.toContain("not for the page");
	}
});

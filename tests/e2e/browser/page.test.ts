import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { openBrowser } from "../../support/browser.ts";
import { assistant, type PageBackend, startPageBackend, type Terminal, text, user } from "./page-backend.ts";

let backend: PageBackend;
let browser: Awaited<ReturnType<typeof openBrowser>>;
let terminal: Terminal;
/** What went wrong in any page: errors and refused loads. */
const complaints: string[] = [];

beforeAll(async () => {
	backend = await startPageBackend();
	browser = await openBrowser();
	terminal = await backend.terminal();
	browser.context.on("weberror", (error) => complaints.push(String(error.error().stack)));
	browser.context.on("console", (message) => {
		if (message.type() === "error" && !/ERR_CONNECTION_REFUSED|status of 401/.test(message.text()))
			complaints.push(message.text());
	});
}, 60_000);

afterAll(async () => {
	await browser?.close();
	await backend?.close();
});

/** A page that is signed in already, at a session or the list. */
async function signedIn(sessionId?: string): Promise<Page> {
	const page = await browser.context.newPage();
	await page.goto(await backend.signInLink());
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	if (sessionId) await page.goto(`${backend.siteUrl()}/#/s/${sessionId}`);
	return page;
}

async function signedOut(): Promise<Page> {
	const page = await browser.context.newPage();
	await page.goto(backend.siteUrl());
	await page.evaluate(() => localStorage.clear());
	await page.reload();
	await page.getByLabel("API key").waitFor();
	return page;
}

test("the link's code signs in once and leaves the address bar", async () => {
	const link = await backend.signInLink();
	const page = await browser.context.newPage();
	await page.goto(link);
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	expect(page.url()).not.toContain("code");
	await page.reload();
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();

	await page.getByRole("button", { name: "Sign out" }).click();
	await page.getByLabel("API key").waitFor();
	await page.goto("about:blank");
	await page.goto(link);
	expect(await page.getByRole("alert").textContent()).toContain("used already or is too old");
	await page.close();
});

test("a wrong key gets one clear sentence, the right one the sessions", async () => {
	const page = await signedOut();
	await page.getByLabel("API key").fill("hello");
	await page.getByRole("button", { name: "Sign in" }).click();
	expect(await page.getByRole("alert").textContent()).toBe("This is not an API key: keys begin with osk_.");
	await page.getByLabel("API key").fill("osk_doesnotexist0000000000000000000");
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByRole("alert").filter({ hasText: "unknown or revoked" }).waitFor();
	const { key } = await backend.makeKey();
	await page.getByLabel("API key").fill(key);
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	await page.close();
});

test("a key that is revoked leads back to sign-in with the reason", async () => {
	const page = await signedOut();
	const { key, id } = await backend.makeKey(["read"]);
	await page.getByLabel("API key").fill(key);
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.getByText("test", { exact: false }).first().waitFor();
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	await backend.revokeKey(id);
	await page.getByRole("alert").filter({ hasText: "revoked" }).waitFor();
	await page.getByLabel("API key").waitFor();
	await page.close();
});

test("the list shows what to do when empty, and the newest activity first as it happens", async () => {
	const page = await signedIn();
	await page.getByText("No sessions yet.").waitFor();
	await terminal.open("list-a", { projectName: "first" });
	const one = await terminal.append("list-a", null, user("Title of the first"));
	await terminal.open("list-b", { projectName: "second" });
	await terminal.append("list-b", null, user("Title of the second"));
	const rows = page.locator("[data-session]");
	await page.locator("[data-session=list-b]").waitFor();
	expect(await rows.evaluateAll((all) => all.map((row) => row.getAttribute("data-session")))).toEqual([
		"list-b",
		"list-a",
	]);
	await terminal.append("list-a", one, user("again"));
	await page.waitForFunction(
		() => document.querySelector("[data-session]")?.getAttribute("data-session") === "list-a",
	);
	await terminal.status("list-a", "running");
	await page
		.locator("[data-session=list-a]")
		.getByText("running", { exact: true })
		.waitFor({ state: "attached" });
	await page.getByLabel("Filter sessions").fill("second");
	await page.waitForFunction(() => document.querySelectorAll("[data-session]").length === 1);
	await terminal.status("list-a", "idle");
	await page.close();
});

test("a running answer is shown before it is finished, and its entry takes its place without a gap or a double", async () => {
	await terminal.open("live");
	const question = await terminal.append("live", null, user("What is two and two?"));
	const page = await signedIn("live");
	await page.getByText("What is two and two?", { exact: true }).first().waitFor();
	await terminal.status("live", "running");
	await terminal.startStream("live", "stream-live-00001");
	await terminal.push("stream-live-00001", ["m", "assistant"], ["t", 0, "It is "]);
	const live = page.getByRole("region", { name: "Running answer" });
	await live.getByText("It is", { exact: true }).waitFor();
	await terminal.push("stream-live-00001", ["t", 0, "**four**."]);
	await live.getByText("four", { exact: true }).waitFor();
	expect(await page.locator("[data-entry]").count()).toBe(1);

	// From here on every frame is looked at: the word stands exactly once in each.
	await page.evaluate(() => {
		const seen = window as unknown as { counts: number[] };
		seen.counts = [];
		const look = () => {
			seen.counts.push((document.querySelector("main")?.textContent?.match(/four/g) ?? []).length);
			requestAnimationFrame(look);
		};
		requestAnimationFrame(look);
	});
	const end = await terminal.push("stream-live-00001", ["e"]);
	const settles = { streamId: "stream-live-00001", upTo: end };
	await terminal.append("live", question, assistant(text("It is **four**.")), { settles });
	await page.waitForFunction(() => document.querySelectorAll("[data-entry]").length === 2);
	await terminal.endStream("stream-live-00001");
	await terminal.status("live", "idle");
	await live.waitFor({ state: "detached" });
	const counts = await page.evaluate(() => (window as unknown as { counts: number[] }).counts);
	expect(counts.length).toBeGreaterThan(0);
	expect(new Set(counts)).toEqual(new Set([1]));
	await page.close();
});

/** With the keyboard alone, with large letters, in a browser that keeps nothing. */
import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { openBrowser } from "../../support/browser.ts";
import { assistant, startPageBackend, text, user } from "./page-backend.ts";
import { setUpPages } from "./page-setup.ts";

const on = setUpPages();

const LONG = Array.from({ length: 300 }, (_, at) => `Paragraph ${at}`).join("\n\n");
const top = (page: Page) => page.getByRole("main").evaluate((box) => box.scrollTop);
const movedFrom = (page: Page, before: number) =>
	page.waitForFunction((was) => (document.querySelector("main") as HTMLElement).scrollTop < was, before);

test("keys scroll a session as soon as it is open, by its address and from the list", async () => {
	await on.terminal.open("keys");
	await on.terminal.append("keys", null, assistant(text(LONG)));
	await on.terminal.open("keys-two");
	await on.terminal.append("keys-two", null, assistant(text(LONG)));
	const page = await on.signedIn("keys");
	const atEnd = () =>
		page.waitForFunction(() => {
			const box = document.querySelector("main") as HTMLElement;
			return box.scrollTop > 1000 && box.scrollHeight - box.scrollTop - box.clientHeight < 3;
		});
	await page.getByText("Paragraph 299").waitFor();
	await atEnd();
	const end = await top(page);
	await page.keyboard.press("PageUp");
	await movedFrom(page, end - 100);
	await page.locator("[data-session=keys-two]").focus();
	await page.keyboard.press("Enter");
	await page.waitForURL(/#\/s\/keys-two$/);
	await page.getByText("Paragraph 299").waitFor();
	await atEnd();
	await page.keyboard.press("Home");
	await movedFrom(page, 1);
	await page.getByRole("button", { name: "Jump to the newest" }).focus();
	await page.keyboard.press("Enter");
	await atEnd();
	await page.keyboard.press("PageUp");
	await movedFrom(page, end - 100);
	await page.close();
});

test("Enter in the search opens a hit of what is typed, not of what was typed before", async () => {
	const { terminal } = on;
	await terminal.open("enter");
	const first = await terminal.append("enter", null, user("quincemarmalade is here"));
	const second = await terminal.append("enter", first, user("plumchutney is there"));
	const page = await on.signedIn();
	await page.keyboard.press("/");
	const field = page.getByRole("searchbox", { name: "Search all sessions" });
	await terminal.until(async () => {
		await field.fill("");
		await field.fill("quincemarmalade");
		await page.getByText(/best first|Nothing found/).waitFor();
		return (await page.locator("[data-hit]").count()) === 1;
	});
	await field.fill("plumchutney");
	await field.press("Enter");
	await page.waitForURL(/#\/s\/enter/);
	expect(page.url()).toEndWith(`#/s/enter?entry=${second}`);
	await page.close();
});

test("a browser that forbids storage can sign in", async () => {
	const page = await on.signedOut();
	await page.addInitScript(() =>
		Object.defineProperty(window, "localStorage", {
			get() {
				throw new DOMException("Access is denied for this document.", "SecurityError");
			},
		}),
	);
	await page.goto("about:blank");
	await page.goto(await on.backend.signInLink());
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	await page.close();
});

test("a key that another tab signed in with outlives the sign-out of this one", async () => {
	const { key } = await on.backend.makeKey(["read"]);
	const one = await on.signedIn();
	const two = await on.signedIn();
	await two.getByRole("button", { name: "Sign out" }).click();
	await two.getByLabel("API key").fill(key);
	await two.getByRole("button", { name: "Sign in" }).click();
	await two.getByRole("navigation", { name: "Sessions" }).waitFor();
	await one.getByRole("button", { name: "Sign out" }).click();
	await one.getByLabel("API key").waitFor();
	await two.reload();
	await two.getByRole("navigation", { name: "Sessions" }).waitFor();
	await Promise.all([one.close(), two.close()]);
});

test("letters grow with the browser's, and nothing leaves the page at twice their size", async () => {
	await on.terminal.open("large", { projectName: "A project with a long name of several words" });
	await on.terminal.append("large", null, assistant(text(LONG)));
	const browser = await openBrowser({ width: 1280, letters: 32 });
	const page = await browser.context.newPage();
	await page.goto(await on.backend.signInLink());
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	await page.goto(`${on.backend.siteUrl()}/#/s/large`);
	await page.getByText("Paragraph 299").waitFor();
	expect(await page.getByText("Paragraph 299").evaluate((one) => getComputedStyle(one).fontSize)).toBe(
		"30px",
	);
	const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
	expect(await fits()).toBe(true);
	await page.setViewportSize({ width: 640, height: 800 });
	expect(await fits()).toBe(true);
	await browser.close();
});

test("a day is that of the reader's clock", async () => {
	await on.terminal.open("evening", { startedAt: Date.UTC(2025, 5, 1, 20) });
	const page = await on.signedIn();
	const devtools = await page.context().newCDPSession(page);
	await devtools.send("Emulation.setTimezoneOverride", { timezoneId: "Pacific/Auckland" });
	await page.reload();
	await page.locator("[data-session=evening]").getByText("2025-06-02").waitFor();
	await page.close();
});

test("on another machine what is stored as a file is fetched from where the page came from", async () => {
	const backend = await startPageBackend(["box.test"]);
	const browser = await openBrowser({ alias: "box.test" });
	const terminal = await backend.terminal();
	const message = { externalId: "m1", role: "user" as const, textContent: `Large ${"z".repeat(300_000)}` };
	await terminal.pushAgentFile({ externalId: "far", source: "claude-code" }, message);
	const page = await browser.context.newPage();
	const asked: string[] = [];
	page.on("request", (request) => asked.push(new URL(request.url()).hostname));
	await page.goto((await backend.signInLink()).replace("127.0.0.1", "box.test"));
	await page.locator("[data-session=far]").click();
	await page.getByRole("button", { name: /^Show \d+k more characters$/ }).waitFor();
	expect([...new Set(asked)].filter((host) => host !== "")).toEqual(["box.test"]);
	await browser.close();
	await backend.close();
});

test("a link does not move the page to somebody else's backend unasked", async () => {
	const other = await startPageBackend();
	const page = await on.signedOut();
	const code = new URL(await other.signInLink()).hash;
	await page.goto("about:blank");
	await page.goto(`${on.backend.siteUrl()}/?backend=${encodeURIComponent(other.siteUrl())}${code}`);
	await page
		.getByRole("alert")
		.filter({ hasText: new URL(other.siteUrl()).host })
		.waitFor();
	expect(page.url()).not.toContain("code");
	await page.goto(`${on.backend.siteUrl()}/`);
	await page.getByLabel("API key").waitFor();
	expect(await page.getByLabel("Backend address").inputValue()).toBe(on.backend.siteUrl());

	await page.goto("about:blank");
	await page.goto(`${on.backend.siteUrl()}/?backend=${encodeURIComponent(other.siteUrl())}${code}`);
	await page.getByRole("button", { name: "Go on" }).click();
	await page.getByRole("navigation", { name: "Sessions" }).waitFor();
	await page.close();
	await other.close();
});

/** Search as a person does it: by keys, as one types, and on to the entry that was found. */
import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { assistant, text, user } from "./page-backend.ts";
import { setUpPages } from "./page-setup.ts";

const on = setUpPages();

const field = (page: Page) => page.getByRole("searchbox", { name: "Search all sessions" });
const hits = (page: Page) => page.getByRole("list", { name: "Hits" }).getByRole("listitem");

/** Entries are found a moment after they were written: asks again until they are. */
async function searchUntil(page: Page, words: string, count: number): Promise<void> {
	await on.terminal.until(async () => {
		await field(page).fill("");
		await field(page).fill(words);
		await page
			.getByRole("main", { name: "Search" })
			.getByText(/best first|Nothing found|so far/)
			.waitFor();
		return (await hits(page).count()) === count;
	});
}

test("what is typed is found over all agents, marked, and opened at its entry", async () => {
	const { terminal } = on;
	await terminal.open("find-pi", { projectName: "kitchen" });
	let at = await terminal.append("find-pi", null, user("How long do I boil a marmaladefish?"));
	const asked = at;
	at = await terminal.append(
		"find-pi",
		at,
		assistant({ type: "thinking", thinking: "Nobody boils it" }, text("Not at all, <b>never</b> boil it.")),
	);
	for (let count = 0; count < 80; count += 1)
		at = await terminal.append("find-pi", at, user(`Filler ${count}`));
	await terminal.pushAgent(
		{ externalId: "find-cc", source: "claude-code", title: "Fish soup", projectName: "kitchen" },
		{ externalId: "f1", role: "assistant", textContent: "The marmaladefish is done", createdAt: 1000 },
	);
	const page = await on.signedIn("find-cc");
	await page.locator("[data-entry=f1]").waitFor();
	await page.keyboard.press("/");
	await field(page).waitFor();
	expect(await field(page).evaluate((one) => one === document.activeElement)).toBe(true);
	await searchUntil(page, "marmaladefish", 2);
	expect(page.url()).toEndWith("#/search?q=marmaladefish");
	const own = hits(page).filter({ hasText: "How long do I boil" });
	expect(await own.locator("mark").allTextContents()).toEqual(["marmaladefish"]);
	await own.getByText("Pi", { exact: true }).waitFor();
	await own.getByText("kitchen").waitFor();
	await hits(page).filter({ hasText: "Fish soup" }).getByText("Claude Code", { exact: true }).waitFor();

	await own.click();
	const target = page.locator(".row-target");
	await target.getByText("How long do I boil").waitFor();
	expect(await target.getAttribute("data-entry")).toBe(asked);
	await page.waitForFunction(() => {
		const box = document.querySelector(".row-target")?.getBoundingClientRect();
		return box !== undefined && box.top >= 0 && box.bottom <= innerHeight;
	});
	await page.goBack();
	await hits(page).first().waitFor();
	expect(await field(page).inputValue()).toBe("marmaladefish");
	await page.close();
});

test("keys alone lead from anywhere to a hit, and folded text that was found stands open", async () => {
	const page = await on.signedIn();
	await page.getByLabel("Filter sessions").fill("a/b");
	await page.keyboard.press("Control+k");
	await searchUntil(page, "nobody boils", 1);
	await page.keyboard.press("ArrowDown");
	const onHit = () => document.activeElement?.hasAttribute("data-hit") ?? false;
	expect(await page.evaluate(onHit)).toBe(true);
	await page.keyboard.press("ArrowUp");
	expect(await page.evaluate(onHit)).toBe(false);
	await page.keyboard.press("Enter");
	await page.locator(".row-target .fold-inside").getByText("Nobody boils it").waitFor();
	expect(page.url()).toContain("unfold=1");
	await page.close();
});

test("hits are narrowed by agent and kind, and nothing found says so", async () => {
	const page = await on.signedIn();
	await page.getByRole("link", { name: "Search", exact: false }).first().click();
	await searchUntil(page, "marmaladefish", 2);
	await page.getByRole("main").getByLabel("Agent").selectOption({ label: "Claude Code" });
	await page.waitForFunction(() => document.querySelectorAll("[data-hit]").length === 1);
	await hits(page).getByText("The marmaladefish is done", { exact: false }).waitFor();
	await page.waitForURL((url) => url.hash === "#/search?q=marmaladefish&source=claude-code");
	await page.getByRole("main").getByLabel("Kind").selectOption({ label: "Prompt" });
	await page.getByText("Nothing found for “marmaladefish”.").waitFor();
	await page.reload();
	await page.getByText("Nothing found for “marmaladefish”.").waitFor();
	await page.getByRole("main").getByLabel("Agent").selectOption({ label: "All agents" });
	await page.waitForFunction(() => document.querySelectorAll("[data-hit]").length === 1);
	await page.close();
});

test("what others wrote is marked and does nothing, and many hits come in pages", async () => {
	const { terminal } = on;
	await terminal.open("find-evil");
	let at: string | null = null;
	for (let count = 0; count < 45; count += 1)
		at = await terminal.append(
			"find-evil",
			at,
			user(`<img src=x onerror="window.pwned=1"> \u0007\u001b[31m zebrafinch ${count}`),
		);
	const page = await on.signedIn();
	await page.keyboard.press("/");
	await searchUntil(page, "zebrafinch", 30);
	await page.getByRole("button", { name: "More hits" }).click();
	await page.waitForFunction(() => document.querySelectorAll("[data-hit]").length > 30);
	expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined();
	expect(await page.locator("main img").count()).toBe(0);
	await page.setViewportSize({ width: 390, height: 800 });
	expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
	await page.close();
});

test("no words find nothing and say what there is; a search asked while the backend is away comes through", async () => {
	await on.terminal.open("find-again");
	await on.terminal.append("find-again", null, user("A quokkaword"));
	const page = await on.signedIn();
	await page.keyboard.press("/");
	await searchUntil(page, "quokkaword", 1);
	await field(page).fill("  ");
	await page.getByText("Enter opens the first hit").waitFor();
	expect(await hits(page).count()).toBe(0);
	await on.backend.stop();
	await page
		.getByRole("status", { name: "Connection" })
		.getByText("Reconnecting", { exact: false })
		.waitFor({ state: "attached" });
	await field(page).fill("quokkaword");
	await page.getByText("Searching…").waitFor();
	await on.backend.start();
	await hits(page).first().waitFor();
	await page.close();
});

/** What is open on the page and becomes something else meanwhile: it shows what is stored, not what was. */
import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { assistant, entryPush, text, user } from "./page-backend.ts";
import { setUpPages } from "./page-setup.ts";

const on = setUpPages();

const feed = (page: Page) => page.getByRole("feed", { name: "Transcript" });

test("a session that was removed and brought in again shows what it holds now", async () => {
	const { terminal } = on;
	await terminal.open("again");
	const first = await terminal.append("again", null, user("Old beginning"));
	await terminal.append("again", first, user("Old end"));
	const page = await on.signedIn("again");
	await feed(page).getByText("Old end").waitFor();
	await terminal.remove("again");
	await page.getByRole("heading", { name: "No such session" }).waitFor();
	await terminal.open("again");
	await terminal.append("again", null, user("New beginning"));
	await feed(page).getByText("New beginning").waitFor();
	expect(await feed(page).getByText(/^Old/).count()).toBe(0);
	await page.close();
});

test("the same while the page had no connection", async () => {
	const { terminal } = on;
	await terminal.open("unseen");
	const first = await terminal.append("unseen", null, user("Old beginning"));
	await terminal.append("unseen", first, user("Old end"));
	const page = await on.signedIn("unseen");
	await feed(page).getByText("Old end").waitFor();
	const connection = page.getByRole("status", { name: "Connection" });
	await page.routeWebSocket(/./, (socket) => socket.close());
	await on.backend.stop();
	await connection.getByText("Reconnecting", { exact: false }).waitFor({ state: "attached" });
	await on.backend.start();
	await terminal.remove("unseen");
	await terminal.open("unseen");
	await terminal.append("unseen", null, user("New beginning"));
	await page.unrouteAll();
	await page.routeWebSocket(/./, (socket) => void socket.connectToServer());
	await feed(page).getByText("New beginning").waitFor();
	expect(await feed(page).getByText(/^Old/).count()).toBe(0);
	await page.close();
});

test("a fork whose page was opened before it was there shows what it shares", async () => {
	const { terminal } = on;
	await terminal.open("fork-parent");
	const shared = await terminal.append("fork-parent", null, user("Shared words"));
	const page = await on.signedIn("fork-late");
	await page.getByRole("heading", { name: "No such session" }).waitFor();
	await terminal.open("fork-late", { lineage: { parentSessionId: "fork-parent", forkEntryId: shared } });
	await terminal.append("fork-late", shared, user("Own words"));
	await feed(page).getByText("Own words").waitFor();
	await feed(page).getByRole("article").getByText("Shared words").waitFor();
	await page.close();
});

test("a large message of another agent that is posted again with other content is shown anew", async () => {
	const { terminal } = on;
	const session = { externalId: "big-again", source: "claude-code" };
	const message = (said: string) => ({
		externalId: "m1",
		role: "user" as const,
		textContent: `${said} ${"z".repeat(300_000)}`,
		createdAt: 1000,
	});
	await terminal.pushAgentFile(session, message("First version"));
	const page = await on.signedIn("big-again");
	const whole = feed(page).getByRole("button", { name: /^Show \d+k more characters$/ });
	await whole.waitFor();
	await feed(page).getByText("First version").waitFor();
	await terminal.pushAgentFile(session, message("Second version"));
	await feed(page).getByText("Second version").waitFor();
	await whole.waitFor();
	expect(await feed(page).getByText("First version").count()).toBe(0);
	await page.close();
});

test("messages of another agent that are posted again show it wherever they stand: in view at once, else when they come into view", async () => {
	const { terminal } = on;
	const session = { externalId: "anew", source: "claude-code" };
	const message = (at: number, said: string) => ({
		externalId: `a${at}`,
		role: "user" as const,
		textContent: `${said} number ${at}`,
		createdAt: 1000 + at,
	});
	await terminal.pushAgent(session, ...Array.from({ length: 150 }, (_, at) => message(at, "Message")));
	const page = await on.signedIn("anew");
	const box = page.getByRole("main");
	const shows = (at: number, said: string) =>
		page.locator(`[data-entry=a${at}]`).getByText(`${said} number ${at}`, { exact: true });
	await shows(149, "Message").waitFor();
	await page.goto(`${on.backend.siteUrl()}/#/s/anew?entry=a20`);
	await page.locator(".row-target").waitFor();
	await terminal.pushAgent(session, message(20, "Changed"), message(100, "Changed"));
	await shows(20, "Changed").waitFor();
	// Far below the view it is as it was, until somebody looks.
	expect(await shows(100, "Message").count()).toBe(1);
	await box.evaluate((one) => one.querySelector("[data-entry=a100]")?.scrollIntoView());
	await shows(100, "Changed").waitFor();
	await terminal.pushAgent(session, message(100, "Changed again"));
	await shows(100, "Changed again").waitFor();
	expect(await page.locator("[data-entry]").count()).toBe(150);
	await page.close();
});

test("a session that stands far back on another branch shows that branch, not the newest", async () => {
	const { terminal } = on;
	await terminal.open("far-leaf");
	const right = Array.from({ length: 300 }, (_, at) =>
		entryPush(`right${at}`, at === 0 ? "root" : `right${at - 1}`, user(`Right ${at}`)),
	);
	const rest = [entryPush("root", null, user("Root")), entryPush("left", "root", user("Left tip"))];
	await terminal.appendAll("far-leaf", [...rest, ...right], { leafId: "right299" });
	const page = await on.signedIn("far-leaf");
	await feed(page).getByText("Right 299").waitFor();
	await terminal.moveLeaf("far-leaf", "left");
	await feed(page).getByText("Left tip").waitFor();
	await feed(page).getByText("Root").waitFor();
	expect(
		await feed(page)
			.getByText(/^Right/)
			.count(),
	).toBe(0);
	await page.reload();
	await feed(page).getByText("Left tip").waitFor();
	expect(
		await feed(page)
			.getByText(/^Right/)
			.count(),
	).toBe(0);
	await page.close();
});

test("more entries at once than a subscription shows do not make the page read back to the beginning", async () => {
	const { terminal } = on;
	await terminal.open("rush");
	const line = (from: number, to: number) =>
		Array.from({ length: to - from }, (_, at) =>
			entryPush(`r${from + at}`, from + at === 0 ? null : `r${from + at - 1}`, user(`Line ${from + at}`)),
		);
	await terminal.appendAll("rush", line(0, 400), { leafId: "r399" });
	const page = await on.signedIn("rush");
	await feed(page).getByText("Line 399").waitFor();
	await terminal.appendAll("rush", line(400, 590), { leafId: "r589" });
	await feed(page).getByText("Line 589").waitFor();
	expect(await feed(page).getByText("Line 100", { exact: true }).count()).toBe(0);
	await page.close();
});

test("one message takes neither the page nor a minute, however its marks are laid within each other", async () => {
	const { terminal } = on;
	await terminal.open("deep");
	let at = await terminal.append("deep", null, assistant(text(`Quoted ${"\n"}${"> ".repeat(5000)}deep`)));
	at = await terminal.append("deep", at, assistant(text(`${"1. ".repeat(20_000)}deep`)));
	at = await terminal.append(
		"deep",
		at,
		assistant(text(`<b>\n\`\`\`\n\n${"*a ".repeat(1900)}${" b*".repeat(90)}`)),
	);
	at = await terminal.append("deep", at, assistant(text("**Last** of them")));
	const page = await on.signedIn("deep");
	await feed(page).locator("strong").getByText("Last").waitFor();
	expect(await feed(page).locator("[data-entry]").count()).toBe(4);
	await page.close();
});

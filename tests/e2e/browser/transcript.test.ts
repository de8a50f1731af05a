import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { assistant, entryPush, text, user } from "./page-backend.ts";
import { setUpPages } from "./page-setup.ts";

const on = setUpPages();

const call = (id: string, name: string, args: object): object => ({
	type: "toolCall",
	id,
	name,
	arguments: args,
});
const result = (toolCallId: string, toolName: string, said: string, isError = false) => ({
	message: { role: "toolResult", toolCallId, toolName, content: [text(said)], isError },
});

/** The transcript's rows are wider than the screen nowhere. */
async function fits(page: Page): Promise<boolean> {
	return await page.evaluate(
		() =>
			document.documentElement.scrollWidth <= innerWidth &&
			(document.querySelector("main")?.scrollWidth ?? 0) <=
				(document.querySelector("main")?.clientWidth ?? 0),
	);
}

test("everything that Pi writes has its form, and unknown types are shown raw", async () => {
	const { terminal } = on;
	await terminal.open("forms");
	let at: string | null = null;
	for (const body of [
		{ type: "model_change", provider: "test", modelId: "test-1" },
		user("Do it"),
		assistant(
			{ type: "thinking", thinking: "I should *look*" },
			text("# Plan\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
			call("c1", "bash", { command: "ls -la" }),
		),
		result("c1", "bash", "total 0"),
		{
			message: {
				role: "bashExecution",
				command: "git status",
				output: "clean\n",
				exitCode: 0,
				cancelled: false,
				truncated: false,
			},
		},
		{ type: "custom_message", customType: "reminder", content: "Drink water", display: true },
		{ type: "compaction", summary: "What was **said**", tokensBefore: 12_345, firstKeptEntryId: "e1" },
		{ type: "hologram", payload: { depth: 3 } },
		{
			message: {
				role: "assistant",
				content: [],
				stopReason: "error",
				errorMessage: "The provider is overloaded",
			},
		},
		{
			message: {
				role: "user",
				content: [text("look"), { type: "image", mimeType: "image/png", data: PIXEL }],
			},
		},
	])
		at = await terminal.append("forms", at, body);
	const page = await on.signedIn("forms");
	const feed = page.getByRole("feed", { name: "Transcript" });
	await feed.getByText("Model: test/test-1").waitFor();
	await feed.getByRole("heading", { name: "Plan" }).waitFor();
	await feed.getByRole("cell", { name: "2" }).waitFor();
	await feed.getByText("Drink water").waitFor();
	await feed.getByRole("alert").filter({ hasText: "The provider is overloaded" }).waitFor();
	expect(await feed.getByText("total 0").count()).toBe(0);
	await feed.getByText("ls -la").click();
	await feed.getByText("total 0").waitFor();
	await feed.getByText("I should look", { exact: false }).first().click();
	await feed.getByText("clean").waitFor();
	await feed.getByText("Compacted", { exact: false }).click();
	await feed.getByText("What was said").waitFor();
	await feed.getByText("Entry of type hologram").click();
	await feed.getByText('"depth":3', { exact: false }).waitFor();
	const picture = feed.getByAltText("Attached to the message");
	await picture.scrollIntoViewIfNeeded();
	expect(
		await picture.evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth)),
	).toBe(1);
	await page.close();
});

test("what others wrote is shown and does nothing", async () => {
	const { terminal } = on;
	const evil =
		'<script>window.pwned=1</script><img src=x onerror="window.pwned=2"><a href="javascript:window.pwned=3">click</a>';
	await terminal.open("evil", { projectName: `${evil}\u202e`, machine: "\u001b[31mbox" });
	let at: string | null = null;
	for (const body of [
		user(evil),
		assistant(
			text(
				`${evil}\n\n[run](javascript:window.pwned=4) [data](data:text/html,x) ![pic](http://evil.example/track.png) [ok](https://example.com/x) [^1]\n\n[^1]: note`,
			),
		),
		assistant({ type: "thinking", thinking: evil }, call("x<script>", evil, { command: evil })),
		result("x<script>", evil, `\u001b[31mred\u001b[0m \u001b]0;title\u0007 ${"x".repeat(200_000)}`),
		user("W".repeat(30_000)),
		user("\u202eright to left override, then שלום עולם"),
		{ type: `<b>${evil}`, x: evil },
		{ type: "custom_message", customType: evil, content: evil, display: true },
	])
		at = await terminal.append("evil", at, body);
	await terminal.append("evil", at, { type: "session_info", name: evil });
	const page = await on.signedIn("evil");
	const feed = page.getByRole("feed", { name: "Transcript" });
	await feed.getByText("right to left override", { exact: false }).waitFor();
	for (const fold of await feed.locator("summary").all()) await fold.click();
	await page.getByText("red", { exact: false }).first().waitFor();
	const links = await page
		.locator("main .row a")
		.evaluateAll((all) =>
			all.map((a) => [a.getAttribute("href"), a.getAttribute("rel"), a.getAttribute("target")]),
		);
	expect(links).toEqual([
		["http://evil.example/track.png", "noopener noreferrer nofollow", "_blank"],
		["https://example.com/x", "noopener noreferrer nofollow", "_blank"],
	]);
	expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined();
	expect(await page.locator("main script, main iframe, main img").count()).toBe(0);
	expect((await page.locator("body").textContent())?.includes(ESC)).toBe(false);
	expect(await fits(page)).toBe(true);
	await page.setViewportSize({ width: 390, height: 800 });
	expect(await fits(page)).toBe(true);
	await page.close();
});

test("a fork leads to its parent and the parent to its fork", async () => {
	const { terminal } = on;
	await terminal.open("parent");
	const question = await terminal.append("parent", null, user("Shared question"));
	const answer = await terminal.append("parent", question, assistant(text("Shared answer")));
	await terminal.append("parent", answer, user("Only in the parent"));
	await terminal.open("child", { lineage: { parentSessionId: "parent", forkEntryId: answer } });
	await terminal.append("child", answer, user("Only in the fork"));
	const page = await on.signedIn("child");
	const feed = page.getByRole("feed", { name: "Transcript" });
	await feed.getByText("Only in the fork").waitFor();
	await feed.getByText("Shared question").first().waitFor();
	expect(await feed.getByText("Only in the parent").count()).toBe(0);
	await page
		.getByRole("navigation", { name: "Forks" })
		.getByRole("link", { name: "Shared question" })
		.click();
	await feed.getByText("Only in the parent").waitFor();
	expect(page.url()).toEndWith("#/s/parent");
	await feed.getByText("Forked here:").waitFor();
	await page.getByRole("navigation", { name: "Forks" }).getByRole("link").click();
	await feed.getByText("Only in the fork").waitFor();
	await page.close();
});

test("entries beside the branch can be reached, and a move of the leaf is followed", async () => {
	const { terminal } = on;
	await terminal.open("tree");
	const root = await terminal.append("tree", null, user("Root"));
	const left = await terminal.append("tree", root, user("Left way"));
	const page = await on.signedIn("tree");
	const feed = page.getByRole("feed", { name: "Transcript" });
	await feed.getByText("Left way").waitFor();
	await terminal.append("tree", root, user("Right way"));
	await feed.getByText("Right way").waitFor();
	expect(await feed.getByText("Left way").count()).toBe(0);
	await page.getByLabel("Show 1 entry on other branches").check();
	await feed.getByText("Left way").waitFor();
	await page.getByLabel("Show 1 entry on other branches").uncheck();
	await terminal.moveLeaf("tree", left);
	await feed.getByText("Left way").waitFor();
	expect(await feed.getByText("Right way").count()).toBe(0);
	await page.close();
});

test("a tool's output is shown while it runs, then its result in its place", async () => {
	const { terminal } = on;
	await terminal.open("tools");
	const question = await terminal.append("tools", null, user("Run the tests"));
	await terminal.startStream("tools", "stream-tools-0001");
	await terminal.push(
		"stream-tools-0001",
		["m", "assistant"],
		["t", 0, "Running them."],
		["c", 1, "call1", "bash"],
		["a", 1, '{"command":"npm te'],
	);
	const page = await on.signedIn("tools");
	const main = page.getByRole("main");
	await main.getByText("npm te", { exact: true }).waitFor();
	const end = await terminal.push("stream-tools-0001", ["a", 1, 'st"}'], ["e"]);
	const settles = { streamId: "stream-tools-0001", upTo: end };
	const answer = await terminal.append(
		"tools",
		question,
		assistant(text("Running them."), call("call1", "bash", { command: "npm test" })),
		{ settles },
	);
	await terminal.push(
		"stream-tools-0001",
		["x", "call1", "bash", '{"command":"npm test"}'],
		["o", "call1", 0, "\u001b[32mok 1\u001b[0m\n"],
	);
	const output = main.getByRole("log", { name: "Output of bash" });
	await output.getByText("ok 1").waitFor();
	await terminal.push("stream-tools-0001", ["o", "call1", 14, "ok 2\n"]);
	await output.getByText("ok 2").waitFor();
	await terminal.push("stream-tools-0001", ["d", "call1", 0]);
	await terminal.append("tools", answer, result("call1", "bash", "all well"));
	await terminal.endStream("stream-tools-0001");
	await output.waitFor({ state: "detached" });
	expect(await main.getByText("Running them.").count()).toBe(1);
	await main.getByText("npm test", { exact: true }).click();
	await main.getByText("all well").waitFor();
	await page.close();
});

test("a thought that was opened while it was being thought stays open, at the same place", async () => {
	const { terminal } = on;
	await terminal.open("thought");
	const question = await terminal.append("thought", null, user("Think about it"));
	await terminal.startStream("thought", "stream-thought-01");
	const thought = "First I look at the question from all sides. Then I answer.";
	await terminal.push("stream-thought-01", ["m", "assistant"], ["h", 0, thought], ["t", 1, "Done."]);
	const page = await on.signedIn("thought");
	const main = page.getByRole("main");
	await main.getByText("Thinking", { exact: true }).click();
	await main.locator(".fold-inside").getByText(thought).waitFor();
	const before = (await main.getByText("Done.").boundingBox())?.y;
	const end = await terminal.push("stream-thought-01", ["e"]);
	const settles = { streamId: "stream-thought-01", upTo: end };
	await terminal.append(
		"thought",
		question,
		assistant({ type: "thinking", thinking: thought }, text("Done.")),
		{ settles },
	);
	await page.waitForFunction(() => document.querySelectorAll("[data-entry]").length === 2);
	await main.locator("[data-entry] .fold-inside").getByText(thought).waitFor();
	expect((await main.getByText("Done.").boundingBox())?.y).toBe(before as number);
	await terminal.endStream("stream-thought-01");
	await page.close();
});

test("a long session loads page by page, keeps the place, and follows only a reader at its end", async () => {
	const { terminal } = on;
	await terminal.open("long");
	const entries = Array.from({ length: 600 }, (_, at) =>
		entryPush(
			`l${at}`,
			at === 0 ? null : `l${at - 1}`,
			user(`Line number ${at}. ${"word ".repeat(at % 60)}`),
		),
	);
	await terminal.appendAll("long", entries, { leafId: "l599" });
	const page = await on.signedIn("long");
	const main = page.getByRole("main");
	await main.getByText("Line number 599.").waitFor();
	expect(await page.locator("[data-entry]").count()).toBeLessThan(150);
	const atEnd = () =>
		page.waitForFunction(() => {
			const box = document.querySelector("main") as HTMLElement;
			return box.scrollHeight - box.scrollTop - box.clientHeight < 3;
		});
	await atEnd();
	await main.evaluate((box) => box.scrollTo(0, 0));
	await page.getByRole("button", { name: "Jump to the newest" }).waitFor();
	const first = await page.locator("[data-entry]").first().getAttribute("data-entry");
	const before = (await page.locator(`[data-entry=${first}]`).boundingBox())?.y ?? 0;
	await page.getByRole("button", { name: "Load older" }).click();
	await page.waitForFunction(
		(id) => document.querySelector("[data-entry]")?.getAttribute("data-entry") !== id,
		first,
	);
	await page.waitForFunction(
		() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))),
	);
	const after = (await page.locator(`[data-entry=${first}]`).boundingBox())?.y ?? 0;
	expect(Math.abs(after - before)).toBeLessThan(4);

	const top = await main.evaluate((box) => box.scrollTop);
	await terminal.append("long", "l599", user("Something new at the end"));
	await main.getByText("Something new at the end").waitFor({ state: "attached" });
	expect(Math.abs((await main.evaluate((box) => box.scrollTop)) - top)).toBeLessThan(4);
	await page.getByRole("button", { name: "Jump to the newest" }).click();
	await atEnd();
	await page.getByRole("button", { name: "Jump to the newest" }).waitFor({ state: "detached" });
	await page.close();
});

test("an entry that is too large for a row is fetched when it is looked at", async () => {
	const { terminal } = on;
	await terminal.open("stored");
	const json = JSON.stringify({
		type: "message",
		id: "big1",
		parentId: null,
		timestamp: new Date().toISOString(),
		...user(`Start of it ${"z".repeat(400_000)} end of it`),
	});
	const storageId = await terminal.upload(json);
	const columns = { role: "user", preview: "Start of it" };
	await terminal.appendAll("stored", [
		{
			entryId: "big1",
			parentId: null,
			type: "message",
			timestamp: 1,
			body: { kind: "stored", storageId, bytes: json.length, columns },
		},
	]);
	const page = await on.signedIn("stored");
	const main = page.getByRole("main");
	await main.getByRole("button", { name: /^Show \d+k more characters$/ }).click();
	await main.getByText("end of it", { exact: false }).waitFor();
	await page.close();
});

test("the page says that it watches, and that it has left", async () => {
	const { terminal } = on;
	await terminal.open("watched");
	const page = await on.signedIn("watched");
	await page.getByText("Nothing has been said in this session yet.").waitFor();
	await terminal.until(async () =>
		(await terminal.present("watched")).some((one) => one.kind === "dashboard" && one.watching),
	);
	await page.goto(`${on.backend.siteUrl()}/#/`);
	await terminal.until(async () => (await terminal.present("watched")).length === 0);
	await page.close();
});

test("a session that is not there says so", async () => {
	const page = await on.signedIn("nowhere");
	await page.getByRole("heading", { name: "No such session" }).waitFor();
	await page.close();
});

test("a backend that was away is caught up with", async () => {
	const { terminal } = on;
	await terminal.open("away");
	const first = await terminal.append("away", null, user("Before the restart"));
	const page = await on.signedIn("away");
	const feed = page.getByRole("feed", { name: "Transcript" });
	await feed.getByText("Before the restart").waitFor();
	await on.backend.stop();
	const connection = page.getByRole("status", { name: "Connection" });
	await connection.getByText("Reconnecting", { exact: false }).waitFor({ state: "attached" });
	await on.backend.start();
	await terminal.append("away", first, user("After the restart"));
	await feed.getByText("After the restart").waitFor();
	await feed.getByText("Before the restart").waitFor();
	expect(await connection.textContent()).toBe("");
	await page.close();
}, 60_000);

const ESC = "\u001b";

/** One transparent pixel. */
const PIXEL =
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** Sessions of other agents on the page, pushed as their plugins' posts are. */
import { expect, test } from "bun:test";
import type { AgentMessage } from "../../../src/protocol/agent-entry.ts";
import { text, user } from "./page-backend.ts";
import { setUpPages } from "./page-setup.ts";

const on = setUpPages();

const T = Date.UTC(2026, 10, 21, 9, 0, 0);
const said = (content: string) => ({ type: "text", content });
const say = (externalId: string, role: "user" | "assistant", content: string, at: number): AgentMessage => ({
	externalId,
	role,
	textContent: content,
	parts: [said(content)],
	createdAt: T + at,
});
const call = (toolCallId: string, args: object) => ({
	type: "tool-call",
	content: { toolName: "Bash", toolCallId, args },
});
const result = (toolCallId: string, output: string) => ({
	type: "tool-result",
	content: { toolName: "Bash", toolCallId, output },
});

test("a session of another agent is shown whole, with results in their calls and unknown parts folded", async () => {
	await on.terminal.pushAgent(
		{
			externalId: "claude-1",
			source: "claude-code",
			title: "Sort the imports",
			projectName: "shop",
			projectPath: "/home/dev/shop",
			model: "claude-test",
			durationMs: 12 * 60_000,
		},
		say("m1", "user", "Sort the imports please", 0),
		{
			externalId: "m2",
			role: "assistant",
			createdAt: T + 1000,
			parts: [
				{ type: "thinking", content: "They want order" },
				said("On **it**."),
				call("c1", { command: "ls src" }),
				call("c2", { command: "cat a.ts" }),
				result("c1", "a.ts b.ts"),
				{ type: "hologram", content: { depth: 3 } },
			],
		},
		{ externalId: "m3", role: "tool", createdAt: T + 2000, parts: [result("c2", "import x")] },
		{ externalId: "m4", role: "tool", createdAt: T + 3000, parts: [result("unknown", "a lone result")] },
	);
	const page = await on.signedIn("claude-1");
	const feed = page.getByRole("feed", { name: "Transcript" });
	await feed.getByText("Sort the imports please").waitFor();
	await page.getByRole("main").getByText("Claude Code", { exact: true }).waitFor();
	await page.getByRole("main").getByText("12m").waitFor();
	expect(await feed.locator("[data-entry]").count()).toBe(3);
	await feed.getByText("ls src").click();
	await feed.getByText("a.ts b.ts").waitFor();
	await feed.getByText("cat a.ts").click();
	await feed.getByText("import x").waitFor();
	await feed.getByText("They want order").first().click();
	await feed.getByText("Part of type hologram").click();
	await feed.getByText('"depth": 3', { exact: false }).waitFor();
	await feed.getByText("a lone result").waitFor();
	await feed.locator("strong", { hasText: "it" }).waitFor();
	await page.close();
});

test("messages stand in the order of their times and take new content in place", async () => {
	const session = { externalId: "codex-1", source: "codex-cli", title: "Out of order" };
	await on.terminal.pushAgent(session, say("b", "assistant", "Second thing said", 2000));
	await on.terminal.pushAgent(session, say("a", "user", "First thing said", 1000));
	const page = await on.signedIn("codex-1");
	const rows = page.locator("[data-entry]");
	await page.locator("[data-entry=a]").waitFor();
	const order = () => rows.evaluateAll((all) => all.map((row) => row.getAttribute("data-entry")));
	expect(await order()).toEqual(["a", "b"]);
	await on.terminal.pushAgent(session, say("c", "assistant", "Between the two", 1500));
	await page.locator("[data-entry=c]").waitFor();
	expect(await order()).toEqual(["a", "c", "b"]);
	// One that was loaded with the page, and one that came since.
	await on.terminal.pushAgent(session, say("b", "assistant", "Second thing said, in full", 2000));
	await page.getByText("Second thing said, in full").waitFor();
	await on.terminal.pushAgent(session, say("c", "assistant", "Between, in full", 1500));
	await page.getByText("Between, in full").waitFor();
	expect(await order()).toEqual(["a", "c", "b"]);
	await page.reload();
	await page.getByText("Between, in full").waitFor();
	expect(await order()).toEqual(["a", "c", "b"]);
	await page.close();
});

test("what an agent posts is shown and does nothing", async () => {
	const evil =
		'<script>window.pwned=1</script><img src=x onerror="window.pwned=2"><a href="javascript:window.pwned=3">click</a>';
	const session = { externalId: "evil-1", source: `x"><b>${evil}`, title: evil, projectName: evil };
	await on.terminal.pushAgent(
		session,
		{ externalId: "v1", role: "assistant", parts: [said(`${evil} [run](javascript:window.pwned=4)`)] },
		{
			externalId: "v2",
			role: "user",
			parts: [{ type: evil, content: { evil } }, result("", `\u001b[31m${evil}`)],
		},
		{
			externalId: "v3",
			role: "system",
			parts: [said(evil), { type: "tool-call", content: { name: evil, args: { command: evil } } }],
		},
		{ externalId: "v4", role: "unknown", textContent: evil, parts: [{ type: "reasoning", content: evil }] },
		{ externalId: "v5", role: "assistant" },
	);
	const page = await on.signedIn("evil-1");
	const feed = page.getByRole("feed", { name: "Transcript" });
	await feed.getByText("An empty message.").waitFor();
	for (const fold of await feed.locator("summary").all()) await fold.click();
	await feed.getByText("pwned=3", { exact: false }).first().waitFor();
	expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined();
	expect(await page.locator("main script, main img, main b, nav script, nav img, nav b").count()).toBe(0);
	expect(await page.locator("main .row a").count()).toBe(0);
	await page.setViewportSize({ width: 390, height: 800 });
	expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
	await page.close();
});

test("the list names each agent and can be narrowed to one of those that are there", async () => {
	await on.terminal.open("pi-1", { projectName: "demo" });
	await on.terminal.append("pi-1", null, user("Ask Pi something"));
	await on.terminal.pushAgent(
		{ externalId: "oc-1", title: "From OpenCode", durationMs: 65_000 },
		say("o1", "user", "hello", 0),
	);
	const page = await on.signedIn();
	const list = page.getByRole("navigation", { name: "Sessions" });
	await list.locator("[data-session=oc-1]").getByText("OpenCode", { exact: true }).waitFor();
	await list.locator("[data-session=oc-1]").getByText("1m ·").waitFor();
	await list.locator("[data-session=pi-1]").getByText("Pi", { exact: true }).waitFor();
	const choice = list.getByLabel("Agent");
	const offered = await choice.locator("option").allTextContents();
	expect(offered).toContain("OpenCode");
	expect(offered).not.toContain("Droid");
	await choice.selectOption({ label: "OpenCode" });
	await page.waitForFunction(() => document.querySelectorAll("[data-session]").length === 1);
	await choice.selectOption({ label: "All agents" });
	await list.locator("[data-session=pi-1]").waitFor();
	await page.close();
});

test("a session that a terminal of Pi takes over is shown as it is then", async () => {
	const session = { externalId: "taken", source: "pi", title: "From afar" };
	await on.terminal.pushAgent(
		session,
		say("t1", "user", "Posted before", 0),
		say("t2", "assistant", "As well", 1),
	);
	const page = await on.signedIn("taken");
	await page.getByText("Posted before").waitFor();
	await on.terminal.open("taken");
	await on.terminal.append("taken", null, user("From the session file"));
	const feed = page.getByRole("feed", { name: "Transcript" });
	await feed.getByText("From the session file").waitFor();
	expect(await feed.getByText("Posted before").count()).toBe(0);
	await page.close();
});

test("a link to an entry shows it in the midst of a long session, also when it is drawn in another's row", async () => {
	const { terminal } = on;
	await terminal.open("deep");
	let at: string | null = null;
	for (let count = 0; count < 3; count += 1) at = await terminal.append("deep", at, user(`Early ${count}`));
	const asked = await terminal.append("deep", at, {
		message: {
			role: "assistant",
			content: [
				text("Looking."),
				{ type: "toolCall", id: "deep-1", name: "bash", arguments: { command: "pwd" } },
			],
		},
	});
	const answered = await terminal.append("deep", asked, {
		message: { role: "toolResult", toolCallId: "deep-1", toolName: "bash", content: [text("/the/place")] },
	});
	at = answered;
	for (let count = 0; count < 120; count += 1) at = await terminal.append("deep", at, user(`Later ${count}`));
	const page = await on.signedIn();
	await page.goto(`${on.backend.siteUrl()}/#/s/deep?entry=${answered}&unfold=1`);
	const target = page.locator(".row-target");
	await target.getByText("/the/place").waitFor();
	expect(await target.getAttribute("data-entry")).toBe(asked);
	await page.waitForFunction(() => {
		const box = document.querySelector(".row-target")?.getBoundingClientRect();
		return box !== undefined && box.top >= 0 && box.bottom <= innerHeight;
	});
	await page.getByRole("button", { name: "Jump to the newest" }).waitFor();

	await page.goto(`${on.backend.siteUrl()}/#/s/deep?entry=nowhere`);
	await page.getByText("is not in this session any more").waitFor();
	expect(await target.count()).toBe(0);
	await page.close();
});

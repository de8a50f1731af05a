import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { assistant, text, user } from "./page-backend.ts";
import { setUpPages } from "./page-setup.ts";

const on = setUpPages();

type Frame = { type: string; modifications?: Change[] };
type Change = { type: string; queryId: number; udfPath?: string; args?: [{ sessionId?: string }] };

/** The backend as it is, but that the page's question for one session fails. */
async function failFor(page: Page, sessionId: string): Promise<void> {
	const failing = new Set<number>();
	await page.routeWebSocket(/\/sync$/, (socket) => {
		const server = socket.connectToServer();
		socket.onMessage((said) => {
			const frame = JSON.parse(String(said)) as Frame;
			for (const { type, queryId, udfPath, args } of frame.modifications ?? [])
				if (type === "Add" && udfPath === "sessions:get" && args?.[0].sessionId === sessionId)
					failing.add(queryId);
			server.send(said);
		});
		server.onMessage((said) => {
			const frame = JSON.parse(String(said)) as Frame;
			const modifications = frame.modifications?.map((change) =>
				failing.has(change.queryId) && change.type === "QueryUpdated"
					? {
							...change,
							type: "QueryFailed",
							value: undefined,
							errorMessage: "[Request ID: 1a] Server Error: the disk is full",
						}
					: change,
			);
			socket.send(JSON.stringify(modifications ? { ...frame, modifications } : frame));
		});
	});
}

test("a session that cannot be shown leaves the others within reach", async () => {
	await on.terminal.open("broken");
	await on.terminal.append("broken", null, user("nobody reads this"));
	await on.terminal.open("sound");
	await on.terminal.append("sound", null, assistant(text("All is well here")));
	const page = await on.signedOut();
	await failFor(page, "broken");
	await page.goto("about:blank");
	await page.goto(await on.backend.signInLink());
	await page.locator("[data-session=sound]").click();
	await page.getByText("All is well here").waitFor();
	await page.locator("[data-session=broken]").click();
	await page.getByRole("alert").waitFor();
	expect(await page.getByRole("alert").innerText()).toBe("Server Error: the disk is full");
	const height = async (name: string) => (await page.getByRole("button", { name }).boundingBox())?.height;
	expect(await height("Try again")).toBe(await height("Sign out"));
	await page.goBack();
	await page.getByText("All is well here").waitFor();
	await page.goForward();
	await page.getByRole("alert").filter({ hasText: "the disk is full" }).waitFor();
	await page.locator("[data-session=sound]").click();
	await page.getByText("All is well here").waitFor();
	expect(await page.getByRole("alert").count()).toBe(0);
	await page.close();
});

test("after an outage a page says at once that it watches, not at the next beat", async () => {
	await on.terminal.open("watched");
	await on.terminal.append("watched", null, user("Who is there?"));
	const page = await on.signedOut();
	// The beat that comes by itself never does: only what the connection brings is seen.
	await page.addInitScript(() => {
		const every = window.setInterval;
		window.setInterval = ((told: () => void, ms: number) =>
			ms === 10_000 ? 0 : every(told, ms)) as typeof window.setInterval;
	});
	let sockets = 0;
	const beatOn = new Set<number>();
	page.on("websocket", (socket) => {
		const mine = sockets++;
		socket.on("framesent", ({ payload }) => {
			if (String(payload).includes("presence:beat")) beatOn.add(mine);
		});
	});
	await page.goto("about:blank");
	await page.goto(await on.backend.signInLink());
	await page.locator("[data-session=watched]").click();
	await page.getByText("Who is there?", { exact: true }).last().waitFor();
	await on.terminal.until(async () => beatOn.size > 0);
	beatOn.clear();
	const before = sockets;
	await on.backend.stop();
	await page.getByText("Reconnecting…", { exact: false }).waitFor({ state: "attached" });
	await on.backend.start();
	await on.terminal.until(async () => [...beatOn].some((socket) => socket >= before));
	await page.close();
});

test("who reads a thought with the keyboard stays at it when its entry takes the place of the running answer", async () => {
	const { terminal } = on;
	await terminal.open("focus");
	const question = await terminal.append("focus", null, user("Think"));
	await terminal.startStream("focus", "stream-focus-0001");
	await terminal.push("stream-focus-0001", ["m", "assistant"], ["h", 0, "Let me"]);
	const page = await on.signedIn("focus");
	const live = page.getByRole("region", { name: "Running answer" });
	const summary = live.locator("summary");
	await summary.waitFor();
	await summary.focus();
	await page.keyboard.press("Enter");
	await live.locator("details[open]").waitFor();
	const thought = "Let me see: a thought that is longer than forty characters in all";
	await terminal.push("stream-focus-0001", ["h", 0, thought.slice(6)]);
	await live.getByText(thought).first().waitFor();
	const end = await terminal.push("stream-focus-0001", ["e"]);
	await terminal.append("focus", question, assistant({ type: "thinking", thinking: thought }), {
		settles: { streamId: "stream-focus-0001", upTo: end },
	});
	const row = page.locator("[data-entry]").nth(1);
	await row.locator("details[open]").waitFor();
	expect(await row.locator("summary").evaluate((one) => one === document.activeElement)).toBe(true);
	await terminal.endStream("stream-focus-0001");
	await page.close();
});

test("keys go on scrolling when what had the focus is gone", async () => {
	const { terminal } = on;
	await terminal.open("gone");
	const call = { type: "toolCall", id: "gone-1", name: "bash", arguments: { command: "make" } };
	const asked = await terminal.append("gone", null, assistant(text("I run it"), call));
	await terminal.startStream("gone", "stream-gone-00001");
	await terminal.push("stream-gone-00001", ["x", "gone-1", "bash", "{}"], ["o", "gone-1", 0, "compiling"]);
	const page = await on.signedIn("gone");
	const output = page.getByRole("log", { name: "Output of bash" });
	await output.locator("section").focus();
	await terminal.append("gone", asked, {
		message: { role: "toolResult", toolCallId: "gone-1", toolName: "bash", content: [text("done")] },
	});
	await output.waitFor({ state: "detached" });
	expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("MAIN");
	await terminal.endStream("stream-gone-00001");
	await page.close();
});

test("a call whose turn has not come may still get a result; after the run it has none", async () => {
	const { terminal } = on;
	await terminal.open("turns");
	const call = { type: "toolCall", id: "turn-2", name: "bash", arguments: { command: "make check" } };
	await terminal.append("turns", null, assistant(text("Two things"), call));
	await terminal.startStream("turns", "stream-turns-0001");
	const page = await on.signedIn("turns");
	await page.getByText("no result yet").waitFor();
	await terminal.endStream("stream-turns-0001");
	await page.getByText("no result here").waitFor();
	await page.close();
});

test("on a narrow screen no line that opens is cut off, and what came of a tool can be seen", async () => {
	const { terminal } = on;
	await terminal.open("narrow");
	const name = "mcp__a_server_with_a_long_name__and_a_tool_with_a_longer_one";
	let at = await terminal.append(
		"narrow",
		null,
		assistant(text("- [ ] to do\n- [x] done"), {
			type: "toolCall",
			id: "n1",
			name,
			arguments: { path: "a/b" },
		}),
	);
	at = await terminal.append("narrow", at, {
		message: { role: "toolResult", toolCallId: "n1", toolName: name, content: [text("x")], isError: true },
	});
	await terminal.append("narrow", at, {
		type: "compaction",
		summary: "What was said",
		tokensBefore: 12_345,
		firstKeptEntryId: at,
	});
	const page = await on.signedIn("narrow");
	await page.setViewportSize({ width: 360, height: 740 });
	await page.getByText("12k tokens before", { exact: false }).waitFor();
	const ends = await page
		.locator(".tool-state, .fold-name")
		.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().right));
	expect(ends.length).toBe(3);
	for (const end of ends) expect(end).toBeLessThanOrEqual(360);
	const list = page.getByRole("list").filter({ hasText: "to do" });
	expect(await list.evaluate((one) => getComputedStyle(one).listStyleType)).toBe("none");
	await page.close();
});

test("what is selected in a running answer stays selected while the answer grows", async () => {
	const { terminal } = on;
	await terminal.open("select");
	await terminal.append("select", null, user("Go on"));
	await terminal.startStream("select", "stream-select-001");
	const said = "First *words* of it.\n\nSecond words of it.\n\nThird";
	await terminal.push("stream-select-001", ["m", "assistant"], ["t", 0, said]);
	const page = await on.signedIn("select");
	const live = page.getByRole("region", { name: "Running answer" });
	const first = live.locator("p").first();
	const second = live.locator("p").nth(1);
	const third = live.locator("p").nth(2);
	await third.waitFor();
	const before = await Promise.all([first, second, third].map((one) => one.elementHandle()));
	await second.selectText();
	await terminal.push("stream-select-001", ["t", 0, " words.\n\nFourth words.\n\nFifth"]);
	await live.getByText("Fifth").waitFor();
	await terminal.push("stream-select-001", ["t", 0, " and last"]);
	await live.getByText("Fifth and last").waitFor();
	expect(await page.evaluate(() => getSelection()?.toString().trim())).toBe("Second words of it.");
	for (const one of before) expect(await one?.evaluate((node) => node.isConnected)).toBe(true);
	await terminal.endStream("stream-select-001");
	await page.close();
});

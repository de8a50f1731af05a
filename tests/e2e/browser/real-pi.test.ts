/** The whole way: a real Pi in a terminal, the backend in a process of its own, and the page in a browser. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Page } from "playwright-core";
import { openBrowser } from "../../support/browser.ts";
import { LiveSetup } from "../../support/live-setup.ts";
import type { PiTerminal } from "../../support/pi-terminal.ts";

setDefaultTimeout(120_000);

let live: LiveSetup;
let terminal: PiTerminal;
let browser: Awaited<ReturnType<typeof openBrowser>>;
let page: Page;

beforeAll(async () => {
	live = await LiveSetup.start("0.87.1");
	browser = await openBrowser();
	terminal = await live.terminal();
	page = await browser.context.newPage();
	await page.goto(live.stack.ready.dashboardUrl);
});
afterAll(async () => {
	await browser?.close();
	await live?.tearDown();
});

const running = () => page.getByRole("region", { name: "Running answer" });
const feed = () => page.getByRole("feed", { name: "Transcript" });

test("words that Pi's model says are on the page before the answer is finished", async () => {
	await terminal.submit("what is on the page?");
	const request = await live.model.next();
	await page.getByRole("link", { name: "what is on the page?" }).click();
	await feed().getByText("what is on the page?").waitFor();
	request.thinking("Let me see. ").text("The first ");
	await running().getByText("The first").waitFor();
	request.text("and the **second** word");
	await running().getByText("second", { exact: true }).waitFor();
	expect(await feed().getByText("second", { exact: true }).count()).toBe(0);
	request.finish({ input: 1000, output: 234 });
	await feed().getByText("second", { exact: true }).waitFor();
	await running().waitFor({ state: "detached" });
	await page.getByText("1.2k tokens").first().waitFor();
	expect(await page.getByRole("main").getByText("second", { exact: true }).count()).toBe(1);
});

test("a tool's output grows on the page while the tool runs", async () => {
	await terminal.submit("run a tool");
	const request = await live.model.next();
	request.text("Running it.").tool("bash", { command: "echo alpha; sleep 1; echo omega" }).finish();
	const output = page.getByRole("log", { name: "Output of bash" });
	await output.getByText("alpha").waitFor();
	const answer = await live.model.next();
	answer.text("The tool is done.").finish();
	await feed().getByText("The tool is done.").waitFor();
	await output.waitFor({ state: "detached" });
	await feed().getByText("echo alpha", { exact: false }).click();
	await feed().getByText("omega", { exact: false }).last().waitFor();
});

test("a backend that dies in mid-stream and comes back leaves the page with every entry once", async () => {
	await terminal.submit("survive this");
	const request = await live.model.next();
	request.text("Before the fall. ");
	await running().getByText("Before the fall.").waitFor();
	await live.stack.kill();
	request.text("While it lay. ");
	await live.stack.up();
	request.text("After it rose.");
	request.finish();
	await feed().getByText("Before the fall. While it lay. After it rose.").waitFor({ timeout: 60_000 });
	await running().waitFor({ state: "detached" });
	expect(await page.getByRole("main").getByText("Before the fall.", { exact: false }).count()).toBe(1);
	expect(await feed().getByText("survive this").count()).toBe(1);
});

/** One backend and one browser for a test file, and pages in it that are signed in or out. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import type { Page } from "playwright-core";
import { openBrowser } from "../../support/browser.ts";
import { type PageBackend, startPageBackend, type Terminal } from "./page-backend.ts";

export type Setup = {
	backend: PageBackend;
	terminal: Terminal;
	/** A page that is signed in, at a session or the list; closed after the tests at the latest. */
	signedIn(sessionId?: string): Promise<Page>;
	/** A page without a key. */
	signedOut(): Promise<Page>;
};

/** What a backend that is away or a wrong key make the browser write; everything else is a fault of the page. */
const EXPECTED =
	/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|status of 401|response code: 503/;

/** Call at the top of a test file; the fields are there once the tests run. Any error in a page fails the file. */
export function setUpPages(options: { width?: number; height?: number; dark?: boolean } = {}): Setup {
	// A busy machine may take its time; a test that hangs is told from one that is slow by the page's own deadlines.
	setDefaultTimeout(60_000);
	const setup = {} as Setup;
	const complaints: string[] = [];
	let browser: Awaited<ReturnType<typeof openBrowser>> | undefined;
	beforeAll(async () => {
		setup.backend = await startPageBackend();
		setup.terminal = await setup.backend.terminal();
		const opened = await openBrowser(options);
		browser = opened;
		opened.context.on("weberror", (error) => complaints.push(String(error.error().stack)));
		opened.context.on("console", (message) => {
			if (message.type() === "error" && !EXPECTED.test(message.text())) complaints.push(message.text());
		});
		setup.signedIn = async (sessionId) => {
			const page = await opened.context.newPage();
			await page.goto(await setup.backend.signInLink());
			await page.getByRole("navigation", { name: "Sessions" }).waitFor({ state: "attached" });
			if (sessionId) await page.goto(`${setup.backend.siteUrl()}/#/s/${sessionId}`);
			return page;
		};
		setup.signedOut = async () => {
			const page = await opened.context.newPage();
			// Not on the page itself, which may just be about to store the key that it has found.
			await page.goto(`${setup.backend.siteUrl()}/health`);
			await page.evaluate(() => localStorage.clear());
			await page.goto(setup.backend.siteUrl());
			await page.getByLabel("API key").waitFor();
			return page;
		};
	}, 60_000);
	afterAll(async () => {
		await browser?.close();
		await setup.backend?.close();
		expect(complaints).toEqual([]);
		expect(browser?.outside ?? []).toEqual([]);
	}, 60_000);
	return setup;
}

/** A real Chromium for tests: Debian's package or whatever CHROMIUM_PATH names, with an empty profile each time. */
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const FLAGS = [
	"--headless",
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

export type TestBrowser = { context: BrowserContext; close(): Promise<void> };

/** Opens a browser of its own. Everything it asks for beyond loopback is refused and listed in `outside`. */
export async function openBrowser(
	options: { width?: number; height?: number; dark?: boolean; letters?: number; alias?: string } = {},
): Promise<TestBrowser & { outside: string[] }> {
	const profile = mkdtempSync(join(tmpdir(), "pi-opensync-chromium-"));
	const context = await chromium.launchPersistentContext(profile, {
		executablePath: findChromium(),
		headless: true,
		// The size of letters that a person chose in the settings, in px.
		args: [
			...FLAGS,
			...(options.letters ? [`--blink-settings=defaultFontSize=${options.letters}`] : []),
			// A name of this machine, as another one would use it.
			...(options.alias ? [`--host-resolver-rules=MAP ${options.alias} 127.0.0.1`] : []),
		],
		chromiumSandbox: false,
		viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
		colorScheme: options.dark ? "dark" : "light",
	});
	const outside: string[] = [];
	await context.route(
		(url) =>
			url.hostname !== "127.0.0.1" && url.hostname !== options.alias && url.protocol.startsWith("http"),
		(route) => {
			outside.push(route.request().url());
			return route.abort();
		},
	);
	return {
		context,
		outside,
		async close() {
			await context.close();
			rmSync(profile, { recursive: true, force: true });
		},
	};
}

function findChromium(): string {
	const named = process.env.CHROMIUM_PATH;
	const found = [...(named ? [named] : []), ...CANDIDATES].find(isExecutable);
	if (!found)
		throw new Error("Browser tests need Chromium: `apt-get install chromium`, or name one in CHROMIUM_PATH.");
	return found;
}

function isExecutable(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

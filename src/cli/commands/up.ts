/** `npm start`: the embedded backend with the page, the first key, a sign-in link, and something to look at. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { pathsOf } from "../../config/paths.ts";
import { readRunning } from "../backend-home.ts";
import { openInBrowser } from "../browser.ts";
import { startDemo } from "../demo.ts";
import { ensureTerminalKey } from "../first-key.ts";
import { findSessionFiles } from "../import-files.ts";
import { signInLink, startLocalBackend } from "../local-backend.ts";
import { note, printJson, printLine } from "../output.ts";
import { readPort, untilStopped } from "../process.ts";
import { piCommandLine } from "../project.ts";
import { askYesNo } from "../prompt.ts";
import { importFiles } from "./import.ts";

type UpFlags = {
	port: number;
	sitePort?: number;
	data?: string;
	host: string;
	allowHost: string[];
	open: boolean;
	demo: boolean;
	import: boolean;
	json?: boolean;
};

export function addUpCommand(program: Command): void {
	program
		.command("up")
		.description("start the embedded backend and the page")
		.option("--port <port>", "API port", readPort, 3210)
		.option("--site-port <port>", "port of the page (default: port + 1)", readPort)
		.option("--data <dir>", "data folder (default: pi-opensync in the user's data folder)")
		.option(
			"--host <address>",
			"address to listen on; anything but loopback lets others reach it",
			"127.0.0.1",
		)
		.option(
			"--allow-host <name>",
			"another host name that requests may use; may be repeated",
			(name, all: string[]) => [...all, name],
			[],
		)
		.option("--no-open", "open no browser")
		.option("--no-demo", "start no demo session when there is none")
		.option("--no-import", "do not offer to import sessions")
		.option("--json", "one line of JSON when ready")
		.action(up);
}

async function up(flags: UpFlags): Promise<void> {
	const dataDir = resolve(flags.data ?? pathsOf().dataDir);
	const already = readRunning(dataDir);
	if (already && (await isOurs(already.siteUrl))) return await showRunning(already, dataDir, flags);
	const sitePort = flags.sitePort ?? (flags.port === 0 ? 0 : flags.port + 1);
	const backend = await startLocalBackend({
		dataDir,
		host: flags.host,
		port: flags.port,
		sitePort,
		allowedHosts: flags.allowHost,
	});
	const stopped = untilStopped();
	const demo = new AbortController();
	try {
		const remarks = await ensureTerminalKey(backend);
		const dashboardUrl = await signInLink(backend);
		if (flags.json)
			printJson({ url: backend.url, siteUrl: backend.siteUrl, dashboardUrl, dataDir, pid: process.pid });
		else greet(dashboardUrl, remarks);
		if (flags.open && !flags.json) openInBrowser(dashboardUrl);
		// Whatever goes wrong with the offers, the backend stays.
		offer(flags, demo.signal).catch((error) => note(error instanceof Error ? error.message : String(error)));
		await stopped;
	} finally {
		demo.abort();
		await backend.close();
	}
	if (!flags.json) printLine("Stopped. Your sessions are kept; `npm start` shows them again.");
}

async function isOurs(siteUrl: string): Promise<boolean> {
	try {
		const response = await fetch(`${siteUrl}/health`, { signal: AbortSignal.timeout(3000) });
		return ((await response.json()) as { name?: string }).name === "pi-opensync";
	} catch {
		return false;
	}
}

async function showRunning(
	running: { url: string; siteUrl: string; pid: number },
	dataDir: string,
	flags: UpFlags,
): Promise<void> {
	const dashboardUrl = await signInLink({ url: running.url, siteUrl: running.siteUrl, dataDir });
	if (flags.json)
		return printJson({
			url: running.url,
			siteUrl: running.siteUrl,
			dashboardUrl,
			dataDir,
			pid: running.pid,
			already: true,
		});
	printLine(`A backend runs on this data already (process ${running.pid}).`);
	greet(dashboardUrl, []);
	if (flags.open) openInBrowser(dashboardUrl);
}

function greet(dashboardUrl: string, remarks: readonly string[]): void {
	printLine();
	printLine(`  Page  ${dashboardUrl}`);
	printLine("        (signs you in once, for 15 minutes; `npm run -s opensync -- open` makes another)");
	printLine(`  Pi    ${piCommandLine()}`);
	printLine();
	for (const remark of remarks) printLine(`  ${remark}`);
	printLine("  Ctrl-C ends it; the data stays.");
}

/** Old sessions, or a demo when there are none at all. */
async function offer(flags: UpFlags, stop: AbortSignal): Promise<void> {
	const files = await findSessionFiles([pathsOf().piSessionsDir]);
	if (files.length === 0) {
		if (flags.demo) await startDemo(stop, (line) => (flags.json ? undefined : printLine(`  ${line}`)));
		return;
	}
	if (!flags.import || flags.json) return;
	const count = files.length === 1 ? "1 Pi session" : `${files.length} Pi sessions`;
	if (!process.stdin.isTTY)
		return printLine(`  Found ${count}: \`npm run -s opensync -- import --all\` brings them in.`);
	if (await askYesNo(`  Found ${count}. Import them now?`, stop)) await importFiles(files, { json: false });
}

/** `npm start`: the embedded backend with the page, the first key, a sign-in link, and something to look at. */

import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { ownFetch } from "../../backend/own-machine.ts";
import type { Settings } from "../../config/options.ts";
import { pathsOf } from "../../config/paths.ts";
import { readRunning } from "../backend-home.ts";
import { openInBrowser } from "../browser.ts";
import { connectClient } from "../client.ts";
import { runDemo } from "../demo.ts";
import { ensureTerminalKey } from "../first-key.ts";
import { findSessionFiles, inOrder } from "../import-files.ts";
import { signInLink, startLocalBackend } from "../local-backend.ts";
import { counted, note, printJson, printLine } from "../output.ts";
import { readPort, sitePortOf, untilStopped } from "../process.ts";
import { OWN_COMMAND, piCommandLine, START_COMMAND } from "../project.ts";
import { askYesNo } from "../prompt.ts";
import { listSessions } from "../session-lookup.ts";
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

/** How long a demo or an import under way is given to end when everything ends. */
const OFFER_END_MOST_MS = 4000;

async function up(flags: UpFlags): Promise<void> {
	const dataDir = resolve(flags.data ?? pathsOf().dataDir);
	const already = readRunning(dataDir);
	if (already && (await isOurs(already.siteUrl))) return await showRunning(already, dataDir, flags);
	const backend = await startLocalBackend({
		dataDir,
		host: flags.host,
		port: flags.port,
		sitePort: sitePortOf(flags),
		allowedHosts: flags.allowHost,
	});
	const stopped = untilStopped();
	const end = new AbortController();
	let offered: Promise<void> = Promise.resolve();
	try {
		const { remarks, settings } = await ensureTerminalKey(backend);
		const dashboardUrl = await signInLink(backend);
		if (flags.json)
			printJson({ url: backend.url, siteUrl: backend.siteUrl, dashboardUrl, dataDir, pid: process.pid });
		else {
			greet(dashboardUrl);
			for (const remark of remarks) printLine(`  ${remark}`);
			printLine("  Ctrl-C ends it; the data stays.");
		}
		if (flags.open && !flags.json) openInBrowser(dashboardUrl);
		// Whatever goes wrong with the offers, the backend stays.
		if (settings)
			offered = offer(flags, settings, end.signal).catch((error) => noteFailure(error, end.signal));
		await stopped;
	} finally {
		end.abort();
		await Promise.race([offered, delay(OFFER_END_MOST_MS, undefined, { ref: false })]);
		await backend.close();
	}
	if (!flags.json) printLine(`Stopped. Your sessions are kept; \`${START_COMMAND}\` shows them again.`);
}

async function isOurs(siteUrl: string): Promise<boolean> {
	try {
		const response = await ownFetch(`${siteUrl}/health`, { signal: AbortSignal.timeout(3000) });
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
	greet(dashboardUrl);
	if (flags.open) openInBrowser(dashboardUrl);
}

function greet(dashboardUrl: string): void {
	printLine();
	printLine(`  Page  ${dashboardUrl}`);
	printLine(`        (signs you in once, for 15 minutes; \`${OWN_COMMAND} open\` makes another)`);
	printLine(`  Pi    ${piCommandLine()}`);
	printLine();
}

/** The sessions of this machine's Pi that the backend lacks, or a demo when there are none anywhere. */
async function offer(flags: UpFlags, settings: Settings, stop: AbortSignal): Promise<void> {
	const files = await inOrder(await findSessionFiles([pathsOf().piSessionsDir]));
	const stored = new Set(
		(await listSessions(await connectClient(settings), Number.POSITIVE_INFINITY)).map((one) => one.sessionId),
	);
	if (files.length === 0) {
		const say = (line: string) => (flags.json ? undefined : printLine(`  ${line}`));
		if (flags.demo && stored.size === 0) await runDemo(settings, stop, say);
		return;
	}
	const fresh = files.filter(({ sessionId }) => sessionId !== null && !stored.has(sessionId));
	if (fresh.length === 0 || !flags.import || flags.json) return;
	const count = `${counted(fresh.length, "Pi session")} on this machine`;
	if (!process.stdin.isTTY)
		return printLine(`  Found ${count}: \`${OWN_COMMAND} import --all\` brings them in.`);
	if (!(await askYesNo(`  Found ${count}. Import now?`, stop))) return;
	const paths = fresh.map((info) => info.path);
	await importFiles(paths, { json: false, settings });
}

/** What fails because everything ends is no news. */
function noteFailure(error: unknown, stop: AbortSignal): void {
	if (!stop.aborted) note(error instanceof Error ? error.message : String(error));
}

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { runEngine } from "../../server/engine-main.ts";
import { CliError, note, printJson, printLine, usageError } from "../output.ts";
import { readPort, sitePortOf, startProblem, untilStopped } from "../process.ts";

type EngineFlags = {
	functions: string;
	port: number;
	sitePort?: number;
	data?: string;
	adminKey: string;
	env: string[];
	verbose?: boolean;
	json?: boolean;
};

export function addEngineCommand(program: Command): void {
	program
		.command("engine")
		.description("serve any folder of Convex functions on the embedded engine")
		.requiredOption("--functions <dir>", "folder with the functions")
		.option("--port <port>", "API port", readPort, 3210)
		.option("--site-port <port>", "port of HTTP actions (default: port + 1)", readPort)
		.option("--data <dir>", "folder of the database (default: in memory)")
		.requiredOption("--admin-key <key>", "key that may call internal functions")
		.option(
			"--env <name=value>",
			"environment variable of the functions; may be repeated",
			(value, all: string[]) => [...all, value],
			[],
		)
		.option("--verbose", "print log lines of functions to stderr")
		.option("--json", "one line of JSON when ready")
		.action(serve);
}

async function serve(flags: EngineFlags): Promise<void> {
	const functionsDir = resolve(flags.functions);
	if (!existsSync(functionsDir)) throw new CliError(`There is no folder ${functionsDir}: check --functions.`);
	const env = Object.fromEntries(flags.env.map(readPair));
	// Of `prod:name|secret` the secret counts.
	if (/(?:^|\|)\s*$/.test(flags.adminKey)) throw usageError("--admin-key must not be empty.");
	const sitePort = sitePortOf(flags);
	const dataDir = flags.data === undefined ? null : resolve(flags.data);
	const log = flags.verbose ? note : () => {};
	const server = await runEngine({
		functionsDir,
		dataDir,
		adminKey: flags.adminKey,
		port: flags.port,
		sitePort,
		env,
		log,
	}).catch(startProblem);
	// Before anybody is told that it runs, and may end it.
	const stopped = untilStopped();
	const { url, siteUrl } = server;
	if (flags.json) printJson({ url, siteUrl, dataDir, pid: process.pid });
	else printLine(`Serving ${functionsDir} on ${url}, HTTP actions on ${siteUrl}. Ctrl-C ends it.`);
	await stopped;
	await server.close();
}

function readPair(pair: string): [string, string] {
	const at = pair.indexOf("=");
	if (at < 1) throw usageError(`--env takes NAME=VALUE, not "${pair}".`);
	return [pair.slice(0, at), pair.slice(at + 1)];
}

/** What long-running commands share: ports, signals, and starts that fail. */
import { InvalidArgumentError } from "commander";
import { EngineStartError } from "../engine/types.ts";
import { ServerStartError } from "../server/listeners.ts";
import { CliError, usageError } from "./output.ts";

export function readPort(text: string): number {
	const port = Number(text);
	if (!/^\d+$/.test(text) || port > 65_535)
		throw new InvalidArgumentError("A port is a number from 0 to 65535; 0 takes a free one.");
	return port;
}

/** The port of the site: the next one where none is named. */
export function sitePortOf({ port, sitePort }: { port: number; sitePort?: number }): number {
	if (sitePort !== undefined) return sitePort;
	if (port === 65_535) throw usageError("After port 65535 comes none: name another one with --site-port.");
	return port === 0 ? 0 : port + 1;
}

/** One Ctrl-C may arrive twice, from the terminal and handed on by npm: what comes this soon after is the same one. */
const SAME_SIGNAL_MS = 500;

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; a later second one ends the process at once. */
export async function untilStopped(): Promise<void> {
	await new Promise<void>((resolve) => {
		let askedAt: number | null = null;
		const stop = () => {
			if (askedAt !== null && performance.now() - askedAt > SAME_SIGNAL_MS) process.exit(1);
			askedAt ??= performance.now();
			resolve();
		};
		process.on("SIGINT", stop);
		process.on("SIGTERM", stop);
		process.on("SIGHUP", stop);
	});
}

/** Known failures of a start, as the sentence they carry. */
export function startProblem(error: unknown): never {
	if (error instanceof ServerStartError || error instanceof EngineStartError)
		throw new CliError(error.message);
	throw error;
}

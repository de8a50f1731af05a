/**
 * Which backend a command speaks to, and with what: the local one on a data folder with its admin key, or the
 * one of the settings with an API key.
 */
import { resolve } from "node:path";
import type { Settings } from "../config/options.ts";
import { optionOf, parseValue } from "../config/options.ts";
import { pathsOf } from "../config/paths.ts";
import { loadSettings, saveSettings } from "../config/settings.ts";
import { isLoopback } from "../lib/loopback.ts";
import { readRunning, readSecrets } from "./backend-home.ts";
import { CliError, note, usageError } from "./output.ts";

export type TargetFlags = { url?: string; data?: string; adminKey?: string };

/** With the admin key when one is given, or when a local backend runs on the data folder that the settings mean. */
export type Admin = { url: string; siteUrl: string; adminKey: string };

/** Throws a `CliError` when `--data` names a folder on which nothing runs. */
export function findAdmin(flags: TargetFlags): Admin | null {
	const { settings } = currentSettings(flags);
	const dataDir = resolve(flags.data ?? pathsOf().dataDir);
	const running = readRunning(dataDir);
	if (flags.data !== undefined && !running)
		throw new CliError(
			`No backend runs on the data folder ${dataDir}: start it with \`up --data ${dataDir}\`, or check --data.`,
		);
	if (flags.adminKey) {
		const url = flags.url ?? running?.url ?? settings.convexUrl;
		return { url, siteUrl: running?.url === url ? running.siteUrl : "", adminKey: flags.adminKey };
	}
	const meant =
		flags.data !== undefined ||
		(running && isLoopback(settings.convexUrl) && samePort(settings.convexUrl, running.url));
	if (!running || !meant) return null;
	const secrets = readSecrets(dataDir);
	return secrets && { ...running, adminKey: secrets.adminKey };
}

const samePort = (a: string, b: string) => new URL(a).port === new URL(b).port;

const told = new Set<string>();

/**
 * The settings in force, with `--url` on top; what is wrong with them goes to stderr, once. The site address
 * of the settings belongs to their backend, so another one has its own derived.
 */
export function currentSettings(flags: TargetFlags) {
	const loaded = loadSettings();
	for (const problem of loaded.problems) if (!told.has(problem)) note(problem);
	for (const problem of loaded.problems) told.add(problem);
	if (flags.url === undefined) return loaded;
	const convexUrl = readUrl(flags.url);
	const siteUrl = convexUrl === loaded.settings.convexUrl ? loaded.settings.siteUrl : "";
	return { ...loaded, settings: { ...loaded.settings, convexUrl, siteUrl } };
}

/** Writes what is named to the settings file; a `CliError` when it cannot be. */
export async function writeSettings(patch: Partial<Settings>): Promise<void> {
	try {
		await saveSettings(patch);
	} catch (error) {
		throw new CliError(error instanceof Error ? error.message : String(error));
	}
}

function readUrl(text: string): string {
	const option = optionOf("convexUrl");
	const parsed = option && parseValue(option, text);
	if (parsed?.kind === "ok") return String(parsed.value);
	throw usageError(`--url ${parsed?.why ?? "is not an address"}.`);
}

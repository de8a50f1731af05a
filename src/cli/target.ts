/**
 * Which backend a command speaks to, and with what: the local one on a data folder with its admin key, or the
 * one of the settings with an API key.
 */

import { pathsOf } from "../config/paths.ts";
import { loadSettings } from "../config/settings.ts";
import { isLoopback } from "../lib/loopback.ts";
import { readRunning, readSecrets } from "./backend-home.ts";
import { note } from "./output.ts";

export type TargetFlags = { url?: string; data?: string; adminKey?: string };

/** With the admin key when one is given, or when a local backend runs on the data folder that the settings mean. */
export type Admin = { url: string; siteUrl: string; adminKey: string };

export function findAdmin(flags: TargetFlags): Admin | null {
	const { settings } = currentSettings(flags);
	const dataDir = flags.data ?? pathsOf().dataDir;
	const running = readRunning(dataDir);
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

/** The settings in force, with `--url` on top; what is wrong with them goes to stderr. */
export function currentSettings(flags: TargetFlags) {
	const loaded = loadSettings();
	for (const problem of loaded.problems) note(problem);
	return {
		...loaded,
		settings: flags.url ? { ...loaded.settings, convexUrl: flags.url, siteUrl: "" } : loaded.settings,
	};
}

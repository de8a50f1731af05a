/** The key of this machine's terminals, made at the first start and written to the settings. */
import { hostname } from "node:os";
import { checkBackend } from "../backend/check.ts";
import type { Settings } from "../config/options.ts";
import { pathsOf } from "../config/paths.ts";
import { loadSettings, saveSettings } from "../config/settings.ts";
import { isLoopback } from "../lib/loopback.ts";
import { ALL_SCOPES } from "../protocol/access.ts";
import { callAsAdmin } from "./admin.ts";
import { readSecrets } from "./backend-home.ts";
import { makeKey } from "./keys.ts";
import type { LocalBackend } from "./local-backend.ts";

/**
 * Makes the settings point here with a key that works, unless they point elsewhere on purpose: a backend
 * that is not on this machine, or another local one that answers, is left as it is. Gives remarks to print.
 */
export async function ensureTerminalKey(backend: LocalBackend): Promise<string[]> {
	const { settings, sources, problems } = loadSettings();
	const here = sameAddress(settings.convexUrl, backend.url);
	if (here && (await checkBackend({ ...settings, siteUrl: backend.siteUrl })).kind === "ok") return problems;
	if (!here && sources.convexUrl !== "default" && !(await isDeadLocal(settings))) {
		return [
			...problems,
			`Your settings name another backend (${settings.convexUrl}), and stay so. To use this one: PI_OPENSYNC_CONVEX_URL=${backend.url}`,
		];
	}
	const secrets = readSecrets(backend.dataDir);
	const { key, hash, shown } = makeKey();
	await callAsAdmin(backend.url, secrets?.adminKey ?? "", "apiKeys:addFirst", {
		name: `terminal ${hostname()}`.slice(0, 100),
		hash,
		shown,
		scopes: [...ALL_SCOPES],
	});
	const nextPort = Number(new URL(backend.siteUrl).port) === Number(new URL(backend.url).port) + 1;
	await saveSettings({ convexUrl: backend.url, siteUrl: nextPort ? "" : backend.siteUrl, apiKey: key });
	const remarks = [`Made an API key for this machine; it is in ${pathsOf().configFile}.`];
	const shadowed = (["convexUrl", "apiKey"] as const).filter((name) => sources[name] === "environment");
	if (shadowed.length > 0)
		remarks.push(`An environment variable for ${shadowed.join(" and ")} is set and wins over it.`);
	return [...problems, ...remarks];
}

/** Where nothing of ours answers any more, such as yesterday's other port. */
async function isDeadLocal(settings: Settings): Promise<boolean> {
	return (
		isLoopback(settings.convexUrl) &&
		(await checkBackend({ ...settings, deadlineMs: 2000 })).kind === "unreachable"
	);
}

function sameAddress(a: string, b: string): boolean {
	const [left, right] = [new URL(a), new URL(b)];
	return left.port === right.port && (left.hostname === right.hostname || (isLoopback(a) && isLoopback(b)));
}

/** The key of this machine's terminals, made at the first start and written to the settings. */
import { hostname } from "node:os";
import { checkBackend } from "../backend/check.ts";
import { whatAnswers } from "../backend/opensync-check.ts";
import { siteUrlOf } from "../backend/site-url.ts";
import type { Settings } from "../config/options.ts";
import { pathsOf } from "../config/paths.ts";
import { loadSettings } from "../config/settings.ts";
import { isLoopback } from "../lib/loopback.ts";
import { ALL_SCOPES } from "../protocol/access.ts";
import { callAsAdmin } from "./admin.ts";
import { readSecrets } from "./backend-home.ts";
import { makeKey } from "./keys.ts";
import type { LocalBackend } from "./local-backend.ts";
import { writeSettings } from "./target.ts";

export type TerminalKey = {
	/** To be printed, a sentence each. */
	remarks: string[];
	/** Settings that work with this backend; null when the person's name another one, and stay so. */
	settings: Settings | null;
};

/**
 * Makes the settings point here with a key that works, unless they point elsewhere on purpose: a backend
 * that is not on this machine, another local one that answers, or what the environment names is left as it is.
 * A hosted OpenSync, as pi-opensync-plugin's settings name one, becomes the record beside this backend.
 */
export async function ensureTerminalKey(backend: LocalBackend): Promise<TerminalKey> {
	const { settings, sources, problems } = loadSettings();
	const here = sameAddress(settings.convexUrl, backend.url);
	const works = { ...settings, siteUrl: backend.siteUrl };
	if (here && (await checkBackend(works)).kind === "ok") {
		const named = siteUrlOf(settings.convexUrl, settings.siteUrl);
		if (!named || !sameAddress(named, backend.siteUrl)) await writeSettings({ siteUrl: backend.siteUrl });
		return { remarks: problems, settings: works };
	}
	const fromEnvironment = sources.convexUrl === "environment";
	const record = here || fromEnvironment ? null : await asRecord(settings);
	if (
		!here &&
		!record &&
		(fromEnvironment || (sources.convexUrl === "file" && !(await isDeadLocal(settings))))
	) {
		const remark = fromEnvironment
			? `The environment names another backend (PI_OPENSYNC_CONVEX_URL=${settings.convexUrl}), and stays so.`
			: `Your settings name another backend (${settings.convexUrl}), and stay so. To use this one: PI_OPENSYNC_CONVEX_URL=${backend.url}`;
		return { remarks: [...problems, remark], settings: null };
	}
	const secrets = readSecrets(backend.dataDir);
	const { key, hash, shown } = makeKey();
	await callAsAdmin(backend.url, secrets?.adminKey ?? "", "apiKeys:addFirst", {
		name: `terminal ${hostname()}`.slice(0, 100),
		hash,
		shown,
		scopes: [...ALL_SCOPES],
	});
	const derived = siteUrlOf(backend.url, "") === backend.siteUrl;
	const siteUrl = derived ? "" : backend.siteUrl;
	await writeSettings({ convexUrl: backend.url, siteUrl, apiKey: key, ...record });
	const remarks = [`Made an API key for this machine; it is in ${pathsOf().configFile}.`];
	if (record)
		remarks.push(
			`Pi's sessions go on being recorded at ${record.openSyncUrl} (openSyncUrl), besides this backend.`,
		);
	const shadowed = (["convexUrl", "apiKey"] as const).filter((name) => sources[name] === "environment");
	if (shadowed.length > 0)
		remarks.push(`An environment variable for ${shadowed.join(" and ")} is set and wins over it.`);
	const now = { ...works, ...record, convexUrl: backend.url, apiKey: key };
	return { remarks: [...problems, ...remarks], settings: now };
}

/** The settings of a hosted OpenSync as the second destination; null when the first one is none, or the second is taken. */
async function asRecord(settings: Settings): Promise<Pick<Settings, "openSyncUrl" | "openSyncKey"> | null> {
	if (settings.openSyncUrl !== "" || settings.apiKey === "") return null;
	const { convexUrl, siteUrl, apiKey } = settings;
	const found = await whatAnswers({ convexUrl, siteUrl: siteUrl || null, deadlineMs: 2000 });
	return found.kind === "openSync" ? { openSyncUrl: found.siteUrl, openSyncKey: apiKey } : null;
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

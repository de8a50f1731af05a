/**
 * Finds out whether an address is a hosted OpenSync, and whether it takes a key. Its `/health` alone proves
 * nothing, for many servers answer `{"status":"ok"}` there: its way of asking for a key decides. No key is
 * shown to anything before that.
 */
import { BACKEND_NAME } from "../protocol/version.ts";
import { createOpenSyncClient } from "./opensync-client.ts";
import { ownFetch } from "./own-machine.ts";
import { openSyncSite, siteUrlOf } from "./site-url.ts";
import type { Fetch } from "./token-exchange.ts";

export type Answering =
	/** A backend of pi-opensync. */
	| { kind: "ours" }
	| { kind: "openSync"; siteUrl: string }
	/** Something else, or nothing. `isReached`: something answered. */
	| { kind: "unknown"; isReached: boolean };

type Where = { convexUrl: string; siteUrl?: string | null; fetch?: Fetch; deadlineMs?: number };

/** Who answers at the address of a backend: at its site, or where that is nothing of the kind at the address itself. Never rejects. */
export async function whatAnswers({
	convexUrl,
	siteUrl,
	fetch = ownFetch,
	deadlineMs = 5_000,
}: Where): Promise<Answering> {
	const places = [...new Set([siteUrlOf(convexUrl, siteUrl), siteUrl ? null : openSyncSite(convexUrl)])];
	let isReached = false;
	for (const place of places) {
		if (place === null) continue;
		const health = await ask(fetch, `${place}/health`, deadlineMs);
		isReached ||= health !== null;
		if (health?.body?.name === BACKEND_NAME) return { kind: "ours" };
		if (health?.status !== 200 || health.body?.status !== "ok") continue;
		const list = await ask(fetch, `${place}/sync/sessions/list`, deadlineMs);
		if (list?.status === 401 && typeof list.body?.error === "string")
			return { kind: "openSync", siteUrl: place };
	}
	return { kind: "unknown", isReached };
}

export type OpenSyncCheck = { kind: "ok"; siteUrl: string; host: string } | { kind: "bad"; message: string };

/** Whether a hosted OpenSync is there and takes the key. Never rejects. @param url as a person set it. */
export async function checkOpenSync(options: {
	url: string;
	apiKey: string;
	version: string;
	fetch?: Fetch;
	deadlineMs?: number;
}): Promise<OpenSyncCheck> {
	const { url, apiKey, deadlineMs = 5_000 } = options;
	const siteUrl = openSyncSite(url);
	if (siteUrl === null) return { kind: "bad", message: `"${url}" is no address of an OpenSync.` };
	const host = new URL(siteUrl).host;
	if (apiKey === "")
		return {
			kind: "bad",
			message: `No key for the OpenSync at ${host}: make one on its settings page and set openSyncKey.`,
		};
	const found = await whatAnswers({ ...options, convexUrl: siteUrl, siteUrl, deadlineMs });
	if (found.kind === "ours")
		return {
			kind: "bad",
			message: `${host} is a backend of pi-opensync: set it as the backend (convexUrl), not as a hosted OpenSync.`,
		};
	if (found.kind === "unknown")
		return {
			kind: "bad",
			message: found.isReached
				? `What answers at ${host} is not OpenSync: check the address.`
				: `The OpenSync at ${host} does not answer.`,
		};
	const outcome = await createOpenSyncClient({ ...options, siteUrl, deadlineMs }).check();
	return outcome.kind === "ok" ? { kind: "ok", siteUrl, host } : { kind: "bad", message: outcome.reason };
}

type Answer = { status: number; body: Record<string, unknown> | null };

/** Null when nothing answers. */
async function ask(fetch: Fetch, url: string, deadlineMs: number): Promise<Answer | null> {
	try {
		const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(deadlineMs) });
		const body: unknown = await response.json().catch(() => null);
		return { status: response.status, body: body as Record<string, unknown> | null };
	} catch {
		// Whatever the reason, nothing is known of what is there.
		return null;
	}
}

import { BACKEND_NAME, PROTOCOL_VERSION } from "../../../protocol/version.ts";
import { apiOf, originOf, siteCandidates } from "./address.ts";

export type BackendAddress = { siteUrl: string; apiUrl: string };
export type FoundBackend = { kind: "found"; address: BackendAddress } | { kind: "failed"; reason: string };

const DEADLINE_MS = 10_000;

type Health = { name?: unknown; version?: unknown; convexUrl?: unknown };

/**
 * Asks the address for `/health` and so learns both addresses of the backend. Never rejects; `reason` is
 * one sentence for a person.
 */
export async function findBackend(text: string, fetching: typeof fetch = fetch): Promise<FoundBackend> {
	const origin = originOf(text);
	if (!origin)
		return {
			kind: "failed",
			reason: `"${text}" is not a web address: give one such as http://127.0.0.1:3211.`,
		};
	let reason = "";
	for (const siteUrl of siteCandidates(origin)) {
		const health = await askHealth(siteUrl, fetching);
		if (health.kind === "ours") {
			if (typeof health.version === "number" && health.version !== PROTOCOL_VERSION)
				return { kind: "failed", reason: versionReason(origin, health.version) };
			return { kind: "found", address: { siteUrl, apiUrl: apiOf(siteUrl, health.convexUrl) } };
		}
		if (reason === "" || health.kind === "other") reason = healthReason(health.kind, origin);
	}
	return { kind: "failed", reason };
}

async function askHealth(
	siteUrl: string,
	fetching: typeof fetch,
): Promise<{ kind: "ours"; version: unknown; convexUrl: unknown } | { kind: "other" } | { kind: "silent" }> {
	try {
		const response = await fetching(`${siteUrl}/health`, { signal: AbortSignal.timeout(DEADLINE_MS) });
		const health = (await response.json().catch(() => null)) as Health | null;
		if (health?.name !== BACKEND_NAME) return { kind: "other" };
		return { kind: "ours", version: health.version, convexUrl: health.convexUrl };
	} catch {
		// No answer, or one that the browser may not read: the caller says so.
		return { kind: "silent" };
	}
}

function healthReason(kind: "other" | "silent", origin: string): string {
	if (kind === "other") return `What answers at ${origin} is not a pi-opensync backend: check the address.`;
	return `Nothing answers at ${origin}: start the backend with \`pi-opensync up\`, or check the address.`;
}

function versionReason(origin: string, version: unknown): string {
	return `The backend at ${origin} speaks version ${String(version)} of the protocol and this page version ${PROTOCOL_VERSION}: bring the older one up to date.`;
}

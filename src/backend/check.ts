/** Asks a backend who it is and whether it takes a key: for settings, `status` and `doctor`. */
import { ALL_SCOPES, KEY_PREFIX, type Scope } from "../protocol/access.ts";
import { BACKEND_NAME, PROTOCOL_VERSION } from "../protocol/version.ts";
import { ownFetch } from "./own-machine.ts";
import { siteUrlOf } from "./site-url.ts";
import { causeOf, exchangeKey, type Fetch } from "./token-exchange.ts";

export type BackendCheck =
	| {
			kind: "ok";
			name: string;
			version: number;
			features: string[];
			userName: string;
			scopes: Scope[];
			siteUrl: string;
	  }
	/** `message` is one sentence for a person: what is wrong and what to do. */
	| {
			kind:
				| "badUrl"
				| "unreachable"
				| "notOurs"
				| "versionMismatch"
				| "noKey"
				| "wrongKey"
				| "revoked"
				| "noScope";
			message: string;
	  };

export type CheckOptions = {
	convexUrl: string;
	/** Default: derived from `convexUrl`. */
	siteUrl?: string | null;
	apiKey: string;
	/** Scopes that the key must have. Default: write, which pushing needs. */
	needed?: readonly Scope[];
	fetch?: Fetch;
	/** For each of the two questions. Default 5 s. */
	deadlineMs?: number;
};

/** Never rejects. */
export async function checkBackend(options: CheckOptions): Promise<BackendCheck> {
	const { convexUrl, apiKey, needed = ["write"], fetch = ownFetch, deadlineMs = 5000 } = options;
	const siteUrl = siteUrlOf(convexUrl, options.siteUrl);
	if (!siteUrl)
		return {
			kind: "badUrl",
			message: `"${options.siteUrl || convexUrl}" is no address: it must look like http://127.0.0.1:3210.`,
		};
	const health = await askHealth(fetch, siteUrl, deadlineMs);
	if (health.kind !== "ours") return health;
	if (health.version !== PROTOCOL_VERSION) {
		const who = health.version > PROTOCOL_VERSION ? "this installation" : "the backend";
		return {
			kind: "versionMismatch",
			message: `The backend speaks protocol ${health.version} and this installation ${PROTOCOL_VERSION}: update ${who}.`,
		};
	}
	if (apiKey.trim() === "")
		return {
			kind: "noKey",
			message: "No API key is set: make one with `pi-opensync keys create` and put it into the settings.",
		};
	if (!apiKey.trim().startsWith(KEY_PREFIX)) {
		return {
			kind: "wrongKey",
			message: `This is not an API key of pi-opensync: one begins with ${KEY_PREFIX}.`,
		};
	}
	const exchanged = await exchangeKey(fetch, siteUrl, apiKey, deadlineMs);
	if (exchanged.kind === "refused") {
		return exchanged.revoked
			? {
					kind: "revoked",
					message: "The API key was revoked: make a new one with `pi-opensync keys create`.",
				}
			: {
					kind: "wrongKey",
					message:
						"The backend does not take this API key (unknown there, or revoked): check it, or make a new one with `pi-opensync keys create`.",
				};
	}
	if (exchanged.kind !== "token") return exchanged;
	const { userName, scopes } = exchanged;
	const lacking = needed.filter((scope) => !scopes.includes(scope) && ALL_SCOPES.includes(scope));
	if (lacking.length > 0) {
		return {
			kind: "noScope",
			message: `The API key lacks the scope ${lacking.join(" and ")}: use a key that has it.`,
		};
	}
	const { name, version, features } = health;
	return { kind: "ok", name, version, features, userName, scopes, siteUrl };
}

type Health =
	| { kind: "ours"; name: string; version: number; features: string[] }
	| Extract<BackendCheck, { message: string }>;

async function askHealth(fetch: Fetch, siteUrl: string, deadlineMs: number): Promise<Health> {
	try {
		const response = await fetch(`${siteUrl}/health`, { signal: AbortSignal.timeout(deadlineMs) });
		const body = (await response.json().catch(() => null)) as Record<string, unknown> | null;
		if (body?.name !== BACKEND_NAME || typeof body.version !== "number") {
			return {
				kind: "notOurs",
				message: `What answers at ${siteUrl} is not pi-opensync: check the address.`,
			};
		}
		const features = Array.isArray(body.features)
			? body.features.filter((one) => typeof one === "string")
			: [];
		return { kind: "ours", name: body.name, version: body.version, features };
	} catch (error) {
		return {
			kind: "unreachable",
			message: `No backend answers at ${siteUrl} (${causeOf(error)}): start it with \`pi-opensync up\`, or check the address.`,
		};
	}
}

/** The two HTTP calls of signing in. Neither rejects; a `reason` is one sentence for a person. */
import { KEY_PREFIX } from "../../../protocol/access.ts";

export type TokenAnswer =
	| { kind: "token"; token: string }
	/** The backend knows the key and says no, or does not know it: asking again is no use. */
	| { kind: "refused"; reason: string }
	| { kind: "unreachable"; reason: string };

export type CodeAnswer =
	| { kind: "key"; key: string }
	| { kind: "refused"; reason: string }
	| { kind: "unreachable"; reason: string };

const DEADLINE_MS = 15_000;

/** Exchanges a key for a short-lived token. */
export async function requestToken(
	siteUrl: string,
	key: string,
	fetching: typeof fetch = fetch,
): Promise<TokenAnswer> {
	if (!/^[\x21-\x7e]+$/.test(key) || !key.startsWith(KEY_PREFIX)) {
		return { kind: "refused", reason: `This is not an API key: keys begin with ${KEY_PREFIX}.` };
	}
	const answer = await post(`${siteUrl}/auth/token`, { authorization: `Bearer ${key}` }, undefined, fetching);
	if (answer.kind === "unreachable") return answer;
	if (typeof answer.body.token === "string") return { kind: "token", token: answer.body.token };
	if (answer.status === 401 || answer.status === 403) {
		return {
			kind: "refused",
			reason: said(answer.body) ?? "This key is wrong or was revoked: enter another one.",
		};
	}
	return {
		kind: "unreachable",
		reason: said(answer.body) ?? `The backend answered with status ${answer.status}.`,
	};
}

/** Exchanges the one-time code of a sign-in link for a key of this browser. */
export async function redeemCode(
	siteUrl: string,
	code: string,
	fetching: typeof fetch = fetch,
): Promise<CodeAnswer> {
	const body = JSON.stringify({ code });
	const answer = await post(`${siteUrl}/auth/code`, { "content-type": "application/json" }, body, fetching);
	if (answer.kind === "unreachable") return answer;
	if (typeof answer.body.key === "string") return { kind: "key", key: answer.body.key };
	if (answer.status >= 400 && answer.status < 500) {
		const known =
			"This sign-in link was used already or is too old: ask for a new one with `pi-opensync open`, or enter an API key.";
		return { kind: "refused", reason: known };
	}
	return {
		kind: "unreachable",
		reason: said(answer.body) ?? `The backend answered with status ${answer.status}.`,
	};
}

type Answer =
	| { kind: "answered"; status: number; body: { [name: string]: unknown } }
	| { kind: "unreachable"; reason: string };

async function post(
	url: string,
	headers: Record<string, string>,
	body: string | undefined,
	fetching: typeof fetch,
): Promise<Answer> {
	try {
		const signal = AbortSignal.timeout(DEADLINE_MS);
		const response = await fetching(url, { method: "POST", headers, body: body ?? null, signal });
		const json: unknown = await response.json().catch(() => null);
		const fields = typeof json === "object" && json !== null ? (json as { [name: string]: unknown }) : {};
		return { kind: "answered", status: response.status, body: fields };
	} catch {
		return {
			kind: "unreachable",
			reason: "The backend does not answer: check that it runs, then try again.",
		};
	}
}

/** The sentence of a refusal, whether the body carries it plain or as a refusal. */
function said(body: { [name: string]: unknown }): string | null {
	const { error, message } = body;
	if (typeof message === "string") return message;
	if (typeof error === "string") return error;
	const inner = typeof error === "object" && error !== null ? (error as { message?: unknown }).message : null;
	return typeof inner === "string" ? inner : null;
}

/** An API key for a short-lived token, at `<site>/auth/token`. */
import { firstLine, plainLine } from "../lib/plain-text.ts";
import type { Scope } from "../protocol/access.ts";

export type Exchanged =
	| { kind: "token"; token: string; expiresAt: number; scopes: Scope[]; userName: string }
	/** The key was refused. `revoked`: it was good once. */
	| { kind: "refused"; revoked: boolean; message: string }
	/** Nothing that knows such tokens answers there. */
	| { kind: "notOurs"; message: string }
	| { kind: "unreachable"; message: string };

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** The same until `end` aborts: then what is under way is given up, so that it keeps no process waiting. */
export const endable =
	(fetch: Fetch, end: AbortSignal): Fetch =>
	(url, init) =>
		fetch(url, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, end]) : end });

/** Never rejects. @param deadlineMs for the whole exchange. */
export async function exchangeKey(
	fetch: Fetch,
	siteUrl: string,
	apiKey: string,
	deadlineMs: number,
): Promise<Exchanged> {
	let response: Response;
	let body: Record<string, unknown>;
	try {
		response = await fetch(`${siteUrl}/auth/token`, {
			method: "POST",
			headers: { Authorization: `Bearer ${headerSafe(apiKey)}` },
			signal: AbortSignal.timeout(deadlineMs),
		});
		body = ((await response.json().catch(() => null)) as Record<string, unknown> | null) ?? {};
	} catch (error) {
		return { kind: "unreachable", message: `No backend answers at ${siteUrl} (${causeOf(error)}).` };
	}
	const said = typeof body.error === "string" ? saidLine(body.error) : null;
	if (response.ok && typeof body.token === "string" && typeof body.expiresAt === "number") {
		return {
			kind: "token",
			token: body.token,
			expiresAt: body.expiresAt,
			scopes: Array.isArray(body.scopes) ? (body.scopes as Scope[]) : [],
			userName: typeof body.userName === "string" ? saidLine(body.userName) : "",
		};
	}
	if (response.status === 401 || response.status === 403) {
		const revoked = body.code === "key_revoked" || /\bwas revoked\b/i.test(said ?? "");
		return { kind: "refused", revoked, message: said ?? "The backend does not accept this API key." };
	}
	if (response.status === 404)
		return { kind: "notOurs", message: `What answers at ${siteUrl} is not pi-opensync.` };
	return {
		kind: "unreachable",
		message: said ?? `The backend at ${siteUrl} answered with status ${response.status}.`,
	};
}

/** What a server says, as it may be shown to a person: on a line, and without codes for the terminal. */
export const saidLine = (text: string): string => firstLine(plainLine(text), 300);

/** A key with characters that no header may carry is sent without them, and so refused rather than a crash. */
const headerSafe = (key: string): string => key.trim().replace(/[^\x21-\x7e]/g, "?");

/** The few words of a network error that a person can use. */
export function causeOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	if (error.name === "TimeoutError" || error.name === "AbortError") return "no answer in time";
	const cause = error.cause as { code?: unknown } | undefined;
	const code = (error as { code?: unknown }).code ?? cause?.code;
	return typeof code === "string" ? code : error.message;
}

/**
 * Posts to a hosted OpenSync, one request at a time, and tells apart what it answers: done, try again,
 * never, or not here. It answers mistakes of the caller with status 500 and refusals with status 200, so
 * the body decides. Its `/health` knows no keys: only a call that needs one tells whether it is taken.
 */
import { type Json, parsedObject } from "../lib/json.ts";
import { plainLine } from "../lib/plain-text.ts";
import type { OpenSyncMessage, OpenSyncSession } from "../protocol/opensync.ts";
import type { PostOutcome, RecordDestination, Recorded } from "../sync/ports.ts";
import { retryAfterMs } from "./http-answer.ts";
import { ownFetch } from "./own-machine.ts";
import { causeOf, type Fetch } from "./token-exchange.ts";

export type OpenSyncClientOptions = {
	/** Where it answers, as `openSyncSite` gives it. */
	siteUrl: string;
	apiKey: string;
	/** Of this program, for its name in requests. */
	version: string;
	fetch?: Fetch;
	/** For one request with its answer. Default 15 s. */
	deadlineMs?: number;
};

const DEADLINE_MS = 15_000;
/** Sessions that are looked through for one, first and at most: OpenSync can be asked for the newest ones alone. */
const FIRST_LIMIT = 1_000;
const MOST_LIMIT = 64_000;

/** `body` is null when there was none that is a JSON object. */
type Answer = { kind: "answer"; status: number; body: Json | null; retryAfterMs: number | null };
type Asked = Answer | { kind: "lost"; reason: string };

export function createOpenSyncClient(options: OpenSyncClientOptions): RecordDestination {
	const { siteUrl } = options;
	const host = new URL(siteUrl).host;
	const ask = (path: string, body?: unknown): Promise<Asked> => request(options, host, path, body);
	return {
		url: siteUrl,
		postSession: async (session: OpenSyncSession) =>
			judge(host, await ask("/sync/session", session), isPosted),
		postMessage: async (message: OpenSyncMessage) =>
			judge(host, await ask("/sync/message", message), isPosted),
		check: async () =>
			judge(host, await ask("/sync/sessions/list"), (body) => Array.isArray(body.sessionIds)),
		recorded: (sessionId) => recordedOf(ask, sessionId),
	};
}

async function recordedOf(ask: (path: string) => Promise<Asked>, sessionId: string): Promise<Recorded> {
	const ids = listIn(await ask("/sync/sessions/list"), "sessionIds");
	if (!ids) return { kind: "unknown" };
	if (!ids.includes(sessionId)) return { kind: "absent" };
	const id = await listedId(ask, sessionId);
	if (id === null) return { kind: "unknown" };
	const messages = listIn(await ask(`/api/sessions/get?id=${encodeURIComponent(id)}`), "messages") as
		| Json[]
		| null;
	if (!messages) return { kind: "unknown" };
	return {
		kind: "held",
		messages: messages.flatMap(({ externalId, createdAt }) =>
			typeof externalId === "string" && typeof createdAt === "number" ? [{ externalId, createdAt }] : [],
		),
	};
}

/** OpenSync's own id of a session; null when it cannot be found out. */
async function listedId(ask: (path: string) => Promise<Asked>, sessionId: string): Promise<string | null> {
	for (let limit = FIRST_LIMIT; limit <= MOST_LIMIT; limit *= 4) {
		const sessions = listIn(await ask(`/api/sessions?limit=${limit}`), "sessions") as Json[] | null;
		const id = sessions?.find((one) => one?.externalId === sessionId)?.id;
		if (typeof id === "string") return id;
		if (!sessions || sessions.length < limit) return null;
	}
	return null;
}

function listIn(asked: Asked, name: string): unknown[] | null {
	const list = asked.kind === "answer" && asked.status === 200 ? asked.body?.[name] : null;
	return Array.isArray(list) ? list : null;
}

const isPosted = (body: Json): boolean => body.ok === true;

async function request(
	{ siteUrl, apiKey, version, fetch = ownFetch, deadlineMs = DEADLINE_MS }: OpenSyncClientOptions,
	host: string,
	path: string,
	body: unknown,
): Promise<Asked> {
	try {
		const response = await fetch(`${siteUrl}${path}`, {
			method: body === undefined ? "GET" : "POST",
			headers: {
				Authorization: `Bearer ${headerSafe(apiKey)}`,
				"User-Agent": `pi-opensync/${version}`,
				...(body === undefined ? {} : { "Content-Type": "application/json" }),
			},
			...(body === undefined ? {} : { body: JSON.stringify(body) }),
			// A key is for the address that was set, not for wherever that sends us.
			redirect: "manual",
			signal: AbortSignal.timeout(deadlineMs),
		});
		return {
			kind: "answer",
			status: response.status,
			body: parsedObject(await response.text()),
			retryAfterMs: retryAfterMs(response.headers.get("Retry-After")),
		};
	} catch (error) {
		return { kind: "lost", reason: `${host} does not answer (${causeOf(error)}).` };
	}
}

/** @param isDone whether a body of status 200 says that it was done. */
function judge(host: string, asked: Asked, isDone: (body: Json) => boolean): PostOutcome {
	if (asked.kind === "lost")
		return { kind: "retry", reason: asked.reason, afterMs: null, isServerError: false };
	const { status, body, retryAfterMs: afterMs } = asked;
	const said = saidIn(body);
	if (status === 200) {
		const errors = Array.isArray(body?.errors) ? body.errors : [];
		if (errors.length > 0) return { kind: "refused", reason: clipped(String(errors[0])) };
		if (body && isDone(body)) return { kind: "ok" };
		// A page of something in between, such as a hotel's network.
		return again(`${host} gave an answer that is not OpenSync's.`, afterMs);
	}
	if (status === 401 || status === 403)
		return {
			kind: "closed",
			why: "signedOut",
			reason: `${host} does not take this API key${said && `: ${said}`}.`,
		};
	if (status === 404 || status === 405 || (status >= 300 && status < 400))
		return {
			kind: "closed",
			why: "notOpenSync",
			reason: `What answers at ${host} is not OpenSync: check the address.`,
		};
	if (status === 408 || status === 425 || status === 429) {
		const reason =
			status === 429 ? `${host} asks for fewer requests.` : `${host} answered with status ${status}.`;
		return { kind: "retry", reason, afterMs, isServerError: false };
	}
	if (status >= 400 && status < 500) return { kind: "refused", reason: said || `status ${status}` };
	if (status >= 500 && isOurMistake(said)) return { kind: "refused", reason: said };
	return again(`${host} answered with status ${status}${said && `: ${said}`}.`, afterMs);
}

const again = (reason: string, afterMs: number | null): PostOutcome => ({
	kind: "retry",
	reason,
	afterMs,
	// One that names a time is ill for everything.
	isServerError: afterMs === null,
});

/** OpenSync answers 500 when Convex's validators, parser or limits refuse what was sent. */
const isOurMistake = (said: string): boolean =>
	/ArgumentValidationError|does not match validator|missing the required field|extra field|^SyntaxError|Value is too large|too (large|long|nested|deeply nested|many fields)|Field name|not a valid Convex value|maximum size/i.test(
		said,
	);

function saidIn(body: Json | null): string {
	return typeof body?.error === "string" ? clipped(body.error) : "";
}

/** One line, as long as a person reads. */
const clipped = (text: string): string =>
	plainLine(text).replace(/\s+/g, " ").trim().slice(0, 200).replace(/\.$/, "");

/** A key with characters that no header may carry is sent without them, and so refused rather than a crash. */
const headerSafe = (key: string): string => key.trim().replace(/[^\x21-\x7e]/g, "?");

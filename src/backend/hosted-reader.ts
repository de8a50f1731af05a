/**
 * Reads all of a user's sessions from a hosted OpenSync, through its own API.
 *
 * Guarantees: what is answered is looked at before it is believed; a request that fails in passing (no
 * answer, 5xx, 429) is tried again with back-off, or after the time that the answer asks for; a key that is
 * not taken, and an address at which no OpenSync is, end it at once; one that leaves several requests in a
 * row unanswered, all attempts of each, counts as gone. OpenSync's list has no cursor: it is asked for more
 * until it gives no more; a server that gives cursors, as our own does, is followed.
 */

import { backoffMs } from "../lib/backoff.ts";
import { type Clock, holdingClock } from "../lib/clock.ts";
import { isObject, type Json, parsedObject } from "../lib/json.ts";
import { plainLine } from "../lib/plain-text.ts";
import { retryAfterMs } from "./http-answer.ts";
import { ownFetch } from "./own-machine.ts";
import { causeOf, type Fetch } from "./token-exchange.ts";

/** `fatal`: nothing else would work either. `message` is one sentence for a person. */
export class HostedError extends Error {
	readonly fatal: boolean;
	constructor(message: string, fatal: boolean) {
		super(message);
		this.name = "HostedError";
		this.fatal = fatal;
	}
}

/** As listed; what else OpenSync tells of it is in `told`. */
export type HostedSession = { id: string; externalId: string; updatedAt: number; told: Json };
export type HostedWhole = { session: Json; messages: Json[] };

export type HostedReaderOptions = {
	/** Where it answers, without a slash at the end. */
	siteUrl: string;
	apiKey: string;
	/** Of this program, for its name in requests. */
	version: string;
	fetch?: Fetch;
	clock?: Clock;
	/** For one request with its answer. Default 60 s, for a session comes whole. */
	deadlineMs?: number;
	/** How often a request is tried in all. Default 6. */
	attempts?: number;
};

export type HostedReader = {
	/** Rejects with a `HostedError`. `lacking`: so many more are there than it will list. */
	list(): Promise<{ sessions: HostedSession[]; lacking: number }>;
	/** @param id OpenSync's own. Rejects with a `HostedError`. */
	read(id: string): Promise<HostedWhole>;
};

const FIRST_LIMIT = 1_000;
/** More than Convex reads for one query. */
const MOST_LIMIT = 64_000;

/** Requests in a row that nobody answered. */
const GONE_AFTER = 3;

export function createHostedReader(options: HostedReaderOptions): HostedReader {
	let unanswered = 0;
	const ask = async (path: string): Promise<Json> => {
		const answer = await asked(options, path);
		unanswered = answer.kind === "again" && answer.isAway ? unanswered + 1 : 0;
		if (answer.kind === "ok") return answer.body;
		throw new HostedError(answer.reason, unanswered >= GONE_AFTER);
	};
	return {
		async list() {
			const ids = await ask("/sync/sessions/list");
			if (!Array.isArray(ids.sessionIds)) throw notOpenSync(options);
			const sessions = await listAll(options, ask);
			return { sessions, lacking: Math.max(0, ids.sessionIds.length - sessions.length) };
		},
		async read(id) {
			const path = `/api/sessions/get?id=${encodeURIComponent(id)}`;
			const whole = await ask(path);
			if (!isObject(whole.session) || !Array.isArray(whole.messages)) throw notOpenSync(options);
			const messages = [...whole.messages];
			for await (const page of pagesAfter(whole, path, ask)) messages.push(...listIn(page.messages));
			return { session: whole.session, messages: messages.filter(isObject) };
		},
	};
}

type Ask = (path: string) => Promise<Json>;

async function listAll(options: HostedReaderOptions, ask: Ask): Promise<HostedSession[]> {
	const found = new Map<string, HostedSession>();
	for (let limit = FIRST_LIMIT; ; limit *= 2) {
		const path = `/api/sessions?limit=${limit}`;
		const answer = await ask(path).catch((error: unknown) => {
			// A list that is too long for it fails; what came before stands.
			if (found.size === 0 || (error instanceof HostedError && error.fatal)) throw error;
			return null;
		});
		if (answer === null) break;
		if (!Array.isArray(answer.sessions)) throw notOpenSync(options);
		const before = found.size;
		for (const session of answer.sessions.flatMap(listedSession)) found.set(session.id, session);
		if (typeof answer.nextCursor === "string") {
			for await (const page of pagesAfter(answer, path, ask))
				for (const session of listIn(page.sessions).flatMap(listedSession)) found.set(session.id, session);
			break;
		}
		if (answer.sessions.length < limit || found.size === before || limit >= MOST_LIMIT) break;
	}
	return [...found.values()];
}

/** Servers that know more than OpenSync does give long answers in pages. */
async function* pagesAfter(first: Json, path: string, ask: Ask): AsyncGenerator<Json> {
	const seen = new Set<string>();
	let cursor = first.nextCursor;
	while (typeof cursor === "string" && !seen.has(cursor)) {
		seen.add(cursor);
		const page = await ask(`${path}&cursor=${encodeURIComponent(cursor)}`);
		yield page;
		cursor = page.nextCursor;
	}
}

function listedSession(value: unknown): HostedSession[] {
	if (!isObject(value)) return [];
	const { id, externalId, updatedAt } = value;
	if (typeof id !== "string" || typeof externalId !== "string" || externalId === "") return [];
	return [{ id, externalId, updatedAt: typeof updatedAt === "number" ? updatedAt : 0, told: value }];
}

const hostOf = ({ siteUrl }: HostedReaderOptions): string => new URL(siteUrl).host;

const notOpenSync = (options: HostedReaderOptions): HostedError =>
	new HostedError(`What answers at ${hostOf(options)} is not OpenSync: check the address.`, true);

/** `isAway`: nobody answered at all. To be asked again after so many ms, null for as long as back-off says. */
type Failed = { kind: "again"; reason: string; isAway: boolean; afterMs: number | null };
type Answered = { kind: "ok"; body: Json } | Failed;

/** The last answer of all attempts. */
async function asked(options: HostedReaderOptions, path: string): Promise<Answered> {
	const { clock = holdingClock, attempts = 6 } = options;
	for (let attempt = 0; ; attempt += 1) {
		const answer = await once(options, path);
		if (answer.kind === "ok" || attempt + 1 >= attempts) return answer;
		const wait = Math.min(MOST_WAIT_MS, Math.max(backoffMs(attempt), answer.afterMs ?? 0));
		await new Promise<void>((resolve) => clock.after(wait, resolve));
	}
}

/** No server may hold us longer. */
const MOST_WAIT_MS = 60_000;

async function once(options: HostedReaderOptions, path: string): Promise<Answered> {
	const { siteUrl, apiKey, version, fetch = ownFetch, deadlineMs = 60_000 } = options;
	const host = hostOf(options);
	let response: Response;
	let body: string;
	try {
		response = await fetch(`${siteUrl}${path}`, {
			headers: {
				Authorization: `Bearer ${apiKey.trim().replace(/[^\x21-\x7e]/g, "?")}`,
				"User-Agent": `pi-opensync/${version}`,
			},
			// A key is for the address that was set, not for wherever that sends us.
			redirect: "manual",
			signal: AbortSignal.timeout(deadlineMs),
		});
		body = await response.text();
	} catch (error) {
		const reason = `${host} does not answer (${causeOf(error)}).`;
		return { kind: "again", reason, isAway: true, afterMs: null };
	}
	const { status } = response;
	const value = parsedObject(body);
	const said = typeof value?.error === "string" ? `: ${plainLine(value.error).slice(0, 200)}` : "";
	if (status === 200)
		return value ? { kind: "ok", body: value } : again(`${host} gave an answer that is not OpenSync's.`);
	if (status === 401 || status === 403)
		throw new HostedError(`${host} does not take this API key${said}.`, true);
	if (status === 429 || status === 408 || status >= 500)
		return again(
			`${host} answered with status ${status}${said}.`,
			retryAfterMs(response.headers.get("Retry-After")),
		);
	if (status === 404 && value === null) throw notOpenSync(options);
	if (status >= 300 && status < 400) throw notOpenSync(options);
	throw new HostedError(`${host} answered with status ${status}${said}.`, false);
}

const again = (reason: string, afterMs: number | null = null): Failed => ({
	kind: "again",
	reason,
	isAway: false,
	afterMs,
});

const listIn = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

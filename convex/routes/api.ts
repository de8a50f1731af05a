/**
 * The frame of every route that takes an API key: preflights, key, scope, rate limit, body, and errors as
 * OpenSync's clients read them, `{"error": "one sentence"}`.
 *
 * Guarantees: no input is answered with 500; a handler runs only for a key that may. What is thrown without
 * being a refusal is a fault of ours: logged, and answered with 503, so that a client tries again later.
 */
import type { HttpRouter } from "convex/server";
import type { Scope } from "../../src/protocol/access.ts";
import { asRefusal, type RefusalCode } from "../../src/protocol/errors.ts";
import { internal } from "../_generated/api.js";
import type { Id } from "../_generated/dataModel.js";
import { type ActionCtx, httpAction } from "../_generated/server.js";
import type { Limit } from "../httpCalls.ts";
import { sha256Hex } from "../model/secrets.ts";

export const CORS: Readonly<Record<string, string>> = {
	"Access-Control-Allow-Origin": "*",
	"Access-Control-Allow-Methods": "GET, POST, OPTIONS",
	"Access-Control-Allow-Headers": "Authorization, Content-Type",
	"Access-Control-Expose-Headers": "Retry-After, Content-Disposition",
	"Access-Control-Max-Age": "86400",
};

/** Longest body of a request, in bytes. */
export const BODY_MAX_BYTES = 8 * 1024 * 1024;
const RETRY_AFTER_FAULT_S = 5;

export type ApiRoute = { path: string; method: "GET" | "POST"; scope: Scope; limit: Limit };

export type ApiCall = {
	userId: Id<"users">;
	/** Of the address. */
	params: URLSearchParams;
	/** Parsed JSON, its strings well-formed; undefined for GET. */
	body: unknown;
};

/** Ends a handler with this status and sentence. */
export class Refused extends Error {
	readonly status: number;

	constructor(status: 400 | 404 | 409 | 413, sentence: string) {
		super(sentence);
		this.name = "Refused";
		this.status = status;
	}
}

/** A JSON answer. */
export function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
	return new Response(JSON.stringify(body), {
		status,
		headers: { "Content-Type": "application/json", "Cache-Control": "no-store", ...CORS, ...headers },
	});
}

/** Adds a route and, once for its path, the preflight. `handler` gives the answer, or the body of a 200. */
export function apiRoute(
	http: HttpRouter,
	{ path, method, scope, limit }: ApiRoute,
	handler: (ctx: ActionCtx, call: ApiCall) => Promise<Response | Record<string, unknown>>,
): void {
	addPreflight(http, path);
	http.route({
		path,
		method,
		handler: httpAction(async (ctx, request) => {
			try {
				const userId = await admitted(ctx, request, scope, limit);
				if (userId instanceof Response) return userId;
				const params = new URL(request.url).searchParams;
				const body = method === "GET" ? undefined : await jsonBody(request);
				const given = await handler(ctx, { userId, params, body });
				return given instanceof Response ? given : answer(200, given);
			} catch (error) {
				return failure(error, path);
			}
		}),
	});
}

/** Answers a browser's question whether it may call `path`. Asking twice for a path is fine. */
export function addPreflight(http: HttpRouter, path: string): void {
	if (http.lookup(path, "OPTIONS")) return;
	http.route({
		path,
		method: "OPTIONS",
		handler: httpAction(async () => new Response(null, { status: 204, headers: CORS })),
	});
}

async function admitted(
	ctx: ActionCtx,
	request: Request,
	scope: Scope,
	limit: Limit,
): Promise<Id<"users"> | Response> {
	const header = request.headers.get("Authorization");
	if (header === null || header.trim() === "") {
		return answer(401, { error: "Missing Authorization header: send an API key as `Bearer osk_…`." });
	}
	const key = /^Bearer\s+(osk_\S+)\s*$/i.exec(header)?.[1];
	if (!key) return answer(401, { error: "Invalid Authorization header: send an API key as `Bearer osk_…`." });
	const found = await ctx.runMutation(internal.httpCalls.admit, { hash: await sha256Hex(key), scope, limit });
	switch (found.kind) {
		case "admitted":
			return found.userId;
		case "unknown":
			return answer(401, { error: "Invalid API key: it is unknown here." });
		case "revoked":
			return answer(401, { error: "Invalid API key: it was revoked." });
		case "scopeMissing":
			return answer(403, { error: `This API key has no scope "${found.scope}".` });
		case "tooOften": {
			const seconds = Math.max(1, Math.ceil((found.retryAt - Date.now()) / 1000));
			return answer(
				429,
				{ error: `Too many calls with this key: try again in ${seconds} s.` },
				{ "Retry-After": String(seconds) },
			);
		}
	}
}

const STATUS: Partial<Record<RefusalCode, number>> = {
	signed_out: 401,
	key_revoked: 401,
	scope_missing: 403,
	session_unknown: 404,
	too_large: 413,
	entry_conflict: 409,
};

function failure(error: unknown, path: string): Response {
	if (error instanceof Refused) return answer(error.status, { error: error.message });
	const refusal = asRefusal(error);
	if (refusal) return answer(STATUS[refusal.code] ?? 400, { error: refusal.message });
	console.error(`${path}:`, error);
	return answer(
		503,
		{ error: "The backend could not do this now: try again." },
		{ "Retry-After": String(RETRY_AFTER_FAULT_S) },
	);
}

async function jsonBody(request: Request): Promise<unknown> {
	const tooLarge = () => new Refused(413, `The body may have ${BODY_MAX_BYTES} bytes at most.`);
	if (Number(request.headers.get("Content-Length") ?? 0) > BODY_MAX_BYTES) throw tooLarge();
	const bytes = await bodyBytes(request);
	if (bytes.byteLength > BODY_MAX_BYTES) throw tooLarge();
	const text = new TextDecoder().decode(bytes);
	const value = parsed(text);
	// Decoded UTF-8 has no lone surrogates; only escapes make them.
	return ESCAPED_SURROGATE.test(text) ? wellFormed(value) : value;
}

const ESCAPED_SURROGATE = /\\u[dD][89a-fA-F]/;
/** Deeper than anybody posts; what reads messages goes down by recursion. */
const DEPTH_MAX = 200;

async function bodyBytes(request: Request): Promise<ArrayBuffer> {
	try {
		return await request.arrayBuffer();
	} catch {
		throw new Refused(400, "The body could not be read.");
	}
}

function parsed(text: string): unknown {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		throw new Refused(400, "The body is no JSON.");
	}
	if (isDeeper(value, DEPTH_MAX))
		throw new Refused(400, `The body is nested more than ${DEPTH_MAX} levels deep.`);
	return value;
}

function isDeeper(value: unknown, levels: number): boolean {
	if (typeof value !== "object" || value === null) return false;
	return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}

function wellFormed(value: unknown): unknown {
	if (typeof value === "string") return value.toWellFormed();
	if (Array.isArray(value)) return value.map(wellFormed);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([name, one]) => [name.toWellFormed(), wellFormed(one)]),
	);
}

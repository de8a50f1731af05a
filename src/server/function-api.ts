/** `/api/query`, `/api/mutation`, `/api/action` and their relatives. A function's own failure is HTTP 200. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller, Engine, Outcome } from "../engine/types.ts";
import type { Callers } from "./callers.ts";
import { canonicalPath, outcomeJson, VALUE_FORMATS, type ValueFormat } from "./outcomes.ts";
import { HttpError, readBody, sendJson } from "./replies.ts";
import { decodeTs, encodeTs } from "./timestamps.ts";

const BODY_BYTES = 20 * 1024 * 1024;

type Call = { path: string; argsJson: string; format: ValueFormat };
type Body = Record<string, unknown>;

/** Answers when `url` is one of its routes; false when it is not. */
export async function functionApi(
	engine: Engine,
	callers: Callers,
	request: IncomingMessage,
	response: ServerResponse,
	url: URL,
): Promise<boolean> {
	const route = url.pathname.slice("/api/".length);
	const read = request.method === "GET" && route === "query";
	if (request.method !== "POST" && !read) return false;
	if (!/^(query|mutation|action|function|query_ts|query_at_ts|query_batch|run\/.+)$/.test(route))
		return false;
	const caller = await callers.ofRequest(request, url);
	const body = read ? fromQuery(url) : await jsonBody(request, route !== "query_ts");
	const reply = (outcome: Outcome, format: ValueFormat) =>
		sendJson(response, 200, outcomeJson(outcome, format));
	if (route === "query_ts") sendJson(response, 200, JSON.stringify({ ts: encodeTs(engine.latestTs()) }));
	else if (route === "query_batch") sendJson(response, 200, await queryBatch(engine, caller, body));
	else if (route.startsWith("run/")) {
		const call = readCall({ format: "json", ...body, path: runPath(route.slice(4)) });
		reply(await runPublic(engine, caller, call), call.format);
	} else {
		const call = readCall(body);
		reply(await runRoute(engine, caller, route, call, body), call.format);
	}
	return true;
}

async function runRoute(
	engine: Engine,
	caller: Caller,
	route: string,
	call: Call,
	body: Body,
): Promise<Outcome> {
	if (route === "mutation") return await engine.mutation(call.path, call.argsJson, caller);
	if (route === "action") return await engine.action(call.path, call.argsJson, caller);
	if (route === "query") return await engine.query(call.path, call.argsJson, caller);
	if (route === "query_at_ts")
		return await engine.query(call.path, call.argsJson, caller, readTs(body.ts, engine.latestTs()));
	if (!caller.admin)
		throw new HttpError(403, "AdminKeyRequired", "This call needs the deployment's admin key.");
	return await engine.run(call.path, call.argsJson, caller);
}

/** `/api/run`: any kind, but for those without the admin key only what is public. */
async function runPublic(engine: Engine, caller: Caller, call: Call): Promise<Outcome> {
	const kind = engine.functions.get(call.path)?.kind;
	if (caller.admin) return await engine.run(call.path, call.argsJson, caller);
	if (kind === "mutation") return await engine.mutation(call.path, call.argsJson, caller);
	if (kind === "action") return await engine.action(call.path, call.argsJson, caller);
	return await engine.query(call.path, call.argsJson, caller);
}

async function queryBatch(engine: Engine, caller: Caller, body: Body): Promise<string> {
	if (!Array.isArray(body.queries)) throw new HttpError(400, "BadJsonBody", "`queries` must be an array.");
	const calls = body.queries.map((query) => readCall(query as Body));
	const outcomes = await engine.queryBatch(calls, caller);
	return `{"results":[${outcomes.map((outcome, at) => outcomeJson(outcome, calls[at]?.format ?? "convex_encoded_json")).join(",")}]}`;
}

function readCall(body: Body): Call {
	const { path, args, format } = body ?? {};
	if (typeof path !== "string" || path === "")
		throw new HttpError(400, "BadJsonBody", "`path` must name a function, such as `module:name`.");
	const object = Array.isArray(args) ? args[0] : (args ?? {});
	if (
		typeof object !== "object" ||
		object === null ||
		Array.isArray(object) ||
		(Array.isArray(args) && args.length > 1)
	) {
		throw new HttpError(400, "BadJsonBody", "`args` must be an object, or an array with one object.");
	}
	const known =
		format === undefined || format === null
			? "convex_encoded_json"
			: VALUE_FORMATS.find((one) => one === format);
	if (!known) throw new HttpError(400, "BadFormat", `\`format\` must be one of ${VALUE_FORMATS.join(", ")}.`);
	return { path: canonicalPath(path), argsJson: JSON.stringify([object]), format: known };
}

/** `mod/path/fn` as `/api/run` spells it. */
function runPath(route: string): string {
	const path = decoded(route);
	if (path.includes(":")) return path;
	const at = path.lastIndexOf("/");
	return at < 0 ? `${path}:default` : `${path.slice(0, at)}:${path.slice(at + 1)}`;
}

function decoded(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		throw new HttpError(400, "BadRequest", "The address of the request is not valid.");
	}
}

function fromQuery(url: URL): Body {
	const args = url.searchParams.get("args");
	return {
		path: url.searchParams.get("path") ?? "",
		args: args === null ? {} : parse(args),
		format: url.searchParams.get("format") ?? undefined,
	};
}

async function jsonBody(request: IncomingMessage, needed: boolean): Promise<Body> {
	const text = (await readBody(request, BODY_BYTES)).toString("utf8");
	if (text === "" && !needed) return {};
	const value = parse(text);
	if (typeof value !== "object" || value === null || Array.isArray(value)) {
		if (!needed) return {};
		throw new HttpError(400, "BadJsonBody", "The body must be a JSON object.");
	}
	return value as Body;
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		throw new HttpError(400, "BadJsonBody", "The body is not valid JSON.");
	}
}

function readTs(value: unknown, latest: bigint): bigint {
	const ts = typeof value === "string" ? decodeTs(value) : null;
	if (ts === null || ts > latest)
		throw new HttpError(400, "BadJsonBody", "`ts` must be a timestamp from /api/query_ts.");
	return ts;
}

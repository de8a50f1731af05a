/** The site: HTTP actions of the app first, then the files of the page. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Engine } from "../engine/types.ts";
import type { Callers } from "./callers.ts";
import { HttpError, readBody, sendFailure, sendText } from "./replies.ts";

const BODY_BYTES = 20 * 1024 * 1024;
const NO_ROUTE = "No matching routes found";

/**
 * Runs the HTTP action for `path`. False when the app has none for it, so that something else may answer.
 * `path` is what follows `/http` on the API port, and the whole path on the site port.
 */
export async function serveHttpAction(
	engine: Engine,
	callers: Callers,
	request: IncomingMessage,
	response: ServerResponse,
	path: string,
	orElse: "answer404" | "leave",
): Promise<boolean> {
	const answer = await engine.httpAction(
		await toFetchRequest(request, path),
		await callers.ofAction(request),
	);
	const none = answer === null || (answer.status === 404 && answer.headers.get("x-convex-no-route") === "1");
	if (none && orElse === "leave") return false;
	if (answer === null) sendText(response, 404, "This Convex deployment does not have HTTP actions enabled.");
	else if (none) sendText(response, 404, NO_ROUTE);
	else await sendFetchResponse(answer, response, request.method === "HEAD");
	return true;
}

async function toFetchRequest(request: IncomingMessage, path: string): Promise<Request> {
	const method = request.method ?? "GET";
	const proto = request.headers["x-forwarded-proto"] === "https" ? "https" : "http";
	const headers = new Headers();
	for (const [name, value] of Object.entries(request.headers)) {
		if (value !== undefined)
			for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
	}
	const bodiless = method === "GET" || method === "HEAD" || method === "OPTIONS";
	const body = bodiless ? null : await readBody(request, BODY_BYTES);
	try {
		return new Request(`${proto}://${request.headers.host ?? "localhost"}${path}`, {
			method,
			headers,
			...(body ? { body: new Uint8Array(body) } : {}),
		});
	} catch {
		throw new HttpError(400, "BadRequest", "The request's method, address or headers are not valid.");
	}
}

async function sendFetchResponse(
	answer: Response,
	response: ServerResponse,
	headOnly: boolean,
): Promise<void> {
	const headers: Record<string, string | string[]> = {};
	answer.headers.forEach((value, name) => {
		headers[name] = value;
	});
	const cookies = answer.headers.getSetCookie?.() ?? [];
	if (cookies.length > 0) headers["set-cookie"] = cookies;
	response.writeHead(answer.status, headers);
	if (headOnly || !answer.body) {
		await answer.body?.cancel();
		response.end();
		return;
	}
	const reader = answer.body.getReader();
	for (let part = await reader.read(); !part.done; part = await reader.read()) {
		if (response.destroyed) return void (await reader.cancel());
		if (!response.write(part.value)) await Promise.race([once(response, "drain"), once(response, "close")]);
	}
	response.end();
}

/** Runs a route and answers whatever it throws. */
export function guarded(
	response: ServerResponse,
	log: (line: string) => void,
	run: () => Promise<void>,
): void {
	run().catch((error) => sendFailure(response, error, log));
}

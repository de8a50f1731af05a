/** Reading bodies and writing replies. No reply carries a stack trace. */
import type { IncomingMessage, ServerResponse } from "node:http";

/** A reply that is known to be one: thrown inside a route, sent by `sendFailure`. */
export class HttpError extends Error {
	readonly status: number;
	readonly code: string;
	constructor(status: number, code: string, message: string) {
		super(message);
		this.name = "HttpError";
		this.status = status;
		this.code = code;
	}
}

export function sendJson(
	response: ServerResponse,
	status: number,
	text: string,
	headers: Record<string, string> = {},
): void {
	const body = Buffer.from(text, "utf8");
	response.writeHead(status, {
		"Content-Type": "application/json",
		"Content-Length": String(body.length),
		...headers,
	});
	response.end(body);
}

export function sendText(
	response: ServerResponse,
	status: number,
	text: string,
	headers: Record<string, string> = {},
): void {
	response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", ...headers });
	response.end(text);
}

export function sendFailure(response: ServerResponse, error: unknown, log: (line: string) => void): void {
	// Who left in the middle of a request is no failure of ours, and hears no answer.
	if (response.destroyed) return;
	if (!(error instanceof HttpError))
		log(`request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
	const known =
		error instanceof HttpError
			? error
			: new HttpError(500, "InternalServerError", "Your request couldn't be completed. Try again later.");
	if (response.headersSent) {
		response.destroy();
		return;
	}
	// What is left of a body that was too long is not read.
	if (known.status === 413) response.setHeader("Connection", "close");
	sendJson(response, known.status, JSON.stringify({ code: known.code, message: known.message }));
}

/** The whole body; `HttpError` 413 when it is longer than `limitBytes`. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
	const announced = Number(request.headers["content-length"] ?? 0);
	const tooLong = new HttpError(
		413,
		"PayloadTooLarge",
		`The request body may have ${limitBytes} bytes at most.`,
	);
	if (announced > limitBytes) throw tooLong;
	const parts: Buffer[] = [];
	let length = 0;
	for await (const part of request as AsyncIterable<Buffer>) {
		length += part.length;
		if (length > limitBytes) throw tooLong;
		parts.push(part);
	}
	return Buffer.concat(parts);
}

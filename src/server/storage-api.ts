/** `/api/storage`: uploads with a token, downloads by uuid with ranges. Content is never shown as a page of ours. */
import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Engine, StoredFile } from "../engine/types.ts";
import { HttpError, sendJson } from "./replies.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Answers when `url` is one of its routes; false when it is not. */
export async function storageApi(
	engine: Engine,
	request: IncomingMessage,
	response: ServerResponse,
	url: URL,
): Promise<boolean> {
	if (!url.pathname.startsWith("/api/storage/")) return false;
	const name = url.pathname.slice("/api/storage/".length);
	if (name === "upload" && request.method === "POST") await upload(engine, request, response, url);
	else if (request.method === "GET" || request.method === "HEAD")
		await download(engine, request, response, name);
	else return false;
	return true;
}

async function upload(
	engine: Engine,
	request: IncomingMessage,
	response: ServerResponse,
	url: URL,
): Promise<void> {
	const checked = engine.files.checkUploadToken(url.searchParams.get("token") ?? "");
	if (checked.kind === "expired")
		throw new HttpError(401, "StorageTokenExpired", "The upload URL has expired. Generate a new one.");
	if (checked.kind === "invalid")
		throw new HttpError(401, "StorageTokenInvalid", "The upload URL is not valid.");
	const digest = /sha-256=([A-Za-z0-9+/]+=*)/i.exec(String(request.headers.digest ?? ""))?.[1] ?? null;
	const body = Readable.toWeb(request) as unknown as ReadableStream<Uint8Array>;
	const stored = await engine.files.store(body, {
		contentType: request.headers["content-type"] ?? null,
		sha256Base64: digest,
	});
	if (stored.kind === "digestMismatch")
		throw new HttpError(400, "BadDigest", "The content does not match its Digest header.");
	sendJson(response, 200, JSON.stringify({ storageId: stored.storageId }));
}

async function download(
	engine: Engine,
	request: IncomingMessage,
	response: ServerResponse,
	name: string,
): Promise<void> {
	if (!UUID.test(name)) throw new HttpError(400, "InvalidStoragePath", "A stored file is named by its uuid.");
	const file = await engine.files.byUuid(name.toLowerCase());
	if (!file) throw new HttpError(404, "FileNotFound", "There is no such file.");
	const range = readRange(request.headers.range, file.sizeBytes);
	if (range === "invalid") {
		response.writeHead(416, { "Content-Range": `bytes */${file.sizeBytes}` }).end();
		return;
	}
	const { start, end } = range ?? { start: 0, end: file.sizeBytes - 1 };
	response.writeHead(range ? 206 : 200, {
		...headersOf(file),
		"Content-Length": String(end - start + 1),
		...(range ? { "Content-Range": `bytes ${start}-${end}/${file.sizeBytes}` } : {}),
	});
	if (request.method === "HEAD" || file.sizeBytes === 0) response.end();
	else
		createReadStream(file.filePath, { start, end })
			.on("error", () => response.destroy())
			.pipe(response);
}

function headersOf(file: StoredFile): Record<string, string> {
	return {
		"Content-Type": file.contentType ?? "application/octet-stream",
		"Cache-Control": "private, max-age=2592000",
		"Accept-Ranges": "bytes",
		Digest: `sha-256=${file.sha256Base64}`,
		"X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'",
	};
}

/** Null: the whole file. Several ranges at once are not served. */
function readRange(
	header: string | undefined,
	size: number,
): { start: number; end: number } | "invalid" | null {
	if (header === undefined || !header.startsWith("bytes=")) return null;
	const match = /^bytes=(\d*)-(\d*)$/.exec(header);
	if (!match || (match[1] === "" && match[2] === "")) return "invalid";
	const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
	const end = match[1] === "" || match[2] === "" ? size - 1 : Math.min(size - 1, Number(match[2]));
	return start > end || start >= size ? "invalid" : { start, end };
}

/** Files of the page, from one folder. Unknown paths of a navigation get `index.html`: the page routes itself. */
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, sep } from "node:path";
import { sendText } from "./replies.ts";

const TYPES: Record<string, string> = {
	".html": "text/html; charset=utf-8",
	".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
	".png": "image/png",
	".ico": "image/x-icon",
	".json": "application/json",
	".map": "application/json",
	".woff2": "font/woff2",
	".txt": "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json",
};
/** Files whose names carry a hash of their content, as esbuild writes it, never change. */
const HASHED = /-[A-Z0-9]{8}\.(js|css|woff2|svg|png)(\.map)?$/;

export async function serveStatic(
	staticDir: string,
	request: IncomingMessage,
	response: ServerResponse,
	path: string,
): Promise<void> {
	if (request.method !== "GET" && request.method !== "HEAD")
		return sendText(response, 404, "No matching routes found");
	const file =
		(await find(staticDir, path)) ?? (wantsPage(request) ? await find(staticDir, "/index.html") : null);
	if (!file) return sendText(response, 404, "No matching routes found");
	const etag = `"${file.size.toString(36)}-${Math.floor(file.mtimeMs).toString(36)}"`;
	const headers = {
		...PAGE_HEADERS,
		"Content-Type": TYPES[extname(file.path)] ?? "application/octet-stream",
		"Cache-Control": HASHED.test(file.path) ? "public, max-age=31536000, immutable" : "no-cache",
		ETag: etag,
	};
	if (request.headers["if-none-match"] === etag) return void response.writeHead(304, headers).end();
	response.writeHead(200, { ...headers, "Content-Length": String(file.size) });
	if (request.method === "HEAD") response.end();
	else
		createReadStream(file.path)
			.on("error", () => response.destroy())
			.pipe(response);
}

/**
 * Scripts and styles are the page's own alone. It may connect anywhere, because a person may sign in to a
 * backend elsewhere from it; pictures come out of entries.
 */
const PAGE_HEADERS = {
	"Content-Security-Policy": [
		"default-src 'self'",
		"connect-src 'self' http: https: ws: wss:",
		"img-src 'self' data: blob:",
		"object-src 'none'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	].join("; "),
	"X-Content-Type-Options": "nosniff",
	"X-Frame-Options": "DENY",
	"Referrer-Policy": "no-referrer",
	"Cross-Origin-Opener-Policy": "same-origin",
};

const wantsPage = (request: IncomingMessage) => (request.headers.accept ?? "").includes("text/html");

type Found = { path: string; size: number; mtimeMs: number };

async function find(staticDir: string, urlPath: string): Promise<Found | null> {
	let decoded: string;
	try {
		decoded = decodeURIComponent(urlPath);
	} catch {
		return null;
	}
	if (decoded.includes("\0")) return null;
	const root = await realpath(staticDir).catch(() => null);
	// After links are followed, so that neither `..` nor a link leads out of the folder.
	const path = await realpath(join(staticDir, decoded === "/" ? "/index.html" : decoded)).catch(() => null);
	if (!root || !path?.startsWith(root + sep)) return null;
	const found = await stat(path).catch(() => null);
	return found?.isFile() ? { path, size: found.size, mtimeMs: found.mtimeMs } : null;
}

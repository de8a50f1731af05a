/**
 * The process around the engine: API port (sync socket, HTTP API, files, HTTP actions under `/http`) and site
 * port (HTTP actions, then the page). Loopback unless told otherwise; Host and Origin are checked (A6).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Engine } from "../engine/types.ts";
import { createCallers, NOBODY } from "./callers.ts";
import { functionApi } from "./function-api.ts";
import { addressOf, closeListener, type Listeners, openListeners } from "./listeners.ts";
import { HttpError, readBody, sendFailure, sendText } from "./replies.ts";
import { createGuard } from "./request-guard.ts";
import { guarded, serveHttpAction } from "./site.ts";
import { serveStatic } from "./static-files.ts";
import { storageApi } from "./storage-api.ts";
import { attachSyncServer } from "./sync-server.ts";
import type { KeyFetch } from "./tokens.ts";

export type ServerOptions = {
	engine: Engine;
	adminKey: string;
	/** Sockets that listen already (see `listeners.ts`); else they are opened from host and ports. */
	listeners?: Listeners;
	/** Default 127.0.0.1. */
	host?: string;
	/** 0 takes a free one. */
	port?: number;
	sitePort?: number;
	/** Folder of the page's files; null serves none. */
	staticDir?: string | null;
	/** Host names besides loopback's that requests may name. */
	allowedHosts?: readonly string[];
	log?: (line: string) => void;
};

export type RunningServer = {
	url: string;
	siteUrl: string;
	port: number;
	sitePort: number;
	close(): Promise<void>;
};

const BANNER = "This Convex deployment is running. See https://docs.convex.dev/.\n";
const VERSION = "embedded";
const ECHO_BYTES = 1024 * 1024;
/** Mutations under way get this long; with what follows, closing ends within two seconds. */
const DRAIN_MS = 1_200;
const CONNECTIONS_MS = 1_600;

/** Starts answering. Rejects with a `ServerStartError` when the ports cannot be had. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
	const { engine, adminKey, staticDir = null, log = () => {} } = options;
	const listeners =
		options.listeners ??
		(await openListeners(options.host ?? "127.0.0.1", options.port ?? 0, options.sitePort ?? 0));
	const { api, site, host } = listeners;
	const guard = createGuard([
		...(options.allowedHosts ?? []),
		...(/^(0\.0\.0\.0|::)$/.test(host) ? [] : [host]),
	]);
	const callers = createCallers(adminKey, engine.authProviders, keysOf(engine, listeners));
	const sync = attachSyncServer(api.server, engine, callers, guard, log);

	const checked = (
		handle: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>,
	) => {
		return (request: IncomingMessage, response: ServerResponse) =>
			guarded(response, log, async () => {
				if (!guard.hostAllowed(request))
					throw new HttpError(403, "HostNotAllowed", "This server does not answer to that host name.");
				await handle(request, response, readUrl(request));
			});
	};

	api.handle = checked(async (request, response, url) => {
		if (url.pathname.startsWith("/http/") || url.pathname === "/http") {
			await serveHttpAction(
				engine,
				callers,
				request,
				response,
				`${url.pathname.slice("/http".length) || "/"}${url.search}`,
				"answer404",
			);
			return;
		}
		if (url.pathname.startsWith("/api/")) return await answerApi(request, response, url);
		await answerAbout(request, response, url.pathname);
	});

	async function answerApi(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
		if (!guard.originAllowed(request))
			throw new HttpError(403, "OriginNotAllowed", "Pages of that origin may not call this server.");
		for (const [name, value] of Object.entries(corsHeaders(request))) response.setHeader(name, value);
		if (request.method === "OPTIONS") return void response.writeHead(204).end();
		try {
			if (await storageApi(engine, request, response, url)) return;
			if (await functionApi(engine, callers, request, response, url)) return;
			sendFailure(response, new HttpError(404, "NotFound", "There is no such route."), log);
		} catch (error) {
			sendFailure(response, error, log);
		}
	}

	site.handle = checked(async (request, response, url) => {
		const path = `${url.pathname}${url.search}`;
		const taken = await serveHttpAction(
			engine,
			callers,
			request,
			response,
			path,
			staticDir ? "leave" : "answer404",
		);
		if (!taken && staticDir) await serveStatic(staticDir, request, response, url.pathname);
	});

	let closing: Promise<void> | null = null;
	async function close(): Promise<void> {
		const connections = [api, site].map((listener) => closeListener(listener, CONNECTIONS_MS));
		await sync.close(DRAIN_MS);
		await Promise.all(connections);
	}
	return {
		url: addressOf(host, api.port),
		siteUrl: addressOf(host, site.port),
		port: api.port,
		sitePort: site.port,
		close: () => {
			closing ??= close();
			return closing;
		},
	};
}

/** What the API port says about itself. */
async function answerAbout(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
	if (path === "/echo") {
		const body = await readBody(request, ECHO_BYTES);
		response.writeHead(200, {
			"Content-Type": "application/octet-stream",
			"X-Content-Type-Options": "nosniff",
		});
		response.end(body);
		return;
	}
	const texts: Record<string, string> = {
		"/": BANNER,
		"/version": VERSION,
		"/instance_version": VERSION,
		"/instance_name": "local",
	};
	const text = Object.hasOwn(texts, path) ? texts[path] : undefined;
	if (text === undefined) return sendText(response, 404, "Not found");
	if (request.method !== "GET" && request.method !== "HEAD")
		return sendText(response, 405, "Method not allowed", { Allow: "GET, HEAD" });
	sendText(response, 200, text);
}

/** Keys that the app publishes on its own site are read without the network: it may have no way back to us. */
function keysOf(engine: Engine, { host, site }: Listeners): KeyFetch {
	const own = new Set(["127.0.0.1", "localhost", "::1", host].map((name) => addressOf(name, site.port)));
	return async (url, init) => {
		if (!own.has(new URL(url).origin)) return await fetch(url, init);
		return (await engine.httpAction(new Request(url), NOBODY)) ?? new Response(null, { status: 404 });
	};
}

function readUrl(request: IncomingMessage): URL {
	const text = request.url ?? "/";
	try {
		// In front of a path, so that `//name/path` is a path and names no host.
		return new URL(text.startsWith("/") ? `http://localhost${text}` : text);
	} catch {
		throw new HttpError(400, "BadRequest", "The address of the request is not valid.");
	}
}

function corsHeaders(request: IncomingMessage): Record<string, string> {
	const { origin } = request.headers;
	if (origin === undefined) return {};
	return {
		"Access-Control-Allow-Origin": origin,
		"Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Methods": "GET, POST, OPTIONS, PATCH, DELETE, PUT",
		"Access-Control-Allow-Headers":
			request.headers["access-control-request-headers"] ?? "Content-Type, Authorization, Convex-Client",
		"Access-Control-Max-Age": "86400",
		Vary: "Origin, Access-Control-Request-Headers",
	};
}

/**
 * The two listening sockets: API and site. They listen before the engine opens, because functions are told
 * their own addresses; until a handler is set they answer 503.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Thrown when the server cannot start; the message is one sentence for a person. */
export class ServerStartError extends Error {
	readonly code: "portInUse" | "address";
	readonly port: number;
	constructor(code: ServerStartError["code"], port: number, message: string) {
		super(message);
		this.name = "ServerStartError";
		this.code = code;
		this.port = port;
	}
}

const IDLE_SWEEP_MS = 25;

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

export type Listener = { readonly server: Server; readonly port: number; handle: RequestHandler | null };
export type Listeners = { readonly host: string; readonly api: Listener; readonly site: Listener };

/** Opens both sockets; port 0 takes a free one. Rejects with a `ServerStartError`, leaving nothing open. */
export async function openListeners(host: string, port: number, sitePort: number): Promise<Listeners> {
	const api = await listen(host, port);
	try {
		return { host, api, site: await listen(host, sitePort) };
	} catch (error) {
		api.server.close();
		throw error;
	}
}

async function listen(host: string, port: number): Promise<Listener> {
	const server = createServer({
		keepAliveTimeout: 65_000,
		requestTimeout: 300_000,
		maxHeaderSize: 32 * 1024,
	});
	const bound = await new Promise<number>((resolve, reject) => {
		server.on("error", (error: NodeJS.ErrnoException) => reject(startError(error, host, port)));
		server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
	});
	const listener: Listener = { server, port: bound, handle: null };
	server.on("request", (request, response) => {
		if (listener.handle) listener.handle(request, response);
		else response.writeHead(503, { "Content-Type": "text/plain", "Retry-After": "1" }).end("Starting.\n");
	});
	server.on("clientError", (_error, socket) => {
		if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
	});
	return listener;
}

function startError(error: NodeJS.ErrnoException, host: string, port: number): ServerStartError {
	if (error.code === "EADDRINUSE") {
		return new ServerStartError(
			"portInUse",
			port,
			`Port ${port} on ${host} is in use by another program. Stop it, or choose another port.`,
		);
	}
	if (error.code === "EACCES") {
		return new ServerStartError(
			"address",
			port,
			`Port ${port} needs more rights than this user has. Choose a port above 1023.`,
		);
	}
	return new ServerStartError(
		"address",
		port,
		`Cannot listen on ${host}:${port} (${error.code ?? "unknown error"}). Check the address.`,
	);
}

/** `http://host:port`; an address that means "every interface" is shown as loopback. */
export function addressOf(host: string, port: number): string {
	const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
	return `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}

/** Stops accepting, lets requests under way end, and cuts what is still open after `graceMs`. */
export async function closeListener({ server }: Listener, graceMs: number): Promise<void> {
	await new Promise<void>((resolve) => {
		// A connection that falls idle after `close()` would otherwise be kept open for its next request.
		const sweep = setInterval(() => server.closeIdleConnections?.(), IDLE_SWEEP_MS);
		const done = () => {
			clearInterval(sweep);
			clearTimeout(timer);
			resolve();
		};
		const timer = setTimeout(() => {
			server.closeAllConnections?.();
			done();
		}, graceMs);
		server.close(done);
		server.closeIdleConnections?.();
	});
}

/** The WebSocket side: `/api/<version>/sync` and `/api/sync`, keep-alive, and clients that went silent. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import type { Engine } from "../engine/types.ts";
import type { Callers } from "./callers.ts";
import type { createGuard } from "./request-guard.ts";
import { PING_FRAME } from "./sync-messages.ts";
import { SyncSocket } from "./sync-socket.ts";

/** `idleMs` without a frame is followed by a Ping: clients reconnect after 60 s of silence. */
export type Rhythm = Readonly<{ beatMs: number; idleMs: number; silentMostMs: number }>;
const RHYTHM: Rhythm = { beatMs: 5_000, idleMs: 15_000, silentMostMs: 120_000 };
const FRAME_BYTES = 32 * 1024 * 1024;

type Client = { ws: WebSocket; socket: SyncSocket; sentAt: number; heardAt: number };

export type SyncServer = { close(graceMs: number): Promise<void> };

export function attachSyncServer(
	server: Server,
	engine: Engine,
	callers: Callers,
	guard: ReturnType<typeof createGuard>,
	log: (line: string) => void,
	rhythm: Rhythm = RHYTHM,
): SyncServer {
	const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: FRAME_BYTES });
	const clients = new Set<Client>();

	server.on("upgrade", (request: IncomingMessage, raw: Duplex, head: Buffer) => {
		raw.on("error", () => raw.destroy());
		const path = (request.url ?? "").split("?", 1)[0] ?? "";
		if (!/^\/api\/([^/]+\/)?sync$/.test(path)) return refuse(raw, "404 Not Found");
		if (!guard.hostAllowed(request) || !guard.originAllowed(request)) return refuse(raw, "403 Forbidden");
		upgrades.handleUpgrade(request, raw, head, (ws) => {
			(raw as Duplex & { setNoDelay?: (on: boolean) => void }).setNoDelay?.(true);
			clients.add(serve(ws, request));
		});
	});

	function serve(ws: WebSocket, request: IncomingMessage): Client {
		const client = {
			ip: request.socket.remoteAddress ?? null,
			userAgent: request.headers["user-agent"] ?? null,
		};
		const wire = {
			send: (frame: string) => {
				if (ws.readyState !== WebSocket.OPEN) return;
				entry.sentAt = Date.now();
				ws.send(frame);
			},
			close: (code: number, reason: string) => ws.close(code, reason),
			unsentBytes: () => ws.bufferedAmount,
		};
		const entry: Client = {
			ws,
			socket: new SyncSocket(engine, callers, wire, client, log),
			sentAt: Date.now(),
			heardAt: Date.now(),
		};
		ws.on("message", (data: RawData, isBinary: boolean) => {
			entry.heardAt = Date.now();
			entry.socket.receive(isBinary ? "" : data.toString());
		});
		for (const sign of ["ping", "pong"] as const) {
			ws.on(sign, () => {
				entry.heardAt = Date.now();
			});
		}
		ws.on("error", () => ws.terminate());
		ws.on("close", () => {
			entry.socket.dispose();
			clients.delete(entry);
		});
		return entry;
	}

	const beat = setInterval(() => {
		const now = Date.now();
		for (const client of clients) {
			const { ws } = client;
			if (now - client.heardAt > rhythm.silentMostMs) ws.terminate();
			if (ws.readyState !== WebSocket.OPEN) continue;
			ws.ping();
			if (now - client.sentAt < rhythm.idleMs) continue;
			client.sentAt = now;
			ws.send(PING_FRAME);
		}
	}, rhythm.beatMs);
	beat.unref?.();

	return {
		async close(graceMs) {
			clearInterval(beat);
			const settled = Promise.all([...clients].map((client) => client.socket.drain()));
			await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, graceMs).unref?.())]);
			for (const { ws, socket } of clients) {
				socket.dispose();
				ws.close(1001, "ServerShutdown");
				setTimeout(() => ws.terminate(), 200).unref?.();
			}
			upgrades.close();
		},
	};
}

function refuse(raw: Duplex, status: string): void {
	raw.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Keep-alive: clients that hear nothing are pinged, and those that say nothing are let go. */
import { afterEach, expect, test } from "bun:test";
import { createServer } from "node:http";
import { connect as connectTcp } from "node:net";
import { createCallers } from "../../../src/server/callers.ts";
import { createGuard } from "../../../src/server/request-guard.ts";
import { attachSyncServer } from "../../../src/server/sync-server.ts";
import { openRawSocket } from "../../contract/server/raw-socket.ts";
import { scriptedEngine } from "./scripted-engine.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
	for (const step of cleanUp.splice(0).reverse()) await step();
});

async function serve(silentMostMs: number) {
	const engine = scriptedEngine();
	const server = createServer();
	const rhythm = { beatMs: 5, idleMs: 10, silentMostMs };
	const sync = attachSyncServer(
		server,
		engine.engine,
		createCallers("k|secret", []),
		createGuard([]),
		() => {},
		rhythm,
	);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	cleanUp.push(
		() => server.close(),
		() => sync.close(0),
	);
	return { ...engine, port: (server.address() as { port: number }).port };
}

test("A client to which nothing is sent gets pings", async () => {
	const { port } = await serve(60_000);
	const socket = await openRawSocket(`http://127.0.0.1:${port}`);
	cleanUp.push(socket.close);
	expect(await socket.next()).toEqual({ type: "Ping" });
	expect(await socket.next()).toEqual({ type: "Ping" });
});

test("A client that answers pings stays, one that does not is let go with its query set", async () => {
	const { port, closed } = await serve(100);
	const lively = await openRawSocket(`http://127.0.0.1:${port}`);
	cleanUp.push(lively.close);
	const dead = connectTcp(port, "127.0.0.1");
	dead.on("error", () => {});
	dead.write(
		"GET /api/sync HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	);
	dead.resume();
	await new Promise((resolve) => dead.once("close", resolve));
	expect(closed()).toBe(1);
	expect(lively.ws.readyState).toBe(WebSocket.OPEN);
});

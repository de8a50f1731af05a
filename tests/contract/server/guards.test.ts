/** A6: who is answered at all. Host names, origins of pages, and addresses that cannot be had. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import { connect as connectTcp } from "node:net";
import { openListeners, ServerStartError } from "../../../src/server/listeners.ts";
import { connect, modify, openRawSocket } from "./raw-socket.ts";
import { type RunningApp, startApp } from "./running-app.ts";

let app: RunningApp;
beforeAll(async () => {
	app = await startApp({ allowedHosts: ["box.example"] });
});
afterAll(async () => {
	await app.close();
});

/** One request as bytes on the wire; gives the whole reply, or what came before the connection ended. */
function wire(port: number, text: string): Promise<string> {
	return new Promise((resolve, reject) => {
		const socket = connectTcp(port, "127.0.0.1", () => socket.write(text));
		let reply = "";
		socket.setEncoding("latin1");
		socket.on("data", (part) => {
			reply += part;
		});
		socket.on("error", (error: NodeJS.ErrnoException) =>
			error.code === "ECONNRESET" ? resolve(reply) : reject(error),
		);
		socket.on("close", () => resolve(reply));
	});
}

const get = (host: string, path = "/version", more = "") =>
	`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`;
const statusOf = (reply: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(reply)?.[1]);

const HOSTS: [string, boolean][] = [
	["localhost", true],
	["LOCALHOST:1", true],
	["127.0.0.1", true],
	["[::1]:80", true],
	["box.example", true],
	["evil.example", false],
	["127.0.0.1.evil.example", false],
	["localhost@evil.example", false],
	["evil.example:3210", false],
	["", false],
	["local host", false],
];
for (const [host, allowed] of HOSTS) {
	test(`A request for host "${host}" is ${allowed ? "answered" : "refused on both ports"}`, async () => {
		const replies = await Promise.all([wire(app.port, get(host)), wire(app.sitePort, get(host, "/hello"))]);
		for (const reply of replies) {
			if (allowed) expect(statusOf(reply)).toBe(200);
			else expect([400, 403]).toContain(statusOf(reply));
		}
	});
}

const ORIGINS: [string, boolean][] = [
	["http://localhost:5173", true],
	["http://127.0.0.1:3211", true],
	["https://box.example", true],
	["https://evil.example", false],
	["http://localhost.evil.example", false],
	["null", false],
	["file://", false],
	["chrome-extension://abcdef", false],
	["http://localhost:1/../evil", false],
];
for (const [origin, allowed] of ORIGINS) {
	test(`A page of ${origin} ${allowed ? "may" : "may not"} call the API or open the socket`, async () => {
		const reply = await fetch(`${app.url}/api/mutation`, {
			method: "POST",
			headers: { Origin: origin, "Content-Type": "text/plain" },
			body: JSON.stringify({ path: "notes:nothing", args: {} }),
		});
		expect(reply.status).toBe(allowed ? 200 : 403);
		expect(reply.headers.get("access-control-allow-origin")).toBe(allowed ? origin : null);
		const socket = openRawSocket(app.url, { headers: { Origin: origin } });
		if (!allowed) return void (await expect(socket).rejects.toThrow());
		const opened = await socket;
		opened.send(connect());
		opened.send(modify(0, []));
		await opened.nextOf("Transition");
		opened.close();
	});
}

test("A socket for another host name is refused", async () => {
	const upgrade = get(
		"evil.example",
		"/api/sync",
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n",
	);
	expect(statusOf(await wire(app.port, upgrade))).toBe(403);
});

test("Bytes that are no HTTP get 400 or a closed door, and hurt nobody", async () => {
	for (const garbage of [
		"\x16\x03\x01\x02\x00\x01\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"y".repeat(100_000)}\r\n\r\n`,
		"POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
	]) {
		const status = statusOf(await wire(app.port, garbage));
		expect(status < 500 || status === 505 || Number.isNaN(status)).toBe(true);
	}
	expect((await fetch(`${app.url}/version`)).status).toBe(200);
});

test("A port that is taken is told in one sentence, and nothing stays open", async () => {
	const taken: Server = createServer();
	await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
	const { port } = taken.address() as { port: number };
	for (const start of [() => startApp({ port }), () => startApp({ sitePort: port })]) {
		const error = await start().catch((thrown) => thrown);
		expect(error).toBeInstanceOf(ServerStartError);
		expect(error).toMatchObject({ code: "portInUse", port });
		expect((error as Error).message).toMatch(
			/^Port \d+ on 127\.0\.0\.1 is in use by another program\. Stop it, or choose another port\.$/,
		);
	}
	await new Promise((resolve) => taken.close(resolve));
	const { api, site } = await openListeners("127.0.0.1", port, 0);
	api.server.close();
	site.server.close();
});

test("An address that is not ours is told in one sentence", async () => {
	const error = await openListeners("203.0.113.1", 0, 0).catch((thrown) => thrown);
	expect(error).toMatchObject({ code: "address" });
	expect((error as Error).message).toMatch(
		/^Cannot listen on 203\.0\.113\.1:0 \(\w+\)\. Check the address\.$/,
	);
});

test("Until the engine stands, requests are told to come back", async () => {
	const { api, site } = await openListeners("127.0.0.1", 0, 0);
	const reply = await fetch(`http://127.0.0.1:${api.port}/version`);
	expect([reply.status, reply.headers.get("retry-after")]).toEqual([503, "1"]);
	api.server.close();
	site.server.close();
});

/** A proxy of the environment sees nothing of what goes to a backend of this machine, above all no key. */
import { afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { createSetup } from "../../support/cli.ts";
import { ROOT } from "../../support/source-tree.ts";

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

/** Refuses all that it is asked for, and keeps what that was. */
async function startProxy(): Promise<{ url: string; asked: string[] }> {
	const asked: string[] = [];
	const sockets = new Set<Socket>();
	const server = createServer((request, response) => {
		asked.push(`${request.method} ${request.url}`);
		response.writeHead(502).end();
	});
	server.on("connect", (request, socket) => {
		asked.push(`CONNECT ${request.url}`);
		socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
	});
	server.on("connection", (socket) => sockets.add(socket));
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	ends.push(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test("every verb reaches a backend of this machine past a proxy that the environment names", async () => {
	const proxy = await startProxy();
	const named = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"];
	const setup = createSetup(Object.fromEntries(named.map((name) => [name, proxy.url])));
	ends.push(() => setup.dispose());
	await setup.up();
	const file = join(setup.home, "one.jsonl");
	const time = "2026-01-31T10:00:00.000Z";
	const lines = [
		{ type: "session", version: 3, id: "proxied", timestamp: time, cwd: "/p" },
		{
			type: "message",
			id: "a1",
			parentId: null,
			timestamp: time,
			message: { role: "user", content: "quincejam", timestamp: Date.parse(time) },
		},
	];
	writeFileSync(file, lines.map((line) => JSON.stringify(line)).join("\n"));
	const verbs = [
		["import", file],
		["import", "--claude-code", "--from-dir", join(ROOT, "tests", "fixtures", "agents", "claude-code")],
		["status"],
		["doctor"],
		["sessions", "list"],
		["search", "quincejam"],
		["export", "proxied"],
		["keys", "list"],
		["keys", "list", "--data", setup.dataDir],
		["open", "--no-open"],
	];
	for (const verb of verbs) {
		const { code, stderr } = await setup.cli(...verb);
		expect([verb, code, code === 0 ? "" : stderr]).toEqual([verb, 0, ""]);
	}
	expect(proxy.asked).toEqual([]);
}, 90_000);

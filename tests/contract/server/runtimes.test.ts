/** The same server as a process of its own on Node and on Bun: served alike, ended by SIGTERM, safe from SIGKILL. */
import { afterEach, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ConvexClient } from "convex/browser";
import { freePorts } from "../../support/free-ports.ts";
import { ROOT } from "../../support/source-tree.ts";
import { add, connect, modify, openRawSocket, type TransitionFrame } from "./raw-socket.ts";
import { mutation, temporaryFolder, watch } from "./running-app.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
	for (const step of cleanUp.splice(0).reverse()) await step();
});

async function serve(runtime: string, dataDir: string, ports: readonly number[]) {
	const child = spawn(
		join(ROOT, "node_modules", ".bin", runtime),
		[join(import.meta.dirname, "serve-app.ts"), dataDir, ...ports.map(String)],
		{
			stdio: ["ignore", "pipe", "inherit"],
		},
	);
	cleanUp.push(() => child.exitCode === null && child.signalCode === null && child.kill("SIGKILL"));
	const exited = once(child, "exit") as Promise<[number | null, string | null]>;
	const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
	return { ...(JSON.parse(line) as { url: string; siteUrl: string }), child, exited };
}

const quiet = { log() {}, warn() {}, error() {}, logVerbose() {} };

for (const runtime of ["node", "bun"]) {
	test(`On ${runtime} clients, pages, files and sockets are served, and SIGTERM ends with code 0`, async () => {
		const folder = temporaryFolder();
		cleanUp.push(folder.remove);
		const server = await serve(runtime, folder.path, [0, 0]);
		const client = new ConvexClient(server.url, { logger: quiet });
		const counter = watch<number>(client, "notes:counter", { name: "n" });
		await counter.until((value) => value === 0);
		expect(await client.mutation(mutation("notes:count"), { name: "n" })).toBe(1);
		expect(await counter.until((value) => value === 1)).toBe(1);
		expect(await (await fetch(`${server.siteUrl}/hello`, { method: "GET" })).text()).toStartWith(
			"hello from",
		);
		const address: string = await client.mutation(mutation("files:uploadUrl"), {});
		const stored = await fetch(address, { method: "POST", body: new Uint8Array(100_000) });
		expect(stored.status).toBe(200);
		const big = await openRawSocket(server.url);
		big.send(connect());
		big.send(modify(0, [add(0, "notes:big", { room: "r", kib: 4_000 })]));
		const parts: string[] = [];
		for (let part = await big.nextOf("TransitionChunk"); ; part = await big.nextOf("TransitionChunk")) {
			parts.push(String(part.chunk));
			if (parts.length === part.totalParts) break;
		}
		expect((JSON.parse(parts.join("")) as TransitionFrame).modifications).toHaveLength(1);
		const refused = await openRawSocket(server.url, { headers: { Origin: "https://evil.example" } }).catch(
			() => null,
		);
		expect(refused).toBeNull();
		const garbage = await openRawSocket(server.url);
		garbage.send("{");
		await garbage.nextOf("FatalError");
		server.child.kill("SIGTERM");
		expect((await big.closed).code).toBe(1001);
		expect(await server.exited).toEqual([0, null]);
		await client.close();
	}, 20_000);
}

test("Killed in the middle of mutations and started again, every answered one is there once", async () => {
	const folder = temporaryFolder();
	cleanUp.push(folder.remove);
	const ports = await freePorts(2);
	const first = await serve("bun", folder.path, ports);
	const lines: string[] = [];
	const take = (...parts: unknown[]) => void lines.push(parts.join(" "));
	const client = new ConvexClient(first.url, {
		logger: { log: take, warn: take, error: take, logVerbose() {} },
	});
	cleanUp.push(() => client.close());
	const texts = Array.from({ length: 300 }, (_, n) => String(n));
	let answered = 0;
	const sent = texts.map((text) =>
		client.mutation(mutation("notes:send"), { room: "kill", text }).then(() => answered++),
	);
	await sent[20];
	first.child.kill("SIGKILL");
	await first.exited;
	const before = answered;
	await serve("bun", folder.path, ports);
	await Promise.all(sent);
	const list = watch<string[]>(client, "notes:list", { room: "kill" });
	expect(await list.until((all) => all.length >= 300)).toEqual(texts);
	expect(before).toBeGreaterThan(20);
	expect(lines.filter((line) => /fatal/i.test(line))).toEqual([]);
}, 20_000);

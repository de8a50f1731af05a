/**
 * The live path with real parts: a Pi with the extension, the embedded backend, and a stock client, each in a
 * process of its own. Delay is from the moment the provider says a token to the moment the reader's callback
 * has it, on one monotonic clock. Bytes are WebSocket payload: what the reader gets, and what Pi's side
 * exchanges with the backend, per byte of answer.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { createSetup, type Setup, type Up } from "../support/cli.ts";
import { EXTENSION } from "../support/pi-terminal.ts";
import { ROOT } from "../support/source-tree.ts";
import { usageOf } from "./process-usage.ts";
import { RpcPi } from "./rpc-pi.ts";
import { type Figure, percentile } from "./stats.ts";

const NODE = join(ROOT, "node_modules", ".bin", "node");
const ROUNDS = 5;
const TOKEN_BYTES = 5;

type Run = { seenAt: Record<string, string>; gaps: number; bytes: number };

/** The reader's process. */
class Reader {
	readonly child: ChildProcess;
	readonly #runs: Run[] = [];
	readonly #waiting: ((run: Run) => void)[] = [];
	readonly ready: Promise<void>;

	constructor(url: string, token: string, sessionId: string) {
		this.child = spawn(NODE, [join(import.meta.dir, "subscriber.mjs"), url, token, sessionId], {
			stdio: ["ignore", "pipe", "inherit"],
		});
		let buffer = "";
		this.ready = new Promise((resolve) => {
			this.child.stdout?.on("data", (part: Buffer) => {
				buffer += part.toString("utf8");
				const lines = buffer.split("\n");
				buffer = lines.pop() ?? "";
				for (const line of lines) {
					const value = JSON.parse(line) as Run & { ready?: boolean };
					if (value.ready) resolve();
					else (this.#waiting.shift() ?? ((run) => this.#runs.push(run)))(value);
				}
			});
		});
	}

	async next(): Promise<Run> {
		return this.#runs.shift() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
	}
}

/** Counts what passes between a client and the backend, both ways. */
async function countingProxy(port: number): Promise<{ port: number; bytes: () => number; close(): void }> {
	let bytes = 0;
	const server: Server = createServer((client) => {
		const backend = connect(port, "127.0.0.1");
		client.setNoDelay(true);
		backend.setNoDelay(true);
		client.on("data", (part) => {
			bytes += part.length;
			backend.write(part);
		});
		backend.on("data", (part) => {
			bytes += part.length;
			client.write(part);
		});
		for (const [one, other] of [
			[client, backend],
			[backend, client],
		] as const) {
			one.on("error", () => other.destroy());
			one.on("close", () => other.destroy());
		}
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		port: (server.address() as { port: number }).port,
		bytes: () => bytes,
		close: () => server.close(),
	};
}

export async function liveFigures(): Promise<Figure[]> {
	const setup = createSetup();
	try {
		const up = await setup.up();
		return [
			...(await delays(setup, up)),
			...(await bytesPerByte(setup, up, "0")),
			...(await bytesPerByte(setup, up, "100")),
		];
	} finally {
		await setup.dispose();
	}
}

async function openReader(setup: Setup, up: Up, sessionId: string): Promise<Reader> {
	const { apiKey } = JSON.parse(
		(await setup.cli("config", "get", "apiKey", "--show-key", "--json")).stdout,
	) as { apiKey: string };
	const answer = await fetch(`${up.siteUrl}/auth/token`, {
		method: "POST",
		headers: { Authorization: `Bearer ${apiKey}` },
	});
	const { token } = (await answer.json()) as { token: string };
	const reader = new Reader(up.url, token, sessionId);
	await reader.ready;
	return reader;
}

async function delays(setup: Setup, up: Up): Promise<Figure[]> {
	const pi = await RpcPi.start([EXTENSION], setup.env);
	const { sessionId } = await pi.state();
	await pi.prompt("warm up");
	const reader = await openReader(setup, up, sessionId);
	const figures: Figure[] = [];
	for (const rate of [100, 300]) {
		const measured = { p50: [] as number[], p95: [] as number[], p99: [] as number[], gaps: [] as number[] };
		const usage = { pi: [] as number[], backend: [] as number[], reader: [] as number[] };
		const pids = { pi: pi.pid, backend: up.pid, reader: reader.child.pid as number };
		for (let round = -1; round < ROUNDS; round++) {
			const before = Object.fromEntries(
				Object.entries(pids).map(([name, pid]) => [name, usageOf(pid).cpuSeconds]),
			);
			const started = performance.now();
			const [said, run] = await Promise.all([pi.prompt(`bench ${rate * 3} ${rate}`), reader.next()]);
			const seconds = (performance.now() - started) / 1000;
			if (round < 0) continue;
			const times = said.saidAt.map((at, token) => Number(BigInt(run.seenAt[token] ?? 0) - at) / 1e6);
			if (times.some((ms) => ms < 0)) throw new Error("A token was not seen in the stream.");
			for (const p of [50, 95, 99] as const) measured[`p${p}`].push(percentile(times, p));
			measured.gaps.push(run.gaps);
			for (const name of ["pi", "backend", "reader"] as const) {
				usage[name].push((100 * (usageOf(pids[name]).cpuSeconds - (before[name] ?? 0))) / seconds);
			}
		}
		const at = `at ${rate} tokens/s`;
		figures.push(
			{
				name: `live: provider delta to subscriber, p50, ${at}`,
				unit: "ms",
				aim: "<= 4",
				rounds: measured.p50,
			},
			{ name: `live: provider delta to subscriber, p95, ${at}`, unit: "ms", rounds: measured.p95 },
			{
				name: `live: provider delta to subscriber, p99, ${at}`,
				unit: "ms",
				aim: "<= 15",
				rounds: measured.p99,
			},
			{ name: `live: gaps the subscriber had to read, ${at}`, unit: "a run", rounds: measured.gaps },
			{ name: `CPU of Pi with the extension, ${at}`, unit: "% core", rounds: usage.pi },
			{ name: `CPU of the backend, ${at}`, unit: "% core", rounds: usage.backend },
			{ name: `CPU of the subscriber, ${at}`, unit: "% core", rounds: usage.reader },
		);
	}
	for (const [name, pid] of [
		["Pi with the extension", pi.pid],
		["the backend", up.pid],
		["the subscriber", reader.child.pid as number],
	] as const) {
		figures.push({ name: `memory of ${name}`, unit: "MiB", rounds: [usageOf(pid).rssMiB] });
	}
	reader.child.kill();
	await pi.end();
	return figures;
}

async function bytesPerByte(setup: Setup, up: Up, intervalMs: string): Promise<Figure[]> {
	const proxy = await countingProxy(up.port);
	const env = {
		...setup.env,
		PI_OPENSYNC_CONVEX_URL: `http://127.0.0.1:${proxy.port}`,
		PI_OPENSYNC_SITE_URL: up.siteUrl,
		PI_OPENSYNC_STREAM_INTERVAL_MS: intervalMs,
	};
	const pi = await RpcPi.start([EXTENSION], env);
	const { sessionId } = await pi.state();
	await pi.prompt("warm up");
	const reader = await openReader(setup, up, sessionId);
	const figures: Figure[] = [];
	const how = intervalMs === "0" ? "as fast as acks come" : `batches of ${intervalMs} ms`;
	for (const tokens of [500, 2000]) {
		const down: number[] = [];
		const sent: number[] = [];
		for (let round = 0; round < 3; round++) {
			const before = proxy.bytes();
			const [, run] = await Promise.all([pi.prompt(`bench ${tokens} 300`), reader.next()]);
			down.push(run.bytes / (tokens * TOKEN_BYTES));
			sent.push((proxy.bytes() - before) / (tokens * TOKEN_BYTES));
		}
		const aim = intervalMs === "0" ? "< 64" : "<= 10";
		figures.push(
			{ name: `bytes to a subscriber per byte, ${tokens} tokens, ${how}`, unit: "B/B", aim, rounds: down },
			{ name: `bytes between Pi and backend per byte, ${tokens} tokens, ${how}`, unit: "B/B", rounds: sent },
		);
	}
	reader.child.kill();
	await pi.end();
	proxy.close();
	return figures;
}

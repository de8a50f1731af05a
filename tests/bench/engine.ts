/** Engine and server alone: small mutations and indexed queries, in process and over sockets, at two table sizes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { openEngine } from "../../src/engine/open-engine.ts";
import type { Caller, Engine } from "../../src/engine/types.ts";
import { startServer } from "../../src/server/start-server.ts";
import { freePorts } from "../support/free-ports.ts";
import type { Figure } from "./stats.ts";

const NOBODY: Caller = { identity: null, admin: false };
const BODY = "x".repeat(200);
const ROUNDS = 5;

export async function engineFigures(): Promise<Figure[]> {
	const figures: Figure[] = [];
	for (const documents of [10_000, 100_000]) figures.push(...(await atSize(documents)));
	return figures;
}

async function atSize(documents: number): Promise<Figure[]> {
	const dataDir = mkdtempSync(join(tmpdir(), "pi-opensync-bench-"));
	const [port, sitePort] = await freePorts(2);
	const urls = { cloudUrl: `http://127.0.0.1:${port}`, siteUrl: `http://127.0.0.1:${sitePort}` };
	const engine = await openEngine({ functionsDir: join(import.meta.dir, "app"), dataDir, env: {}, ...urls });
	try {
		for (let from = 0; from < documents; from += 2000) {
			await must(
				engine.mutation(
					"rows:fill",
					JSON.stringify([{ group: `g${from % 10_000}`, from, count: 2000, body: BODY }]),
					NOBODY,
				),
			);
		}
		const label = `at ${documents / 1000}k documents`;
		const inProcess = await inProcessFigures(engine, label, documents);
		const server = await startServer({
			engine,
			port: port as number,
			sitePort: sitePort as number,
			adminKey: "bench",
			staticDir: null,
			log: () => {},
		});
		const overSockets = await socketFigures(server.url, label, documents);
		await server.close();
		return [...inProcess, ...overSockets];
	} finally {
		await engine.close();
		rmSync(dataDir, { recursive: true, force: true });
	}
}

async function must<T extends { kind: string }>(outcome: Promise<T>): Promise<void> {
	const result = await outcome;
	if (result.kind !== "ok")
		throw new Error(
			`bench call failed: ${JSON.stringify(result, (_k, v) => (typeof v === "bigint" ? String(v) : v))}`,
		);
}

/** Calls per second: `count` calls, `width` under way at once. */
async function rate(count: number, width: number, call: (i: number) => Promise<unknown>): Promise<number> {
	let next = 0;
	const started = performance.now();
	await Promise.all(
		Array.from({ length: width }, async () => {
			for (let i = next++; i < count; i = next++) await call(i);
		}),
	);
	return count / ((performance.now() - started) / 1000);
}

async function rounds(run: (round: number) => Promise<number>): Promise<number[]> {
	await run(-1); // warm up
	const values: number[] = [];
	for (let round = 0; round < ROUNDS; round++) values.push(await run(round));
	return values;
}

async function inProcessFigures(engine: Engine, label: string, documents: number): Promise<Figure[]> {
	const point = (i: number) => {
		const seq = (i * 7919) % documents;
		const from = seq - (seq % 2000);
		return engine.query("rows:point", JSON.stringify([{ group: `g${from % 10_000}`, seq }]), NOBODY);
	};
	await must(point(5));
	return [
		{
			name: `engine: small mutations in process, ${label}`,
			unit: "/s",
			aim: ">= 10,000",
			rounds: await rounds((round) =>
				rate(4000, 8, (i) =>
					must(
						engine.mutation(
							"rows:insert",
							JSON.stringify([{ group: `m${round}`, seq: i, body: BODY }]),
							NOBODY,
						),
					),
				),
			),
		},
		{
			name: `engine: indexed point queries in process, ${label}`,
			unit: "/s",
			aim: ">= 20,000",
			rounds: await rounds(() => rate(8000, 8, point)),
		},
		{
			name: `engine: newest 20 of a group in process, ${label}`,
			unit: "/s",
			rounds: await rounds(() =>
				rate(2000, 8, () => engine.query("rows:latest", '[{"group":"g0"}]', NOBODY)),
			),
		},
	];
}

const insertRef = makeFunctionReference<"mutation">("rows:insert");
const pointRef = makeFunctionReference<"query">("rows:point");

async function socketFigures(url: string, label: string, documents: number): Promise<Figure[]> {
	const client = new ConvexClient(url, { logger: false, unsavedChangesWarning: false });
	const http = new ConvexHttpClient(url, { logger: false });
	try {
		return [
			{
				name: `server: small mutations over one socket, ${label}`,
				unit: "/s",
				aim: ">= 4,000",
				rounds: await rounds((round) =>
					rate(2000, 64, (i) => client.mutation(insertRef, { group: `s${round}`, seq: i, body: BODY })),
				),
			},
			{
				name: `server: point queries over HTTP, ${label}`,
				unit: "/s",
				rounds: await rounds(() =>
					rate(1000, 16, (i) => http.query(pointRef, { group: "g0", seq: i % Math.min(2000, documents) })),
				),
			},
			{
				name: `server: one mutation at a time over a socket, ${label}`,
				unit: "ms",
				rounds: await rounds(
					async (round) =>
						1000 /
						(await rate(300, 1, (i) =>
							client.mutation(insertRef, { group: `o${round}`, seq: i, body: BODY }),
						)),
				),
			},
		];
	} finally {
		await client.close();
	}
}

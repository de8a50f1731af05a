/**
 * What the extension costs Pi: time in our handlers, from a prompt to the provider call, and at start-up.
 * With and without it in turn, in one run, so that the machine's mood is in both.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createSetup } from "../support/cli.ts";
import { EXTENSION } from "../support/pi-terminal.ts";
import { RpcPi } from "./rpc-pi.ts";
import { type Figure, percentile } from "./stats.ts";

const ROUNDS = 5;
const PROMPTS = 20;
const STARTS = 9;

export async function handlerFigures(): Promise<Figure[]> {
	const setup = createSetup();
	try {
		const up = await setup.up();
		const figures = [
			...(await inHandlers(setup.env)),
			...(await toProvider(setup.env)),
			...(await startUps(setup.env)),
		];
		await up.stop();
		return figures;
	} finally {
		await setup.dispose();
	}
}

async function inHandlers(env: Record<string, string>): Promise<Figure[]> {
	const p50: number[] = [];
	const p99: number[] = [];
	const most: number[] = [];
	for (let round = 0; round < ROUNDS; round++) {
		const file = join(env.HOME as string, `handlers-${round}.jsonl`);
		const pi = await RpcPi.start([join(import.meta.dir, "timed-extension.ts")], {
			...env,
			BENCH_HANDLERS: file,
		});
		for (let turn = 0; turn < 3; turn++) await pi.prompt("bench 600 300");
		await pi.end();
		const times = readFileSync(file, "utf8")
			.split("\n")
			.map((line) => JSON.parse(line) as { event: string; us: number })
			// What Pi waits for at its end is a flush with a deadline, not a cost while it works.
			.filter(({ event }) => event !== "session_shutdown")
			.map(({ us }) => us / 1000);
		p50.push(percentile(times, 50));
		p99.push(percentile(times, 99));
		most.push(Math.max(...times));
	}
	return [
		{ name: "handlers: time in one handler, p50", unit: "ms", rounds: p50 },
		{ name: "handlers: time in one handler, p99", unit: "ms", aim: "< 0.3", rounds: p99 },
		{ name: "handlers: the slowest one of a run", unit: "ms", rounds: most },
	];
}

async function toProvider(env: Record<string, string>): Promise<Figure[]> {
	const times: Record<"with" | "without", number[]> = { with: [], without: [] };
	for (let round = 0; round < ROUNDS; round++) {
		for (const kind of ["without", "with"] as const) {
			const pi = await RpcPi.start(kind === "with" ? [EXTENSION] : [], env);
			await pi.prompt("warm up");
			const waits: number[] = [];
			for (let i = 0; i < PROMPTS; i++) waits.push((await pi.prompt("at once")).inputToProviderMs);
			times[kind].push(percentile(waits, 50));
			await pi.end();
		}
	}
	return [
		{ name: "prompt to provider call, stock Pi, p50", unit: "ms", rounds: times.without },
		{ name: "prompt to provider call, with the extension, p50", unit: "ms", rounds: times.with },
		{
			name: "prompt to provider call: added",
			unit: "ms",
			aim: "<= 5",
			rounds: times.with.map((ms, i) => ms - (times.without[i] ?? 0)),
		},
	];
}

async function startUps(env: Record<string, string>): Promise<Figure[]> {
	const times: Record<"with" | "without", number[]> = { with: [], without: [] };
	for (let round = -1; round < STARTS; round++) {
		for (const kind of ["without", "with"] as const) {
			const pi = await RpcPi.start(kind === "with" ? [EXTENSION] : [], env);
			if (round >= 0) times[kind].push(pi.readyMs);
			await pi.end();
		}
	}
	return [
		{ name: "start-up to the first answer, stock Pi", unit: "ms", rounds: times.without },
		{ name: "start-up to the first answer, with the extension", unit: "ms", rounds: times.with },
		{
			name: "start-up: added",
			unit: "ms",
			aim: "< 40",
			rounds: times.with.map((ms, i) => ms - (times.without[i] ?? 0)),
		},
	];
}

/** What the scenes of the `follow` benchmark share: terminals in a folder of their own, speeches, key presses. */
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Setup } from "../support/cli.ts";
import { EXTENSION } from "../support/pi-terminal.ts";
import { msBetween } from "./monotonic.ts";
import { usageOf } from "./process-usage.ts";
import { PtyPi } from "./pty-pi.ts";
import { type Figure, percentile } from "./stats.ts";

export const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const SHORT_ROUNDS = ROUNDS * 3;

const SPEECHES = [
	{ tokens: 500, rate: 100 },
	{ tokens: 2000, rate: 100 },
	{ tokens: 500, rate: 300 },
	{ tokens: 2000, rate: 300 },
];

const AIMS = { p50: "<= 14", p95: "<= 21", p99: "<= 30" };

/** A folder of its own for each scene, so that no session of another is in the way. */
export class Scene {
	readonly cwd: string;
	readonly env: Record<string, string>;
	readonly #pis: PtyPi[] = [];
	#marks = 0;
	#prompts = 0;

	constructor(setup: Setup, name: string) {
		this.cwd = join(setup.home, name);
		this.env = { ...setup.env, PI_CODING_AGENT_DIR: join(setup.home, `agent-${name}`) };
		mkdirSync(this.cwd, { recursive: true });
	}

	async pi(options: { stock?: boolean; args?: string[]; watched?: boolean } = {}): Promise<PtyPi> {
		const pi = this.begin(options);
		await pi.sees("bench-1");
		await pi.quiet();
		return pi;
	}

	/** @param options.stock without the extension. */
	begin(options: { stock?: boolean; args?: string[]; watched?: boolean } = {}): PtyPi {
		const { stock = false, args } = options;
		const { env, cwd } = this;
		const pi = new PtyPi({ env, cwd, args, extensions: stock ? [] : [EXTENSION] });
		this.#pis.push(pi);
		return pi;
	}

	async end(pi: PtyPi): Promise<void> {
		this.#pis.splice(this.#pis.indexOf(pi), 1);
		await pi.end();
	}

	/** A letter that no speech of this scene has had. */
	mark(): string {
		if (this.#marks === 26) throw new Error("A scene has no more than 26 speeches.");
		return String.fromCharCode(65 + this.#marks++);
	}

	/** A prompt that is on no screen yet. */
	prompt(): string {
		this.#prompts += 1;
		return `prompt number p${String(this.#prompts).padStart(3, "0")}x`;
	}

	/** The session file that was written last. */
	sessionFile(): string {
		const folder = join(this.env.PI_CODING_AGENT_DIR as string, "sessions");
		const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
			.filter((name) => name.endsWith(".jsonl"))
			.map((name) => join(folder, name));
		const [newest] = files.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
		if (!newest) throw new Error(`There is no session file in ${folder}.`);
		return newest;
	}

	async close(): Promise<void> {
		await Promise.all(this.#pis.splice(0).map((pi) => pi.end()));
	}
}

export const word = (mark: string, token: number): string => `${mark}${String(token).padStart(4, "0")}`;

/** Lets a run settle and its last frames be drawn. */
export const calm = () => Bun.sleep(700);

type Cpu = Record<string, { pids: number[]; percent: number[] }>;

/** One speech of `speaker`: each screen's delays in ms, token by token; CPU of the named processes meanwhile. */
export async function speech(
	speaker: PtyPi,
	screens: readonly PtyPi[],
	{ mark, tokens, rate }: { mark: string; tokens: number; rate: number },
	cpu: Cpu,
): Promise<number[][]> {
	const prompt = `follow ${mark} ${tokens} ${rate}`;
	const sum = (pids: number[]) => pids.reduce((total, pid) => total + usageOf(pid).cpuSeconds, 0);
	const last = screens.map((screen) => screen.sees(word(mark, tokens - 1), 120_000));
	await speaker.type(prompt);
	const before = Object.values(cpu).map(({ pids }) => sum(pids));
	const started = performance.now();
	speaker.enter();
	await Promise.all(last);
	const seconds = (performance.now() - started) / 1000;
	Object.values(cpu).forEach(({ pids, percent }, index) => {
		percent.push((100 * (sum(pids) - (before[index] as number))) / seconds / pids.length);
	});
	const { saidAt } = await speaker.logged("said", prompt);
	await calm();
	return screens.map((screen) =>
		saidAt.map((at, token) => {
			const seen = screen.seen.get(word(mark, token));
			if (seen === undefined) throw new Error(`${word(mark, token)} was never drawn.`);
			return msBetween(at, seen);
		}),
	);
}

/** Delays of every speech on each screen, as figures. */
export async function speeches(
	scene: Scene,
	speaker: PtyPi,
	screens: Record<string, PtyPi>,
	aimed: string[],
	cpu: Cpu,
) {
	const figures: Figure[] = [];
	for (const { tokens, rate } of SPEECHES) {
		const rounds: number[][][] = [];
		const heavy = tokens === 2000 && rate === 300 ? cpu : {};
		for (let round = 0; round < ROUNDS; round++)
			rounds.push(await speech(speaker, Object.values(screens), { mark: scene.mark(), tokens, rate }, heavy));
		Object.keys(screens).forEach((name, screen) => {
			for (const p of [50, 95, 99] as const) {
				figures.push({
					name: `delta to ${name}, p${p}, ${tokens} tokens at ${rate}/s`,
					unit: "ms",
					aim: aimed.includes(name) ? AIMS[`p${p}`] : undefined,
					rounds: rounds.map((delays) => percentile(delays[screen] as number[], p)),
				});
			}
		});
	}
	for (const [name, { pids, percent }] of Object.entries(cpu)) {
		figures.push(
			{ name: `CPU of ${name}, 300 tokens/s`, unit: "% core", rounds: percent },
			{ name: `memory of ${name}`, unit: "MiB", rounds: pids.map((pid) => usageOf(pid).rssMiB) },
		);
	}
	return figures;
}

/** Enter in one terminal, nothing running, to its provider's call and to the prompt on each screen. */
export async function enters(scene: Scene, writer: PtyPi, screens: PtyPi[]) {
	const toProvider: number[] = [];
	const toScreens: number[][] = screens.map(() => []);
	for (let round = -1; round < SHORT_ROUNDS; round++) {
		const prompt = scene.prompt();
		const answer = `heard ${prompt.split(" ").at(-1)}`;
		await writer.type(prompt);
		const seen = screens.map((screen) => screen.sees(prompt));
		const answered = screens.map((screen) => screen.sees(answer));
		const at = writer.enter();
		const times = await Promise.all(seen);
		await Promise.all(answered);
		const called = await writer.logged("called", prompt);
		await calm();
		if (round < 0) continue;
		toProvider.push(msBetween(at, called.at));
		times.forEach((time, index) => {
			toScreens[index]?.push(msBetween(at, time));
		});
	}
	return { toProvider, toScreens };
}

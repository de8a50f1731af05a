/**
 * Two terminals at one session, measured on their screens: real Pis on pseudo-terminals, the embedded backend,
 * one clock. The floor is the same Pi without the extension, alone, in the same run. BENCH_ROUNDS: rounds of
 * each figure (3); BENCH_FOLLOWERS: terminals in the crowd besides the holder (10); BENCH_PARTS: some of alone,
 * pair, join, crowd.
 */
import { copyFileSync } from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";
import { createSetup, type Setup, type Up } from "../support/cli.ts";
import { calm, enters, ROUNDS, Scene, speech, speeches, word } from "./follow-scene.ts";
import { msBetween } from "./monotonic.ts";
import type { PtyPi } from "./pty-pi.ts";
import { type Figure, median, percentile } from "./stats.ts";

const CROWD = Number(process.env.BENCH_FOLLOWERS ?? 10);
const JOIN_AT = 1000;
/** Stock Pi starts in the same answer, for the same load on the machine; it has ended long before the join. */
const STOCK_AT = 400;
/** A Pi that draws needs this much; the rest of the machine wants some too. */
const MIB_PER_PI = 260;
const MIB_KEPT = 2048;

const PARTS: Record<string, (setup: Setup, up: Up) => Promise<Figure[]>> = {
	alone,
	pair,
	join: lateJoin,
	crowd,
};

export async function followFigures(): Promise<Figure[]> {
	const setup = createSetup();
	try {
		const up = await setup.up();
		const names = process.env.BENCH_PARTS?.split(",") ?? Object.keys(PARTS);
		const figures: Figure[] = [];
		for (const name of names) figures.push(...((await PARTS[name]?.(setup, up)) ?? []));
		return [...figures, ...ratios(figures)];
	} finally {
		await setup.dispose();
	}
}

/** What a follower costs next to stock Pi showing the same text, where both were measured. */
function ratios(figures: readonly Figure[]): Figure[] {
	return ["CPU", "memory"].flatMap((what) => {
		const of = (who: string) => figures.find(({ name }) => name.startsWith(`${what} of ${who}`))?.rounds;
		const [stock, follower] = [of("stock Pi"), of("the follower")];
		if (!stock || !follower) return [];
		const rounds = follower.map((value) => value / median(stock));
		return [{ name: `${what} of the follower / of stock Pi`, unit: "times", aim: "<= 1", rounds }];
	});
}

/** Pi as it comes. */
async function alone(setup: Setup): Promise<Figure[]> {
	const scene = new Scene(setup, "alone");
	try {
		const pi = await scene.pi({ stock: true });
		const { toProvider, toScreens } = await enters(scene, pi, [pi]);
		return [
			...(await speeches(scene, pi, { "the screen of stock Pi": pi }, [], {
				"stock Pi": { pids: [pi.pid], percent: [] },
			})),
			{ name: "Enter to its own screen, stock Pi", unit: "ms", rounds: toScreens[0] ?? [] },
			{ name: "Enter to the provider, stock Pi", unit: "ms", rounds: toProvider },
		];
	} finally {
		await scene.close();
	}
}

/** A holder with a session on disk, so that others can open it. */
async function holderOf(scene: Scene): Promise<PtyPi> {
	const holder = await scene.pi();
	const prompt = scene.prompt();
	const answered = holder.sees(`heard ${prompt.split(" ").at(-1)}`);
	await holder.submit(prompt);
	await answered;
	await calm();
	return holder;
}

/** Another terminal at the newest session; it follows once it has shown something that was said elsewhere. */
async function followerOf(scene: Scene, holder: PtyPi, watched = true): Promise<PtyPi> {
	const follower = await scene.pi({ args: ["--session", scene.sessionFile()] });
	const prompt = scene.prompt();
	const answered = follower.sees(`heard ${prompt.split(" ").at(-1)}`);
	await holder.submit(prompt);
	await answered;
	await calm();
	if (!watched) follower.unwatch();
	return follower;
}

async function pair(setup: Setup, up: Up): Promise<Figure[]> {
	const scene = new Scene(setup, "pair");
	try {
		const a = await holderOf(scene);
		const b = await followerOf(scene, a);
		const streaming = await speeches(scene, a, { "A’s own screen": a, "B’s screen": b }, ["B’s screen"], {
			"the holder": { pids: [a.pid], percent: [] },
			"the follower": { pids: [b.pid], percent: [] },
			"the backend": { pids: [up.pid], percent: [] },
		});
		const fromB = await enters(scene, b, [b, a]);
		const fromA = await enters(scene, a, [a, b]);
		const figure = (name: string, rounds: number[] = [], aim?: string): Figure => ({
			name,
			unit: "ms",
			rounds,
			aim,
		});
		return [
			...streaming,
			figure("Enter in B to A’s screen, nothing running", fromB.toScreens[1], "<= 35"),
			figure("Enter in A to B’s screen, nothing running", fromA.toScreens[1], "<= 35"),
			figure("Enter in B to B’s own screen", fromB.toScreens[0]),
			figure("Enter in B to the provider, with the lock", fromB.toProvider, "<= 15"),
			figure("Enter in A to the provider, with the lock", fromA.toProvider, "<= 15"),
			figure("Enter in B to A’s screen, during a run of A", await handedOver(scene, a, b), "<= 35"),
		];
	} finally {
		await scene.close();
	}
}

/** Enter in B while A runs: the prompt shows on A's screen as queued. */
async function handedOver(scene: Scene, a: PtyPi, b: PtyPi): Promise<number[]> {
	const times: number[] = [];
	for (let round = 0; round < ROUNDS; round++) {
		const mark = scene.mark();
		const tokens = 300;
		const running = b.sees(word(mark, 50));
		await a.submit(`follow ${mark} ${tokens} 100`);
		await running;
		const prompt = scene.prompt();
		await b.type(prompt);
		const shown = a.sees(prompt);
		const answered = a.sees(`heard ${prompt.split(" ").at(-1)}`);
		const at = b.enter();
		times.push(msBetween(at, await shown));
		await answered;
		await calm();
	}
	return times;
}

/** A terminal that joins in mid-answer: from its start until it shows what the holder shows. */
async function lateJoin(setup: Setup): Promise<Figure[]> {
	const scene = new Scene(setup, "join");
	const joins: number[] = [];
	const starts: number[] = [];
	try {
		const a = await holderOf(scene);
		for (let round = 0; round < ROUNDS; round++) {
			const file = scene.sessionFile();
			const mark = scene.mark();
			const tokens = JOIN_AT + 600;
			const [stockNow, joinNow] = [STOCK_AT, JOIN_AT].map((token) => a.sees(word(mark, token)));
			const ended = a.sees(word(mark, tokens - 1));
			await a.submit(`follow ${mark} ${tokens} 100`);
			await stockNow;
			starts.push(await stockStart(scene, file));
			await joinNow;
			const b = scene.begin({ args: ["--session", file] });
			await Promise.all([ended, b.sees(word(mark, tokens - 1))]);
			joins.push(levelAfter(a, b, mark, tokens));
			await calm();
			await scene.end(b);
		}
	} finally {
		await scene.close();
	}
	const own = median(starts);
	return [
		{ name: "start of stock Pi on that session meanwhile, until it shows it", unit: "ms", rounds: starts },
		{
			name: `late join at token ${JOIN_AT}, until level`,
			unit: "ms",
			aim: `<= ${Math.round(own + 150)}`,
			rounds: joins,
		},
	];
}

/** Stock Pi on a copy of the file, until it shows what the session's first answer was, ms. */
async function stockStart(scene: Scene, file: string): Promise<number> {
	const copy = join(scene.cwd, "copy.jsonl");
	copyFileSync(file, copy);
	const pi = scene.begin({ stock: true, args: ["--session", copy] });
	const shown = await pi.sees("heard p001x");
	await scene.end(pi);
	return msBetween(pi.spawnedAt, shown);
}

/** Two frames of Pi: what a level screen may be behind. */
const LEVEL_NS = 35_000_000n;

/** From B's start, ms, to the first moment when B shows what A showed two frames before. */
function levelAfter(a: PtyPi, b: PtyPi, mark: string, tokens: number): number {
	const order = Array.from({ length: tokens }, (_, token) => word(mark, token));
	for (const [token, text] of order.entries()) {
		const at = b.seen.get(text);
		const next = a.seen.get(order[token + 1] ?? text);
		if (at !== undefined && next !== undefined && next >= at - LEVEL_NS) return msBetween(b.spawnedAt, at);
	}
	return Number.NaN;
}

/** As many followers as memory allows, up to ten; the first two are watched. */
async function crowd(setup: Setup, up: Up): Promise<Figure[]> {
	const fits = Math.floor((freemem() / 2 ** 20 - MIB_KEPT) / MIB_PER_PI) - 1;
	const count = Math.max(1, Math.min(CROWD, fits));
	const scene = new Scene(setup, "crowd");
	try {
		const a = await holderOf(scene);
		const followers: PtyPi[] = [];
		for (let index = 0; index < count; index++) followers.push(await followerOf(scene, a, index < 2));
		const [first, second] = followers as [PtyPi, PtyPi | undefined];
		const of = `of ${count} followers`;
		const screens: Record<string, PtyPi> = {
			[`A’s own screen with ${count} followers`]: a,
			[`the first ${of}`]: first,
		};
		if (second) screens[`the second ${of}`] = second;
		const figures = await speeches(scene, a, screens, [], {
			[`the holder with ${count} followers`]: { pids: [a.pid], percent: [] },
			[`each ${of}`]: { pids: followers.map(({ pid }) => pid), percent: [] },
			[`the backend with ${count} followers`]: { pids: [up.pid], percent: [] },
		});
		await scene.close();
		return [...figures, ...(await stockCrowd(setup, count + 1))];
	} finally {
		await scene.close();
	}
}

/** What this machine can draw at all: as many stock Pis, each saying the same to its own screen at once. */
async function stockCrowd(setup: Setup, count: number): Promise<Figure[]> {
	const scene = new Scene(setup, "stock-crowd");
	try {
		const pis: PtyPi[] = [];
		for (let index = 0; index < count; index++) pis.push(await scene.pi({ stock: true }));
		const { tokens, rate } = { tokens: 2000, rate: 300 };
		const rounds: number[][] = [];
		for (let round = 0; round < ROUNDS; round++) {
			const mark = scene.mark();
			const all = pis.map(async (pi) => (await speech(pi, [pi], { mark, tokens, rate }, {}))[0] ?? []);
			rounds.push((await Promise.all(all))[0] ?? []);
		}
		return ([50, 95, 99] as const).map((p) => ({
			name: `delta to its screen, one of ${count} stock Pis, p${p}, ${tokens} tokens at ${rate}/s`,
			unit: "ms",
			rounds: rounds.map((delays) => percentile(delays, p)),
		}));
	} finally {
		await scene.close();
	}
}

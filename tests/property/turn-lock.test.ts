import { afterAll, expect, jest, test } from "bun:test";
import fc from "fast-check";
import { asRefusal } from "../../src/protocol/errors.ts";
import { TURN_LOCK_MS } from "../../src/protocol/limits.ts";
import type { AcceptedPrompt, PromptView } from "../../src/protocol/prompt.ts";
import { identityOf } from "../functions/app.ts";
import { closeEngines, openEngineRunner } from "../functions/engine-runner.ts";
import { session } from "../functions/stories.ts";
import {
	acquire,
	holds,
	isFree,
	type LockModel,
	leave,
	newLock,
	release,
	renew,
	wrongMoves,
} from "./turn-lock-model.ts";

/**
 * Terminals acquire, renew, release, take over and leave; they send, withdraw, accept and advance prompts;
 * replies are lost or asked for again, time passes in steps of every size or jumps while nothing else runs.
 * The engine has to give the answers that the model gives. Besides, whatever the model says: no two
 * terminals ever believe at once that an unexpired lock is theirs; no write is taken under an old epoch; no
 * prompt is accepted for two terminals or epochs, so none runs twice; prompts go their way and nowhere else.
 */
type Step =
	| {
			kind: "acquire" | "renew" | "release" | "takeOver";
			terminal: string;
			again: boolean;
			lost: boolean;
			old: boolean;
	  }
	| { kind: "leave" | "write"; terminal: string }
	| { kind: "send"; prompt: string; terminal: string; again: boolean }
	| { kind: "withdraw"; prompt: string; again: boolean }
	| { kind: "accept"; prompt: string; terminal: string; again: boolean; anyEpoch: boolean }
	| { kind: "advance"; prompt: string; terminal: string; state: "started" | "done" | "failed" | "returned" }
	| { kind: "pause" | "jump"; ms: number };

const terminal = fc.constantFrom("t0", "t1", "t2", "t3");
const prompt = fc.constantFrom("p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7");
const often = fc.boolean();
const rarely = fc.constantFrom(false, false, false, true);
const kind = <K extends string>(...kinds: K[]) => fc.constantFrom(...kinds);
const state = kind("started", "started", "done", "failed", "returned");
const ms = fc.oneof(
	{ weight: 7, arbitrary: fc.integer({ min: 1, max: 3000 }) },
	{ weight: 1, arbitrary: fc.integer({ min: 1, max: 2 * TURN_LOCK_MS }) },
);
/** Mostly the next one that it may be. */
const which = fc.oneof(
	{ weight: 3, arbitrary: fc.constant("due") },
	{ weight: 1, arbitrary: fc.constant("going") },
	{ weight: 1, arbitrary: prompt },
);
/** Mostly whoever it falls to by then: who holds the lock, or who accepted the prompt. */
const who = fc.constantFrom("due", "due", "due", "t0", "t1", "t2", "t3");

const vStep: fc.Arbitrary<Step> = fc.oneof(
	{
		weight: 4,
		arbitrary: fc.record({
			kind: kind("acquire", "acquire", "renew", "renew", "release", "takeOver"),
			terminal,
			again: often,
			lost: rarely,
			old: rarely,
		}),
	},
	{ weight: 2, arbitrary: fc.record({ kind: kind("write", "write", "leave"), terminal }) },
	{ weight: 3, arbitrary: fc.record({ kind: kind("send"), prompt, terminal, again: often }) },
	{ weight: 1, arbitrary: fc.record({ kind: kind("withdraw"), prompt, again: often }) },
	{
		weight: 5,
		arbitrary: fc.record({
			kind: kind("accept"),
			prompt: which,
			terminal: who,
			again: often,
			anyEpoch: rarely,
		}),
	},
	{ weight: 4, arbitrary: fc.record({ kind: kind("advance"), prompt: which, terminal: who, state }) },
	{ weight: 2, arbitrary: fc.record({ kind: kind("pause", "jump"), ms }) },
);

afterAll(async () => {
	jest.useRealTimers();
	await closeEngines();
});

const runs = Number(process.env.PROPERTY_RUNS ?? 100);
const seed = Number(process.env.PROPERTY_SEED) || Date.now() % 2 ** 31;
let start = Date.parse("2026-03-01T00:00:00.000Z");

test(`lock and prompts agree with their model, whatever comes in whatever order (seed ${seed})`, async () => {
	await fc.assert(fc.asyncProperty(fc.array(vStep, { minLength: 5, maxLength: 100, size: "max" }), play), {
		numRuns: runs,
		seed,
	});
}, 240_000);

type Call = (path: string, args: object) => Promise<unknown>;
type World = {
	lock: LockModel;
	prompts: PromptView[];
	/** For each prompt, the terminals and epochs that were told they accepted it. */
	accepted: Map<string, Set<string>>;
	mutate: Call;
	query: Call;
	settle: () => Promise<void>;
};

async function play(steps: Step[]): Promise<void> {
	start += 24 * 60 * 60 * 1000;
	jest.useFakeTimers({ now: start });
	const runner = await openEngineRunner({ env: {} });
	try {
		const hash = "e".repeat(64);
		const key = { name: "k", hash, shown: "osk_test…", scopes: ["read", "write", "control"] };
		const { id } = (await runner.run("mutation", "apiKeys:addFirst", key)) as { id: string };
		const { userId } = (await runner.run("mutation", "apiKeys:find", { hash })) as { userId: string };
		const identity = identityOf(userId, id);
		const call = (kind: "mutation" | "query") => (path: string, args: object) =>
			runner.call(kind, path, { ...args }, identity);
		const world: World = {
			lock: newLock(),
			prompts: [],
			accepted: new Map(),
			mutate: call("mutation"),
			query: call("query"),
			settle: runner.settle,
		};
		await world.mutate("sessions:open", session("s"));
		for (const written of steps) {
			const step = resolved(world, written);
			await take(world, step);
			await check(world, step);
		}
	} finally {
		await runner.close();
		jest.useRealTimers();
	}
}

/** The step with "due" replaced by the prompt and the terminal whose turn it is. */
function resolved({ lock, prompts }: World, step: Step): Step {
	if (step.kind !== "accept" && step.kind !== "advance") return step;
	const going = prompts.find(({ state }) => state === "accepted" || state === "started");
	const queued = prompts.find(({ state }) => state === "queued");
	const next = step.prompt === "going" || step.kind === "advance" ? going : queued;
	const promptId = /^p\d$/.test(step.prompt) ? step.prompt : (next?.promptId ?? "p0");
	const accepted = prompts.find((one) => one.promptId === promptId)?.acceptedBy;
	const due = (step.kind === "advance" ? accepted : lock.holder) ?? "t0";
	return { ...step, prompt: promptId, terminal: step.terminal === "due" ? due : step.terminal };
}

async function take(world: World, step: Step): Promise<void> {
	switch (step.kind) {
		case "jump":
			jest.setSystemTime(Date.now() + step.ms);
			return;
		case "pause":
			return await pause(step.ms, world.settle);
		case "write":
			return await write(world, step.terminal);
		case "leave":
			return await goodbye(world, step.terminal);
		case "send":
			return await repeated(step.again, () => send(world, step.prompt, step.terminal));
		case "withdraw":
			return await repeated(step.again, () => withdraw(world, step.prompt));
		case "accept":
			return await repeated(step.again, () => accept(world, step));
		case "advance":
			return void (await world.mutate("prompts:advance", {
				promptId: step.prompt,
				terminalId: step.terminal,
				state: step.state,
			}));
		default:
			return await repeated(step.again, () => changeLock(world, step));
	}
}

/** A reply that was lost: the same call again. */
async function repeated(again: boolean, act: () => Promise<void>): Promise<void> {
	await act();
	if (again) await act();
}

/** What has to hold after every step. */
async function check(world: World, step: Step): Promise<void> {
	const { lock } = world;
	const believers = [...lock.believed].filter(([, { until }]) => until > Date.now());
	expect(believers.length).toBeLessThanOrEqual(1);
	const shown = (await world.query("turnLock:current", { sessionId: "s" })) as { holder: object | null };
	if (isFree(lock)) expect(shown).toMatchObject({ epoch: lock.epoch });
	else expect(shown).toMatchObject({ epoch: lock.epoch, holder: { terminalId: lock.holder } });
	const before = world.prompts;
	const after = await listed(world);
	expect(wrongMoves(before, after, lock, step)).toEqual([]);
	// Once a holder is seen to be gone, nothing that it accepted is still said to run.
	const going = after.filter(({ state }) => state === "accepted" || state === "started");
	if (shown.holder !== null)
		expect(
			going.filter(({ acceptedBy }) => acceptedBy !== (shown.holder as { terminalId: string }).terminalId),
		).toEqual([]);
	if (step.kind === "pause" && step.ms > 0 && lock.holder !== null && shown.holder === null)
		expect(going).toEqual([]);
	for (const who of world.accepted.values()) expect([...who]).toHaveLength(1);
	world.prompts = after;
}

async function listed(world: World): Promise<PromptView[]> {
	return (await world.query("prompts:list", { sessionId: "s" })) as PromptView[];
}

async function send(world: World, promptId: string, terminalId: string): Promise<void> {
	const known = (await listed(world)).find((one) => one.promptId === promptId);
	const body = { kind: "inline", json: "{}" };
	const args = { sessionId: "s", promptId, terminalId, kind: "prompt", body };
	expect(await world.mutate("prompts:send", args)).toBe(known?.state ?? "queued");
}

async function withdraw(world: World, promptId: string): Promise<void> {
	const known = (await listed(world)).find((one) => one.promptId === promptId);
	const answer = await world
		.mutate("prompts:withdraw", { promptId })
		.catch((error) => asRefusal(error)?.code);
	if (known === undefined) expect(answer).toBe("invalid");
	else expect(answer).toBe(known.state === "queued" ? "withdrawn" : known.state);
}

async function accept(world: World, step: Extract<Step, { kind: "accept" }>): Promise<void> {
	const { lock, accepted } = world;
	const { prompt: promptId, terminal: terminalId } = step;
	const epoch = step.anyEpoch ? lock.epoch : (lock.given.get(terminalId) ?? 0);
	const known = (await listed(world)).find((one) => one.promptId === promptId);
	const answer = await world
		.mutate("prompts:accept", { promptId, terminalId, epoch })
		.then((value) => value as AcceptedPrompt, asRefusal);
	const mine = accepted.get(promptId)?.has(`${terminalId} ${epoch}`) ?? false;
	if (answer && "kind" in answer && answer.kind === "accepted")
		accepted.set(promptId, (accepted.get(promptId) ?? new Set()).add(`${terminalId} ${epoch}`));
	if (known === undefined) return void expect(answer).toMatchObject({ code: "invalid" });
	if (!holds(lock, terminalId, epoch))
		return void expect(answer).toMatchObject({ code: "stale_epoch", epoch: lock.epoch });
	const due = known.state === "queued" || (known.state === "accepted" && mine);
	expect(answer).toEqual(due ? { kind: "accepted" } : { kind: "gone", state: known.state });
}

/** A write is taken exactly when no acquisition came after the one that it carries. */
async function write({ lock, mutate }: World, terminalId: string): Promise<void> {
	const epoch = lock.given.get(terminalId);
	if (epoch === undefined) return;
	const update = { sessionId: "s", status: "running", epoch };
	const refused = await mutate("sessions:update", update).then(() => null, asRefusal);
	if (epoch === lock.epoch) expect(refused).toBeNull();
	else expect(refused).toMatchObject({ code: "stale_epoch", epoch: lock.epoch });
}

async function goodbye({ lock, mutate }: World, clientId: string): Promise<void> {
	await mutate("presence:beat", { clientId, kind: "terminal", sessionId: "s", watching: false, label: "x" });
	await mutate("presence:leave", { clientId });
	leave(lock, clientId);
}

async function changeLock(
	{ lock, mutate }: World,
	{
		kind,
		terminal: terminalId,
		lost,
		old,
	}: Extract<Step, { lost: boolean; kind: "acquire" | "renew" | "release" | "takeOver" }>,
): Promise<void> {
	const epoch = lock.believed.get(terminalId)?.epoch ?? lock.epoch;
	const at = { sessionId: "s", terminalId };
	const label = "host";
	switch (kind) {
		case "acquire": {
			const due = acquire(lock, terminalId, null, TURN_LOCK_MS, lost);
			return void expect(await mutate("turnLock:acquire", { ...at, label })).toMatchObject(due);
		}
		case "takeOver": {
			const seen = old ? lock.epoch - 1 : lock.epoch;
			const due = acquire(lock, terminalId, seen, TURN_LOCK_MS, lost);
			return void expect(await mutate("turnLock:takeOver", { ...at, label, epoch: seen })).toMatchObject(due);
		}
		case "renew": {
			const due = renew(lock, terminalId, epoch, TURN_LOCK_MS, lost);
			return void expect(await mutate("turnLock:renew", { ...at, epoch })).toMatchObject(due);
		}
		case "release": {
			const due = release(lock, terminalId, epoch);
			return void expect(await mutate("turnLock:release", { ...at, epoch })).toMatchObject(due);
		}
	}
}

async function pause(ms: number, settle: () => Promise<void>): Promise<void> {
	for (let left = ms; left > 0; left -= 1000) {
		jest.advanceTimersByTime(Math.min(1000, left));
		await settle();
	}
}

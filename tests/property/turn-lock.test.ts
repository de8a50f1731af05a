import { afterAll, expect, jest, test } from "bun:test";
import fc from "fast-check";
import { asRefusal } from "../../src/protocol/errors.ts";
import { TURN_LOCK_MS } from "../../src/protocol/limits.ts";
import { identityOf } from "../functions/app.ts";
import { closeEngines, openEngineRunner } from "../functions/engine-runner.ts";
import { session } from "../functions/stories.ts";

/**
 * Terminals acquire, renew, release and take over, replies are lost and asked for again, time passes in
 * steps of every size. The model knows one holder, one epoch and one deadline; the engine has to agree with
 * every answer, and no two terminals may ever believe at once that an unexpired lock is theirs.
 */
type Step =
	| { kind: "acquire" | "renew" | "release" | "takeOver"; terminal: number; again: boolean }
	| { kind: "write"; terminal: number }
	| { kind: "pause"; ms: number };

const vStep: fc.Arbitrary<Step> = fc.oneof(
	{
		weight: 4,
		arbitrary: fc.record({
			kind: fc.constantFrom("acquire" as const, "renew" as const, "release" as const, "takeOver" as const),
			terminal: fc.integer({ min: 0, max: 4 }),
			again: fc.boolean(),
		}),
	},
	{
		weight: 2,
		arbitrary: fc.record({ kind: fc.constant("write" as const), terminal: fc.integer({ min: 0, max: 4 }) }),
	},
	{
		weight: 1,
		arbitrary: fc.record({
			kind: fc.constant("pause" as const),
			ms: fc.integer({ min: 1, max: 2 * TURN_LOCK_MS }),
		}),
	},
);

class Model {
	epoch = 0;
	holder: string | null = null;
	expiresAt = 0;
	/** What each terminal was told last: the epoch it thinks it holds, and the one it saw. */
	readonly held = new Map<string, { epoch: number; until: number }>();
	/** The last epoch each terminal was given: what it would write with, right or wrong. */
	readonly given = new Map<string, number>();

	get free(): boolean {
		return this.holder === null || this.expiresAt <= Date.now();
	}

	acquire(terminal: string, seen: number | null): object {
		const mine = !this.free && this.holder === terminal;
		const takes = this.free || (seen !== null && seen === this.epoch);
		if (!mine && !takes) return { kind: "held", epoch: this.epoch, holder: { terminalId: this.holder } };
		if (!mine) {
			this.epoch++;
			// The one it was taken from still believes; its writes carry the old epoch.
			if (seen !== null && this.holder !== null) this.held.delete(this.holder);
		}
		this.holder = terminal;
		return { kind: "acquired", epoch: this.epoch, expiresAt: this.prolong(terminal) };
	}

	renew(terminal: string, epoch: number): object {
		if (this.free || this.holder !== terminal || this.epoch !== epoch)
			return { kind: "lost", epoch: this.epoch };
		return { kind: "renewed", expiresAt: this.prolong(terminal) };
	}

	release(terminal: string, epoch: number): object {
		const mine = !this.free && this.holder === terminal && this.epoch === epoch;
		if (mine) {
			this.holder = null;
			this.held.delete(terminal);
		}
		const gone = this.free && this.epoch === epoch;
		return mine || gone ? { kind: "released" } : { kind: "lost", epoch: this.epoch };
	}

	private prolong(terminal: string): number {
		this.expiresAt = Date.now() + TURN_LOCK_MS;
		this.held.set(terminal, { epoch: this.epoch, until: this.expiresAt });
		this.given.set(terminal, this.epoch);
		return this.expiresAt;
	}
}

afterAll(async () => {
	jest.useRealTimers();
	await closeEngines();
});

const runs = Number(process.env.PROPERTY_RUNS ?? 60);
const seed = process.env.PROPERTY_SEED ? Number(process.env.PROPERTY_SEED) : Date.now() % 2 ** 31;
let start = Date.parse("2026-03-01T00:00:00.000Z");

test(`the lock agrees with its model, whatever comes in whatever order (seed ${seed})`, async () => {
	await fc.assert(fc.asyncProperty(fc.array(vStep, { minLength: 5, maxLength: 60 }), play), {
		numRuns: runs,
		seed,
	});
}, 120_000);

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
		const call = (name: string, args: object) =>
			runner.call("mutation", `turnLock:${name}`, { sessionId: "s", ...args }, identity);
		const update = (epoch: number) =>
			runner.call("mutation", "sessions:update", { sessionId: "s", status: "running", epoch }, identity);
		await runner.call("mutation", "sessions:open", session("s"), identity);
		const model = new Model();
		for (const step of steps) {
			if (step.kind === "pause") await pause(step.ms, runner.settle);
			else if (step.kind === "write") await write(model, `t${step.terminal}`, update);
			else
				for (let i = 0; i <= Number(step.again); i++) await one(model, step.kind, `t${step.terminal}`, call);
			const believers = [...model.held].filter(([, { until }]) => until > Date.now());
			expect(believers.length).toBeLessThanOrEqual(1);
			const shown = await runner.call("query", "turnLock:current", { sessionId: "s" }, identity);
			if (model.free) expect(shown).toMatchObject({ epoch: model.epoch });
			else expect(shown).toMatchObject({ epoch: model.epoch, holder: { terminalId: model.holder } });
		}
	} finally {
		await runner.close();
		jest.useRealTimers();
	}
}

/** A write is taken exactly when no acquisition came after the one that it carries. */
async function write(
	model: Model,
	terminalId: string,
	update: (epoch: number) => Promise<unknown>,
): Promise<void> {
	const epoch = model.given.get(terminalId);
	if (epoch === undefined) return;
	const refused = await update(epoch).then(() => null, asRefusal);
	if (epoch === model.epoch) expect(refused).toBeNull();
	else expect(refused).toMatchObject({ code: "stale_epoch", epoch: model.epoch });
}

async function one(
	model: Model,
	kind: "acquire" | "renew" | "release" | "takeOver",
	terminalId: string,
	call: (name: string, args: object) => Promise<unknown>,
): Promise<void> {
	const label = "host";
	const epoch = model.held.get(terminalId)?.epoch ?? model.epoch;
	const seen = model.epoch;
	const expected =
		kind === "acquire"
			? model.acquire(terminalId, null)
			: kind === "takeOver"
				? model.acquire(terminalId, seen)
				: model[kind](terminalId, epoch);
	const args =
		kind === "acquire"
			? { terminalId, label }
			: kind === "takeOver"
				? { terminalId, label, epoch: seen }
				: { terminalId, epoch };
	expect(await call(kind, args)).toMatchObject(expected);
}

async function pause(ms: number, settle: () => Promise<void>): Promise<void> {
	for (let left = ms; left > 0; left -= 1000) {
		jest.advanceTimersByTime(Math.min(1000, left));
		await settle();
	}
}

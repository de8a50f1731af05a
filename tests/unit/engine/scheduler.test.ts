import { expect, test } from "bun:test";
import { FunctionTable } from "../../../src/engine/functions/function-table.ts";
import { Crons } from "../../../src/engine/scheduler/crons.ts";
import { Scheduler, type SchedulerOptions } from "../../../src/engine/scheduler/scheduler.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

const HOUR_MS = 3_600_000;

const functions = new FunctionTable(
	new Map([
		[
			"a",
			{ run: { isMutation: true, invokeMutation: () => Promise.resolve("null"), exportArgs: () => "null" } },
		],
	]),
);

/** A clock on the wall that goes on while timers stand still, as when the machine sleeps. */
function sleepingClock(): { timers: FakeClock; clock: FakeClock; sleep: (ms: number) => void } {
	const timers = new FakeClock();
	let sleptMs = 0;
	const clock = {
		now: () => timers.now() + sleptMs,
		after: (ms: number, run: () => void) => timers.after(ms, run),
	} as FakeClock;
	const sleep = (ms: number): void => {
		sleptMs += ms;
	};
	return { timers, clock, sleep };
}

/** A scheduler with one job. */
function schedulerWith(
	clock: SchedulerOptions["clock"],
	dueMs: number,
	run: () => Promise<void>,
): { scheduler: Scheduler; logged: string[] } {
	const logged: string[] = [];
	let isDone = false;
	const jobs = {
		interrupted: () => [],
		due: (nowMs: number) => (!isDone && dueMs <= nowMs ? ["job"] : []),
		nextDue: () => (isDone ? null : dueMs),
		isPending: () => !isDone,
		read: () => ({ id: "job", path: "a.js:run", argsJson: "[{}]" }),
		prune: () => 0,
	};
	const runner = {
		writeAlone: async (work: (tx: null) => unknown) => work(null),
		mutation: async () => {
			await run();
			isDone = true;
			return { kind: "ok" };
		},
	};
	const scheduler = new Scheduler({
		jobs,
		runner,
		functions,
		clock,
		readAlone: async (work: () => unknown) => work(),
		log: (line: string) => logged.push(line),
	} as unknown as SchedulerOptions);
	return { scheduler, logged };
}

test("what could not be stored is tried again after a rest that grows, and at last runs", async () => {
	const clock = new FakeClock();
	let left = 3;
	const { scheduler, logged } = schedulerWith(clock, clock.now(), async () => {
		left -= 1;
		if (left >= 0) throw new Error("database or disk is full");
	});
	await scheduler.start();
	const rests: Array<number | null> = [];
	for (let tries = 1; tries <= 3; tries++) {
		await settle(500);
		expect(logged).toHaveLength(tries);
		const rest = clock.next();
		rests.push(rest);
		await clock.advance(rest ?? 0);
	}
	await settle(50);
	expect(rests).toEqual([1000, 2000, 4000]);
	expect(left).toBe(-1);
	expect(logged).toHaveLength(3);
});

test("what fell due while the machine slept runs soon after", async () => {
	const { timers, clock, sleep } = sleepingClock();
	let runs = 0;
	const { scheduler } = schedulerWith(clock, clock.now() + 2 * HOUR_MS, async () => {
		runs += 1;
	});
	await scheduler.start();
	await timers.advance(HOUR_MS);
	expect(runs).toBe(0);
	sleep(3 * HOUR_MS);
	await timers.advance(60_000);
	expect(runs).toBe(1);
});

test("a cron that fell due while the machine slept runs soon after, and once", async () => {
	const { timers, clock, sleep } = sleepingClock();
	let runs = 0;
	const runner = {
		writeAlone: async (work: () => unknown) => work(),
		mutation: async () => {
			runs += 1;
			return { kind: "ok" };
		},
	};
	const store = { sync: () => new Map([["hourly", clock.now() + 24 * HOUR_MS]]), setNext: () => {} };
	const schedule = { type: "interval", hours: 24 } as const;
	const options = { store, runner, functions, clock, log: () => {} } as never;
	const crons = new Crons({ hourly: { name: "a:run", args: [], schedule } }, options);
	await crons.start();
	await timers.advance(HOUR_MS);
	sleep(60 * HOUR_MS);
	await timers.advance(120_000);
	expect(runs).toBe(1);
	crons.close();
});

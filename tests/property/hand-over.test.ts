/**
 * Terminals that take turns at one session: one run at a time, every prompt run once or given back to who
 * typed it, and everybody with the same entries, the same context and the same screen in the end. Everything
 * of ours is real; Pi, the backend and the network are models.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { runs } from "../support/arbitraries.ts";
import { drawn } from "../support/follow-screen.ts";
import {
	apart,
	deadly,
	distant,
	HandOverWorld,
	type Happening,
	lively,
	restless,
	SESSION,
	together,
} from "../support/hand-over-world.ts";
import { APART, DEADLY, DISTANT, LIVELY } from "./hand-over-stories.ts";

/** All have what the backend has, and show it. */
function expectLevel(world: HandOverWorld): void {
	expect(world.running).toEqual([]);
	const lines = world.store.read(SESSION);
	for (const terminal of world.terminals) {
		const own = terminal.entries().map((entry) => JSON.stringify(entry));
		expect(own.toSorted()).toEqual(lines.toSorted());
		expect(terminal.screen.rows).toEqual(drawn(terminal.manager.getBranch() as never));
		expect(terminal.screen.working).toBe(false);
		expect(terminal.manager.getLeafId()).toBe(world.store.session(SESSION).leafId);
		expect(terminal.log.filter((line) => line.startsWith("following failed"))).toEqual([]);
	}
	expect(world.store.held(SESSION)).toBeNull();
	expect(world.store.live(SESSION)).toBeNull();
}

/** Each prompt was run once, or is back with who typed it, or waits where Pi lets it wait after Escape. */
function expectEachOnce(world: HandOverWorld, isTorn = false): void {
	const said = world.said();
	for (const { text, by } of world.typed) {
		const times = said.filter((one) => one === text).length;
		const queued = world.terminals.flatMap(({ session }) => session.queued);
		const back = [...by.editor.split("\n\n"), ...queued].filter((one) => one === text).length;
		// A holder that is cut off, or whose run is ended just then, may run later what is back with its author:
		// never twice, and never neither.
		if (isTorn) expect([text, times + back > 0]).toEqual([text, true]);
		else if (!world.dead.includes(by)) expect([text, times + back]).toEqual([text, 1]);
		expect(times).toBeLessThanOrEqual(1);
	}
}

test("whoever types, one terminal runs at a time, every prompt once, and all have the same in the end", async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.integer({ min: 2, max: 3 }),
			fc.array(together, { maxLength: 25 }),
			async (count, happenings) => {
				const world = await HandOverWorld.begin(count);
				for (const happening of happenings) {
					await world.do(happening);
					expect(world.running.length).toBeLessThanOrEqual(1);
				}
				await world.end();
				expectLevel(world);
				expectEachOnce(world);
				const lines = world.store.read(SESSION);
				for (const terminal of world.terminals) {
					expect(terminal.entries().map((entry) => JSON.stringify(entry))).toEqual(lines);
					expect(terminal.editor).toBe("");
				}
				// Every answer was asked for with all that was said before it, as at one terminal.
				const said = lines.flatMap((line) => JSON.stringify(JSON.parse(line).message?.content) ?? []);
				for (const context of world.terminals.flatMap(({ session }) => session.contexts))
					expect(context).toEqual(said.slice(0, context.length));
				await world.close();
			},
		),
		runs(60),
	);
}, 60_000);

/** Tells random stories of one kind. @param isTorn prompts may come back that are run later. @param isWhole nothing is cut off: never do two run at once. */
async function told(
	happenings: fc.Arbitrary<Happening>,
	options: { terminals?: number; isTorn?: boolean; isWhole?: boolean; first?: [Happening[]][] } = {},
): Promise<void> {
	const { terminals = 2, isTorn = false, isWhole = false, first = [] } = options;
	await fc.assert(
		fc.asyncProperty(fc.array(happenings, { maxLength: 25 }), async (story) => {
			const world = await HandOverWorld.begin(terminals);
			for (const happening of story) {
				await world.do(happening);
				if (isWhole) expect(world.running.length).toBeLessThanOrEqual(1);
			}
			await world.end();
			expectLevel(world);
			expectEachOnce(world, isTorn);
			await world.close();
		}),
		{ ...runs(60), examples: first },
	);
}

test("names, moves in the tree and terminals that come later: all are level in the end", async () => {
	await told(lively, { isWhole: true, first: LIVELY });
}, 60_000);

test("Escape anywhere ends the run, and each prompt that it kept from running is back with who typed it", async () => {
	await told(restless, { isWhole: true, isTorn: true });
}, 60_000);

test("terminals that are far away: one runs at a time, and all are level in the end", async () => {
	await told(distant, { isTorn: true, first: DISTANT });
}, 60_000);

test("links that are cut and answers that are lost: no entry is lost, no prompt is run twice", async () => {
	await told(apart, { isTorn: true, first: APART });
}, 60_000);

test("a terminal that is killed holds nobody up, and what it was to run goes back to who typed it", async () => {
	await told(deadly, { terminals: 3, first: DEADLY });
}, 60_000);

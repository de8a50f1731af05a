/**
 * A second terminal draws a run of the first one, whenever it joins: every message and every tool once, in
 * order, whole at the end, and never something that will not be there. Real are the teller of the run, the
 * sync, the follower and the replay; the backend, its network and Pi's screen are models.
 */
import { test } from "bun:test";
import fc from "fast-check";
import { runs } from "../support/arbitraries.ts";
import { FollowWorld, moments } from "../support/follow-world.ts";
import { runScript } from "../support/pi-run.ts";

const twoRuns = fc.array(runScript, { minLength: 1, maxLength: 2 });

test("a run is drawn once, in order and whole, by whoever follows it from the beginning", async () => {
	await fc.assert(
		fc.asyncProperty(twoRuns, async (scripts) => {
			const world = new FollowWorld();
			const follower = world.join(0);
			await world.play(scripts, []);
			await world.end();
			world.check(follower);
		}),
		runs(60),
	);
}, 60_000);

test("whoever joins in its midst sees what was said so far, and the rest", async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(runScript, { minLength: 1, maxLength: 2 }),
			moments(0, false),
			async (scripts, list) => {
				const world = new FollowWorld();
				await world.play(scripts, list);
				await world.end();
				for (const follower of world.followers) world.check(follower);
			},
		),
		runs(150),
	);
}, 60_000);

test("neither slow pushes nor slow appends show anything twice or leave anything out", async () => {
	await fc.assert(
		fc.asyncProperty(twoRuns, moments(2_000, false), async (scripts, list) => {
			const world = new FollowWorld();
			world.join(0);
			await world.play(scripts, list);
			await world.end();
			for (const follower of world.followers) world.check(follower);
		}),
		runs(100),
	);
}, 60_000);

test("calls of the holder that fail, or whose answers are lost, show nothing twice and leave nothing out", async () => {
	await fc.assert(
		fc.asyncProperty(twoRuns, moments(100, true), async (scripts, list) => {
			const world = new FollowWorld();
			world.join(0);
			await world.play(scripts, list);
			await world.end();
			for (const follower of world.followers) world.check(follower);
		}),
		runs(120),
	);
}, 60_000);

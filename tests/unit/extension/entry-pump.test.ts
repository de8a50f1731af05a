import { describe, expect, test } from "bun:test";
import { EntryPump } from "../../../src/extension/entry-pump.ts";
import { HandClock } from "./hand-clock.ts";

function pumped() {
	const session = { leaf: "a" as string | null, gone: false };
	const clock = new HandClock();
	let wakes = 0;
	const pump = new EntryPump(
		clock,
		() => {
			if (session.gone) throw new Error("stale");
			return session.leaf;
		},
		() => {
			wakes += 1;
		},
	);
	pump.start();
	return { session, clock, pump, wakes: () => wakes };
}

describe("the entry pump", () => {
	test("wakes for an entry that no event told of", () => {
		const { session, clock, wakes } = pumped();
		clock.advance(2_000);
		expect(wakes()).toBe(0);
		session.leaf = "label";
		clock.advance(500);
		expect(wakes()).toBe(1);
		clock.advance(5_000);
		expect(wakes()).toBe(1);
	});

	test("looks more often while a run is on", () => {
		const { session, clock, pump, wakes } = pumped();
		pump.setRunning(true);
		session.leaf = "b";
		clock.advance(250);
		expect(wakes()).toBe(1);
	});

	test("wakes at an event at once", () => {
		const { pump, wakes } = pumped();
		pump.look();
		expect(wakes()).toBe(1);
	});

	test("looks again right after message_end, when Pi has stored the message", async () => {
		const { session, pump, wakes } = pumped();
		pump.lookSoon();
		pump.lookSoon();
		session.leaf = "b";
		await new Promise((resolve) => setImmediate(resolve));
		expect(wakes()).toBe(1);
	});

	test("ends by itself when Pi replaced the session under it", () => {
		const { session, clock, wakes } = pumped();
		session.gone = true;
		clock.advance(1_000);
		expect(clock.waiting).toBe(0);
		expect(wakes()).toBe(0);
	});

	test("stops when told", () => {
		const { session, clock, pump, wakes } = pumped();
		pump.stop();
		session.leaf = "b";
		clock.advance(5_000);
		expect(wakes()).toBe(0);
	});
});

import { describe, expect, test } from "bun:test";
import { LateSync } from "../../../src/extension/late-sync.ts";
import type { SessionSync } from "../../../src/sync/contract.ts";

/** A sync that writes down what it is told. */
function recorder() {
	const told: string[] = [];
	const sync = {
		wake: () => told.push("wake"),
		status: (status: string) => told.push(`status ${status}`),
		beginRun: (at: number) => told.push(`begin ${at}`),
		op: (op: unknown[]) => told.push(op.join(" ")),
		messageDone: () => told.push("done"),
		endRun: () => told.push("end"),
	} as unknown as SessionSync;
	return { told, sync };
}

describe("before the sync is there", () => {
	test("what a run says is kept and told in order", () => {
		const late = new LateSync();
		const { told, sync } = recorder();
		late.status("running");
		late.beginRun(7);
		late.op(["m", "assistant"]);
		late.op(["t", 0, "Hi"]);
		late.attach(sync);
		late.op(["t", 0, " you"]);
		expect(told).toEqual(["begin 7", "m assistant", "t 0 Hi", "status running", "wake", "t 0  you"]);
	});

	test("a message that was completed is left to its entry", () => {
		const late = new LateSync();
		const { told, sync } = recorder();
		late.beginRun(7);
		late.op(["m", "assistant"]);
		late.op(["e"]);
		late.messageDone();
		late.op(["x", "c", "bash", "{}"]);
		late.attach(sync);
		expect(told).toEqual(["begin 7", "x c bash {}", "status idle", "wake"]);
	});

	test("a run that was over leaves no stream behind", () => {
		const late = new LateSync();
		const { told, sync } = recorder();
		late.beginRun(7);
		late.op(["m", "assistant"]);
		late.messageDone();
		late.endRun();
		late.attach(sync);
		expect(told).toEqual(["begin 7", "end", "status idle", "wake"]);
	});

	test("no more is kept than a bound, and the run is known all the same", () => {
		const late = new LateSync();
		const { told, sync } = recorder();
		late.beginRun(7);
		for (let index = 0; index < 30_000; index += 1) late.op(["t", 0, "x"]);
		late.attach(sync);
		expect(told.length).toBeLessThan(20_010);
		expect(told[0]).toBe("begin 7");
	});

	test("nothing is kept where nothing will come", () => {
		const late = new LateSync();
		late.detach(false);
		expect(late.wanted).toBe(false);
		late.beginRun(7);
		late.op(["m", "assistant"]);
		const { told, sync } = recorder();
		late.attach(sync);
		expect(told).toEqual(["begin 7", "status idle", "wake"]);
	});
});

test("a sync that replaces another one in mid-run takes the run over", () => {
	const late = new LateSync();
	const first = recorder();
	const second = recorder();
	late.attach(first.sync);
	late.beginRun(7);
	late.status("running");
	late.op(["m", "assistant"]);
	expect(late.detach(true)).toBe(first.sync);
	late.op(["t", 0, "between"]);
	late.attach(second.sync);
	expect(second.told).toEqual(["begin 7", "t 0 between", "status running", "wake"]);
});

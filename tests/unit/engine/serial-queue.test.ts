/** Who runs before whom. */
import { expect, test } from "bun:test";
import { SerialQueue, turn } from "../../../src/engine/transaction/serial-queue.ts";

function queueAt() {
	const state = { now: 0, commits: 0 };
	const queue = new SerialQueue(
		() => {
			state.commits += 1;
		},
		() => state.now,
	);
	const order: string[] = [];
	const write = (name: string, takesMs = 0, isBackground = false) =>
		queue.runWrite(() => {
			order.push(name);
			state.now += takesMs;
			return () => name;
		}, isBackground);
	return { queue, state, order, write };
}

test("writes of the background let those pass that somebody waits for", async () => {
	const { order, write } = queueAt();
	await Promise.all([
		write("first"),
		write("job 1", 0, true),
		write("job 2", 0, true),
		write("second"),
		write("third"),
	]);
	expect(order).toEqual(["first", "second", "third", "job 1", "job 2"]);
});

test("the background is not starved: the first of it waits for a moment only, then the next", async () => {
	const { order, write } = queueAt();
	const all = [write("job 1", 0, true), write("job 2", 0, true)];
	for (let count = 0; count < 8; count += 1) all.push(write(`write ${count}`, 100));
	await Promise.all(all);
	expect(order.indexOf("job 1")).toBeLessThan(order.indexOf("write 4"));
	expect(order.indexOf("job 2")).toBeGreaterThan(order.indexOf("job 1") + 1);
	expect(order.indexOf("job 2")).toBeLessThan(order.indexOf("write 7"));
});

test("a clock that is put back holds nothing up", async () => {
	const { state, order, write } = queueAt();
	state.now = 1_000;
	const all = [write("before"), write("job", 0, true)];
	state.now = 0;
	all.push(write("after"));
	await Promise.all(all);
	expect(order).toContain("job");
	expect(order.indexOf("job")).toBeLessThan(order.indexOf("after"));
});

test("all of it is committed before the queue counts as idle", async () => {
	const { queue, state, order, write } = queueAt();
	void write("write");
	void write("job", 0, true);
	await queue.whenIdle();
	expect(order).toEqual(["write", "job"]);
	expect(state.commits).toBeGreaterThan(0);
});

test("what a job gave is not kept by the queue, however long it stays busy", async () => {
	const queue = new SerialQueue(
		() => {},
		() => 0,
	);
	const given: WeakRef<object>[] = [];
	for (let i = 0; i < 200; i++) {
		void queue.run(() => {
			const result = { pages: new Array(100).fill(i) };
			given.push(new WeakRef(result));
			return result;
		});
	}
	let kept = given.length;
	const looked = queue.run(async () => {
		// References live to the end of the turn, and some may be left on the stack.
		for (let i = 0; i < 3; i++) {
			await turn();
			Bun.gc(true);
		}
		kept = given.filter((one) => one.deref() !== undefined).length;
	});
	const behind = queue.run(() => {});
	await looked;
	expect(kept).toBeLessThan(20);
	await behind;
});

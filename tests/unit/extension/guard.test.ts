import { describe, expect, spyOn, test } from "bun:test";
import { createGuard } from "../../../src/extension/guard.ts";

function guarded() {
	const failures: string[] = [];
	return {
		failures,
		guard: createGuard((where, error) => failures.push(`${where}: ${(error as Error).message}`)),
	};
}

describe("a guarded handler", () => {
	test("that throws reports it and answers nothing", () => {
		const { failures, guard } = guarded();
		const handler = guard.handler("turn_end", () => {
			throw new Error("boom");
		});
		expect(handler({}, {})).toBeUndefined();
		expect(failures).toEqual(["turn_end: boom"]);
	});

	test("that rejects later reports it, and Pi has long gone on", async () => {
		const { failures, guard } = guarded();
		let fail: (error: Error) => void = () => {};
		const handler = guard.handler("context", () => new Promise<void>((_, reject) => (fail = reject)));
		expect(handler({}, {})).toBeUndefined();
		expect(failures).toEqual([]);
		fail(new Error("late"));
		await Promise.resolve();
		await Promise.resolve();
		expect(failures).toEqual(["context: late"]);
	});

	test("that gives something back gives Pi nothing", () => {
		const { guard } = guarded();
		const handler = guard.handler("message_end", (() => ({ message: "replaced" })) as never);
		expect(handler({}, {})).toBeUndefined();
	});

	test("whose report fails does not reach Pi either", () => {
		const guard = createGuard(() => {
			throw new Error("disk full");
		});
		const handler = guard.handler("x", () => {
			throw new Error("boom");
		});
		expect(() => handler({}, {})).not.toThrow();
	});

	test("that Pi waits for is given up at its deadline", async () => {
		const { guard } = guarded();
		const handler = guard.within(
			"session_shutdown",
			() => 5,
			() => new Promise<void>(() => {}),
		);
		expect(await handler({}, {})).toBeUndefined();
	});

	test("that Pi waits for ends as soon as it is done, and never throws", async () => {
		const { failures, guard } = guarded();
		let done = false;
		const good = guard.within(
			"a",
			() => 60_000,
			async () => {
				done = true;
			},
		);
		await good({}, {});
		expect(done).toBe(true);
		const bad = guard.within(
			"b",
			() => 60_000,
			async () => {
				throw new Error("boom");
			},
		);
		await bad({}, {});
		expect(failures).toEqual(["b: boom"]);
	});

	test("prints nothing when it fails", () => {
		const printed = [spyOn(console, "log"), spyOn(console, "error"), spyOn(console, "warn")];
		const { guard } = guarded();
		guard.background("x", () => {
			throw new Error("boom");
		});
		for (const spy of printed) {
			expect(spy).not.toHaveBeenCalled();
			spy.mockRestore();
		}
	});
});

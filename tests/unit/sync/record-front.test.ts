/** One front for a backend and hosted OpenSyncs. */
import { describe, expect, test } from "bun:test";
import type { SessionSync, SyncReport } from "../../../src/sync/contract.ts";
import type { RecordState, RecordSync } from "../../../src/sync/record-contract.ts";
import { withRecords } from "../../../src/sync/record-front.ts";

const STATE: RecordState = {
	host: "a.convex.site",
	link: "recording",
	queued: 0,
	sentCount: 2,
	parked: [],
	hidden: {},
	reason: null,
};

function record(state: Partial<RecordState> = {}, report?: SyncReport): RecordSync & { calls: string[] } {
	const calls: string[] = [];
	return {
		calls,
		wake: () => void calls.push("wake"),
		beginRun: () => void calls.push("beginRun"),
		endRun: () => void calls.push("endRun"),
		state: () => ({ ...STATE, ...state }),
		onState: () => () => {},
		resync: async () => report ?? { kind: "done", checked: 3, sent: 1, parked: 0 },
		flush: async () => state.queued !== 1,
		dispose: async () => void calls.push("dispose"),
	};
}

function live(): SessionSync & { calls: string[] } {
	const calls: string[] = [];
	const handler: ProxyHandler<object> = {
		get: (_target, name) => {
			if (name === "calls") return calls;
			if (name === "state") return () => ({ link: "live", queued: 0, present: [], parked: [] });
			if (name === "flush") return async () => true;
			if (name === "resync") return async () => ({ kind: "done", checked: 5, sent: 0, parked: 0 });
			return (...args: unknown[]) => void calls.push([name, ...args].join(" "));
		},
	};
	return new Proxy({}, handler) as SessionSync & { calls: string[] };
}

describe("with a backend", () => {
	test("the backend is told everything, the records of entries and runs", async () => {
		const [backend, one] = [live(), record()];
		const front = withRecords(backend, [one]);
		front.wake();
		front.beginRun(7);
		front.op(["t", 0, "x"] as never);
		front.messageDone();
		front.endRun();
		front.status("ended");
		await front.dispose();
		expect(backend.calls).toEqual([
			"wake",
			"beginRun 7",
			"op t,0,x",
			"messageDone",
			"endRun",
			"status ended",
			"dispose",
		]);
		expect(one.calls).toEqual(["wake", "beginRun", "endRun", "dispose"]);
		expect(front.state()).toMatchObject({ link: "live" });
	});

	test("without records it is the backend's sync itself", () => {
		const backend = live();
		expect(withRecords(backend, [])).toBe(backend);
	});

	test("all is flushed when all have it, and compared with each", async () => {
		expect(await withRecords(live(), [record()]).flush(10)).toBe(true);
		expect(await withRecords(live(), [record({ queued: 1 })]).flush(10)).toBe(false);
		expect(await withRecords(live(), [record()]).resync()).toEqual({
			kind: "done",
			checked: 5,
			sent: 1,
			parked: 0,
		});
		const failed = record({}, { kind: "failed", message: "No answer." });
		expect(await withRecords(live(), [failed]).resync()).toEqual({
			kind: "failed",
			message: "a.convex.site: No answer.",
		});
	});
});

test("without a backend the state is the worst of the records", () => {
	const state = withRecords(null, [
		record({ hidden: { token: 2 } }),
		record({ link: "offline", reason: "No answer.", queued: 4, hidden: { token: 2 } }),
	]).state();
	expect(state).toEqual({
		link: "offline",
		reason: "No answer.",
		queued: 4,
		sentCount: 4,
		parked: [],
		hidden: { token: 2 },
		present: [],
	});
	expect(withRecords(null, [record()]).state()).toMatchObject({ link: "live", reason: null });
});

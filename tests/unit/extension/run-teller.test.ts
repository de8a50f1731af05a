import { describe, expect, test } from "bun:test";
import { LateSync } from "../../../src/extension/late-sync.ts";
import { RunTeller } from "../../../src/extension/run-teller.ts";
import type { DeltaOp } from "../../../src/protocol/stream.ts";
import { EventPieces } from "../../../src/session/event-pieces.ts";
import type { PiEvent } from "../../../src/session/pi-events.ts";
import type { SessionSync } from "../../../src/sync/contract.ts";

/** A teller whose sync writes down what it is told; events in one piece are shown parsed. */
function made() {
	const told: unknown[] = [];
	const runs: boolean[] = [];
	const pieces = new EventPieces();
	const sync = {
		wake: () => {},
		status: (status: string) => told.push(status),
		beginRun: () => told.push("begin"),
		op: (op: DeltaOp) => {
			if (op[0] !== "v") return told.push(op);
			const json = pieces.add(op[1], op[2]);
			return json === null ? 0 : told.push(JSON.parse(json));
		},
		messageDone: () => told.push("done"),
		endRun: () => told.push("end"),
	} as unknown as SessionSync;
	const late = new LateSync();
	late.attach(sync);
	told.length = 0;
	const teller = new RunTeller(late, (running) => runs.push(running));
	const tell = (...events: PiEvent[]) => {
		const from = told.length;
		for (const event of events) teller.handle(event);
		return told.slice(from);
	};
	return { teller, tell, runs };
}

const START: PiEvent = { type: "agent_start" };
const begun = () => {
	const one = made();
	one.tell(START);
	return one;
};
const update = (assistantMessageEvent: Record<string, unknown>): PiEvent => ({
	type: "message_update",
	message: {},
	assistantMessageEvent,
});

describe("a run", () => {
	test("begins with the agent's start and ends when it has settled", () => {
		const { teller, tell, runs } = made();
		expect(tell(START)).toEqual(["begin", "running", { type: "agent_start" }]);
		expect(teller.isRunning).toBe(true);
		expect(tell({ type: "agent_end", messages: [{ role: "user" }], willRetry: true })).toEqual([
			{ type: "agent_end", messages: [], willRetry: true },
		]);
		expect(tell(START)).toEqual([{ type: "agent_start" }]);
		expect(tell({ type: "agent_settled" })).toEqual([
			{ type: "agent_settled", aborted: false },
			"end",
			"idle",
		]);
		expect(runs).toEqual([true, false]);
	});

	test("what happens outside of one is not told", () => {
		const { tell } = made();
		const outside: PiEvent[] = [
			{ type: "message_start", message: { role: "user", content: [] } },
			{ type: "queue_update", steering: [], followUp: [] },
			{ type: "tool_execution_start", toolCallId: "c", toolName: "t", args: {} },
			{ type: "agent_settled" },
		];
		expect(tell(...outside)).toEqual([]);
	});

	test("a compaction by hand is a run of its own, one within a run is not", () => {
		const { tell, runs } = made();
		const end = { type: "compaction_end", reason: "manual", result: { summary: "s" } };
		expect(tell({ type: "compaction_start", reason: "manual" }, end)).toEqual([
			"begin",
			"running",
			["n", "compacting the context"],
			{ type: "compaction_start", reason: "manual" },
			end,
			"end",
			"idle",
		]);
		tell(START, { type: "compaction_start", reason: "threshold" }, end);
		expect(runs).toEqual([true, false, true]);
	});
});

describe("a message", () => {
	test("of the assistant: its words are ops, what else it has is told with its start and end", () => {
		const { tell } = begun();
		const message = { role: "assistant", model: "m", content: [{ type: "text", text: "long" }] };
		expect(tell({ type: "message_start", message })).toEqual([
			["m", "assistant"],
			{ type: "message_start", message: { role: "assistant", model: "m" } },
		]);
		expect(tell(update({ type: "text_delta", contentIndex: 0, delta: "lo", partial: message }))).toEqual([
			["t", 0, "lo"],
		]);
		expect(tell({ type: "message_end", message: { ...message, stopReason: "stop" } })).toEqual([
			{ type: "message_end", message: { role: "assistant", model: "m", stopReason: "stop" } },
			["e"],
			"done",
		]);
	});

	test("of a person: told whole, without its pictures", () => {
		const { tell } = begun();
		const text = { type: "text", text: "look" };
		const image = { type: "image", data: "x".repeat(100_000), mimeType: "image/png" };
		expect(tell({ type: "message_start", message: { role: "user", content: [text, image] } })).toEqual([
			{ type: "message_start", message: { role: "user", content: [text] } },
		]);
		expect(tell({ type: "message_start", message: { role: "user", content: "plain" } })).toHaveLength(1);
		expect(tell({ type: "message_end", message: { role: "user" } })).toEqual([]);
	});

	test("of a tool or of the system is its entry's to tell", () => {
		const { tell } = begun();
		for (const role of ["toolResult", "system", "bashExecution"])
			expect(
				tell({ type: "message_start", message: { role } }, { type: "message_end", message: { role } }),
			).toEqual([]);
	});
});

describe("a tool", () => {
	const id = { toolCallId: "c1", toolName: "bash" };

	test("tells what it prints as it grows, and nothing twice", () => {
		const { tell } = begun();
		const [start, x] = tell({ type: "tool_execution_start", ...id, args: { command: "ls" } });
		expect(start).toMatchObject({
			type: "tool_execution_start",
			toolCallId: "c1",
			startedAt: expect.any(Number),
		});
		expect(x).toEqual(["x", "c1", "bash", '{"command":"ls"}']);
		const text = (one: string) => ({ content: [{ type: "text", text: one }] });
		const report = (one: string): PiEvent => ({
			type: "tool_execution_update",
			...id,
			partialResult: text(one),
		});
		expect(tell(report("one\n"), report("one\n"), report("one\ntwo\n"))).toEqual([
			["o", "c1", 0, "one\n"],
			["o", "c1", 4, "two\n"],
		]);
		expect(
			tell({ type: "tool_execution_end", ...id, result: text("one\ntwo\nend"), isError: false }),
		).toEqual([
			["o", "c1", 8, "end"],
			{ type: "tool_execution_end", toolCallId: "c1", isError: false },
			["d", "c1", 0],
		]);
	});

	test("details are told when they change, and in any case with the end", () => {
		const { tell } = begun();
		const report = (details: unknown): PiEvent => ({
			type: "tool_execution_update",
			...id,
			partialResult: { content: [], details },
		});
		expect(tell(report({ a: 1 }), report({ a: 1 }), report({ a: 2 }))).toEqual([
			{ type: "tool_execution_update", toolCallId: "c1", details: { a: 1 } },
			{ type: "tool_execution_update", toolCallId: "c1", details: { a: 2 } },
		]);
		const large = { diff: "x".repeat(20_000) };
		expect(tell(report(large))).toEqual([]);
		expect(
			tell({ type: "tool_execution_end", ...id, result: { content: [], details: large } }),
		).toContainEqual(expect.objectContaining({ type: "tool_execution_end", details: large }));
	});

	test("a result that is more than one text is told as it is, unless it is too large for a delta", () => {
		const { tell } = begun();
		const end = (content: unknown): PiEvent => ({ type: "tool_execution_end", ...id, result: { content } });
		const image = (size: number) => ({ type: "image", data: "x".repeat(size), mimeType: "image/png" });
		expect(tell(end([image(10)]))[0]).toMatchObject({ content: [image(10)] });
		expect(tell(end([image(300_000)]))[0]).not.toHaveProperty("content");
		expect(tell(end([{ type: "text", text: "x" }]))[1]).not.toHaveProperty("content");
	});

	test("one that another tool runs says whose it is", () => {
		const { tell } = begun();
		expect(tell({ type: "tool_execution_start", ...id, parentToolCallId: "c0", args: {} })[0]).toMatchObject({
			parentToolCallId: "c0",
		});
	});
});

test("an event that no JSON can hold is for this terminal alone, and the run goes on", () => {
	const { tell } = begun();
	const circular: Record<string, unknown> = {};
	circular.self = circular;
	expect(tell({ type: "queue_update", steering: circular })).toEqual([]);
	expect(tell({ type: "queue_update", steering: [10n] })).toEqual([]);
	expect(tell({ type: "turn_start" })).toEqual([{ type: "turn_start" }]);
});

test("events of unknown shape throw nothing", () => {
	const { tell } = begun();
	for (const type of [
		"message_start",
		"message_end",
		"tool_execution_start",
		"tool_execution_end",
		"unheard_of",
	])
		for (const more of [
			{},
			{ message: null },
			{ message: 7 },
			{ result: null },
			{ result: 7, toolCallId: null },
		])
			expect(() => tell({ type, ...more })).not.toThrow();
});

test("a running tool's details that no JSON can hold keep none of its output back", () => {
	const { tell } = begun();
	tell({ type: "tool_execution_start", toolCallId: "c1", toolName: "t", args: {} });
	const content = [{ type: "text", text: "line" }];
	const partialResult = { content, details: { rows: 10n } };
	expect(tell({ type: "tool_execution_update", toolCallId: "c1", partialResult })).toEqual([
		["o", "c1", 0, "line"],
	]);
});

test("of a running tool's details no more is looked at than can be told, however large they are", () => {
	const { tell } = begun();
	tell({ type: "tool_execution_start", toolCallId: "c1", toolName: "t", args: {} });
	let looks = 0;
	const row = {
		get text() {
			looks += 1;
			return "x".repeat(100);
		},
	};
	const details = { rows: Array.from({ length: 50_000 }, () => row) };
	const partialResult = { content: [], details };
	expect(tell({ type: "tool_execution_update", toolCallId: "c1", partialResult })).toEqual([]);
	expect(looks).toBeLessThan(1_000);
});

test("a long event goes out in pieces that a push can hold", () => {
	const sizes: number[] = [];
	const late = new LateSync();
	const sync = {
		...{ wake() {}, status() {}, beginRun() {}, messageDone() {}, endRun() {} },
		op: (op: DeltaOp) => sizes.push(JSON.stringify(op).length),
	} as unknown as SessionSync;
	late.attach(sync);
	const teller = new RunTeller(late, () => {});
	teller.handle(START);
	const text = "é\n".repeat(100_000);
	teller.handle({ type: "message_start", message: { role: "user", content: [{ type: "text", text }] } });
	expect(sizes.length).toBeGreaterThan(10);
	expect(Math.max(...sizes)).toBeLessThan(40_000);
});

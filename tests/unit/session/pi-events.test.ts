import { describe, expect, test } from "bun:test";
import { parseStreamingJson } from "@earendil-works/pi-ai";
import type { DeltaOp } from "../../../src/protocol/stream.ts";
import { EventPieces, eventOps } from "../../../src/session/event-pieces.ts";
import { type KnownEntry, type PiEvent, Replay } from "../../../src/session/pi-events.ts";

const replay = (known: KnownEntry[] = []) =>
	new Replay({ parsePartial: (json) => parseStreamingJson(json), now: () => 7 }, known);
const event = (one: PiEvent): DeltaOp[] => eventOps(JSON.stringify(one));
const entry = (message: Record<string, unknown>): KnownEntry => ({ type: "message", message });
const said = (role: string, text: string) => ({ role, content: [{ type: "text", text }] });
const types = (events: PiEvent[] | null) => events?.map(({ type }) => type) ?? null;
const textOf = (one: PiEvent | undefined) =>
	(one?.message as { content: { text?: string }[] })?.content[0]?.text;

describe("an event in pieces", () => {
	test("short ones are one op, long ones as many as are needed, and together they are the same", () => {
		expect(eventOps('{"type":"a"}')).toEqual([["v", 0, '{"type":"a"}']]);
		const json = JSON.stringify({ type: "a", text: "é🎉".repeat(20_000) });
		const ops = eventOps(json);
		expect(ops.length).toBe(Math.ceil(json.length / (16 * 1024)));
		const pieces = new EventPieces();
		const whole = ops.map((op) => (op[0] === "v" ? pieces.add(op[1], op[2]) : null));
		expect(whole.slice(0, -1).every((one) => one === null)).toBe(true);
		expect(whole.at(-1)).toBe(json);
	});

	test("a length of exactly one piece is one op", () => {
		expect(eventOps("x".repeat(16 * 1024)).length).toBe(1);
		expect(eventOps("").length).toBe(1);
	});

	test("other ops between the pieces change nothing", () => {
		const one = replay();
		const [first, ...rest] = event({ type: "queue_update", steering: ["x".repeat(40_000)] });
		const out = one.apply([first, ["m", "assistant"], ["t", 0, "a"], ...rest]);
		expect(types(out)).toContain("queue_update");
		expect(one.dropped).toBe(0);
	});
});

describe("a message of the assistant", () => {
	test("ops of one batch are told as one update, with the model that the event named", () => {
		const out = replay().apply([
			["m", "assistant"],
			...event({ type: "message_start", message: { role: "assistant", model: "m1", provider: "p1" } }),
			["h", 0, "hm"],
			["t", 1, "Hel"],
			["t", 1, "lo"],
		]);
		expect(types(out)).toEqual(["message_start", "message_update"]);
		expect(out[1]?.message).toMatchObject({
			role: "assistant",
			model: "m1",
			provider: "p1",
			content: [
				{ type: "thinking", thinking: "hm" },
				{ type: "text", text: "Hello" },
			],
		});
	});

	test("its end has what the event says and the content that the ops told", () => {
		const one = replay();
		one.apply([
			["m", "assistant"],
			["t", 0, "answer"],
		]);
		const out = one.apply([
			...event({
				type: "message_end",
				message: { role: "assistant", stopReason: "error", errorMessage: "no" },
			}),
			["e"],
		]);
		expect(types(out)).toEqual(["message_end"]);
		expect(out[0]?.message).toMatchObject({ stopReason: "error", errorMessage: "no" });
		expect(textOf(out[0])).toBe("answer");
		expect(one.isOpen).toBe(false);
	});

	test("without events, as from a terminal that has none, its start and end are told all the same", () => {
		const out = replay().apply([["m", "assistant"], ["t", 0, "answer"], ["e"]]);
		expect(types(out)).toEqual(["message_start", "message_update", "message_end"]);
		expect(out[2]?.message).toMatchObject({ stopReason: "stop", usage: { input: 0 } });
	});

	test("arguments are parsed as far as they have come", () => {
		const one = replay();
		const first = one.apply([
			["m", "assistant"],
			["c", 0, "c1", "bash"],
			["a", 0, '{"command":"l'],
		]);
		const call = (out: PiEvent[]) => (out.at(-1)?.message as { content: unknown[] }).content[0];
		expect(call(first)).toEqual({ type: "toolCall", id: "c1", name: "bash", arguments: { command: "l" } });
		expect(call(one.apply([["a", 0, 's -la"}']]))).toMatchObject({ arguments: { command: "ls -la" } });
	});

	test("a block whose index comes early leaves empty texts before it", () => {
		const out = replay().apply([
			["m", "assistant"],
			["t", 2, "third"],
		]);
		expect((out[1]?.message as { content: unknown[] }).content).toEqual([
			{ type: "text", text: "" },
			{ type: "text", text: "" },
			{ type: "text", text: "third" },
		]);
	});
});

describe("a tool", () => {
	const start: DeltaOp[] = [["x", "c1", "bash", '{"command":"ls"}']];

	test("its output grows, is cut back, and ends", () => {
		const one = replay();
		expect(one.apply(start)).toEqual([
			{ type: "tool_execution_start", toolCallId: "c1", toolName: "bash", args: { command: "ls" } },
		]);
		const text = (out: PiEvent[]) =>
			(out[0]?.partialResult as { content: { text: string }[] }).content[0]?.text;
		expect(
			text(
				one.apply([
					["o", "c1", 0, "one\n"],
					["o", "c1", 4, "two\n"],
				]),
			),
		).toBe("one\ntwo\n");
		expect(text(one.apply([["o", "c1", 3, "!"]]))).toBe("one!");
		expect(one.apply([["d", "c1", 1]])).toMatchObject([
			{
				type: "tool_execution_end",
				toolCallId: "c1",
				isError: true,
				result: { content: [{ text: "one!" }] },
			},
		]);
	});

	test("arguments that its start does not repeat are those of its call", () => {
		const one = replay();
		one.apply([["m", "assistant"], ["c", 0, "c1", "bash"], ["a", 0, '{"command":"ls"}'], ["e"]]);
		expect(one.apply([["x", "c1", "bash", ""]])).toMatchObject([{ args: { command: "ls" } }]);
	});

	test("details and content of its end take precedence, and it ends once", () => {
		const one = replay();
		one.apply(start);
		const content = [{ type: "image", data: "", mimeType: "image/png" }];
		const out = one.apply([
			...event({
				type: "tool_execution_end",
				toolCallId: "c1",
				isError: false,
				details: { diff: 1 },
				content,
				durationMs: 5,
			}),
			["d", "c1", 0],
		]);
		expect(out).toMatchObject([
			{
				type: "tool_execution_end",
				result: { content, details: { diff: 1 } },
				isError: false,
				durationMs: 5,
			},
		]);
	});

	test("one that another tool runs is not shown", () => {
		const one = replay();
		const out = one.apply([
			...event({ type: "tool_execution_start", toolCallId: "n1", parentToolCallId: "c1" }),
			["x", "n1", "inner", "{}"],
			["o", "n1", 0, "out"],
			["d", "n1", 0],
		]);
		expect(out).toEqual([]);
	});

	test("when it started is told with its start", () => {
		const out = replay().apply([
			...event({ type: "tool_execution_start", toolCallId: "c1", startedAt: 123 }),
			...start,
		]);
		expect(out).toMatchObject([{ type: "tool_execution_start", startedAt: 123 }]);
	});

	test("output of a tool that was never started is nobody's", () => {
		expect(
			replay().apply([
				["o", "c9", 0, "x"],
				["d", "c9", 0],
			]),
		).toEqual([]);
	});
});

describe("what the reader has as entries", () => {
	const user = event({ type: "message_start", message: said("user", "again") });

	test("is not told again, and the same text once more is", () => {
		const one = replay([entry(said("user", "again"))]);
		expect(one.apply(user)).toEqual([]);
		expect(types(one.apply(user))).toEqual(["message_start"]);
	});

	test("a whole answer and its tools stay silent, and what follows is told", () => {
		const one = replay([
			entry(said("assistant", "known")),
			entry({ role: "toolResult", toolCallId: "c1", content: [] }),
		]);
		const silent = one.apply([
			["m", "assistant"],
			["t", 0, "known"],
			...event({ type: "message_end", message: { role: "assistant" } }),
			["e"],
			["x", "c1", "bash", "{}"],
			["o", "c1", 0, "out"],
			["d", "c1", 0],
		]);
		expect(silent).toEqual([]);
		expect(one.isOpen).toBe(false);
		expect(
			types(
				one.apply([
					["m", "assistant"],
					["t", 0, "new"],
				]),
			),
		).toEqual(["message_start", "message_update"]);
	});

	test("entries of types that no op tells are no matter", () => {
		const one = replay([{ type: "label" }, { type: "model_change" }, entry(said("system", "s"))]);
		expect(types(one.apply(user))).toEqual(["message_start"]);
	});
});

describe("an entry that comes", () => {
	test("is claimed once by what told it", () => {
		const one = replay();
		one.apply([["m", "assistant"], ["t", 0, "a"], ["e"], ["x", "c1", "bash", "{}"], ["d", "c1", 0]]);
		one.apply(event({ type: "message_start", message: said("user", "u") }));
		one.apply(event({ type: "message_start", message: { role: "custom", content: "c" } }));
		const result = (id: string) => entry({ role: "toolResult", toolCallId: id, content: [] });
		expect(one.claims(result("c2"))).toBe(false);
		for (const known of [
			entry(said("assistant", "a")),
			result("c1"),
			entry(said("user", "u")),
			{ type: "custom_message" },
		]) {
			expect(one.claims(known)).toBe(true);
			expect(one.claims(known)).toBe(false);
		}
	});

	test("a message that is still being told is not claimed, and its entry ends it", () => {
		const one = replay();
		one.apply([
			["m", "assistant"],
			["t", 0, "half"],
		]);
		const whole = entry(said("assistant", "half and rest"));
		expect(one.claims(whole)).toBe(false);
		const out = one.shown(whole);
		expect(types(out)).toEqual(["message_update", "message_end"]);
		expect(textOf(out?.[1])).toBe("half and rest");
		expect(one.isOpen).toBe(false);
		expect(types(one.shown(whole))).toEqual(["message_start", "message_update", "message_end"]);
	});

	test("the end of a message is an object of its own, for Pi writes into it", () => {
		const whole = entry(said("assistant", "a"));
		const end = replay().shown(whole)?.at(-1);
		expect(end?.message).toEqual(whole.message);
		expect(end?.message).not.toBe(whole.message);
	});

	test("what an extension or a shell wrote makes no event of a run", () => {
		expect(replay().shown(entry({ role: "bashExecution" }))).toEqual([]);
		expect(replay().shown({ type: "label" })).toEqual([]);
	});
});

test("an entry whose place is before what was told already is not shown by events", () => {
	const one = replay();
	one.apply([
		["m", "assistant"],
		["t", 0, "second"],
	]);
	expect(one.shown(entry(said("user", "first")))).toBeNull();
	one.apply([["e"]]);
	expect(one.shown(entry(said("user", "first")))).toBeNull();
	expect(one.claims(entry(said("assistant", "second")))).toBe(true);
	expect(types(one.shown(entry(said("user", "next"))))).toEqual(["message_start"]);
});

test("an entry that was shown is not told again by ops that come late", () => {
	const one = replay();
	one.shown(entry(said("user", "u")));
	one.shown(entry(said("assistant", "a")));
	expect(one.apply(event({ type: "message_start", message: said("user", "u") }))).toEqual([]);
	const late: DeltaOp[] = [["m", "assistant"], ["t", 0, "a"], ["e"]];
	expect(one.apply(late)).toEqual([]);
	expect(types(one.apply(late))).toEqual(["message_start", "message_update", "message_end"]);
});

test("after a redraw, what was told and has no entry yet is told again, once", () => {
	const one = replay();
	one.apply([
		...event({ type: "message_start", message: said("user", "u") }),
		["m", "assistant"],
		["t", 0, "a"],
		["e"],
	]);
	expect(types(one.resume())).toEqual([
		"turn_start",
		"message_start",
		"message_start",
		"message_update",
		"message_end",
	]);
	one.claims(entry(said("user", "u")));
	one.claims(entry(said("assistant", "a")));
	expect(types(one.resume())).toEqual(["turn_start"]);
});

test("after a redraw, what is being said and what runs is told from its beginning", () => {
	const one = replay();
	one.apply([
		["m", "assistant"],
		["t", 0, "half"],
		["x", "c1", "bash", "{}"],
		["o", "c1", 0, "out"],
	]);
	const out = one.resume();
	expect(types(out)).toEqual([
		"turn_start",
		"message_start",
		"message_update",
		"tool_execution_start",
		"tool_execution_update",
	]);
	expect(textOf(out[2])).toBe("half");
	expect(types(replay().resume())).toEqual(["turn_start"]);
});

test("events that are none are counted, and what follows is told", () => {
	const one = replay();
	const bad = [
		"{",
		"",
		"null",
		"7",
		"[]",
		"{}",
		'{"type":7}',
		'{"type":"message_start"}',
		'{"type":"message_start","message":{"role":3}}',
	];
	for (const json of bad) expect(one.apply([["v", 0, json]])).toEqual([]);
	expect(one.dropped).toBe(bad.length);
	expect(types(one.apply(event({ type: "turn_start" })))).toEqual(["turn_start"]);
});

test("ops of shapes that are unknown here change nothing", () => {
	const odd = [
		null,
		7,
		"t",
		[],
		["z"],
		["t", -1, "a"],
		["t", 1e9, "a"],
		["t", 0],
		["o", "c", "x", "y"],
		["v", 0],
		["m"],
	];
	const one = replay();
	expect(
		one.apply([
			["m", "assistant"],
			["t", 0, "a"],
		]),
	).toHaveLength(2);
	expect(one.apply(odd)).toEqual([]);
	expect(types(one.apply([["e"]]))).toEqual(["message_end"]);
});

/** Whatever a stream or an entry holds, following it never throws, and what is no event reaches no screen. */
import { expect, test } from "bun:test";
import { parseStreamingJson } from "@earendil-works/pi-ai";
import fc from "fast-check";
import { eventOps } from "../../src/session/event-pieces.ts";
import { OpReader } from "../../src/session/op-reader.ts";
import { type KnownEntry, Replay } from "../../src/session/pi-events.ts";
import { parseEntry } from "../../src/sync/incoming-entries.ts";
import { runs } from "../support/arbitraries.ts";

const TYPES = [
	"agent_start",
	"turn_start",
	"message_start",
	"message_update",
	"message_end",
	"tool_execution_start",
	"tool_execution_update",
	"tool_execution_end",
	"queue_update",
	"compaction_start",
	"compaction_end",
	"agent_end",
	"agent_settled",
	"__proto__",
];
const anything = fc.oneof(
	fc.anything({ maxDepth: 2 }),
	fc.constantFrom<unknown>("assistant", "user", "toolResult", "c1", "__proto__", "constructor", null, [], {}),
);
const message = fc.record(
	{ role: anything, content: anything, toolCallId: anything, stopReason: anything, timestamp: anything },
	{ requiredKeys: [] },
);
const event = fc.record(
	{
		type: fc.constantFrom(...TYPES),
		message: fc.oneof(message, anything),
		toolCallId: anything,
		parentToolCallId: anything,
		startedAt: anything,
		details: anything,
		content: anything,
		result: anything,
		isError: anything,
	},
	{ requiredKeys: ["type"] },
);
const json = fc.oneof(
	{ weight: 4, arbitrary: event.map((one) => JSON.stringify(one) ?? "") },
	{ weight: 1, arbitrary: event.map((one) => (JSON.stringify(one) ?? "").slice(0, -1)) },
	{ weight: 1, arbitrary: fc.json() },
	{ weight: 1, arbitrary: fc.string() },
);
const index = fc.constantFrom<unknown>(0, 1, 2, -1, 1.5, 9_999, 10_000, 2 ** 53, Number.NaN, "0", null);
const id = fc.constantFrom("c1", "c2", "__proto__", "");
const text = fc.constantFrom("", "a", '{"x":', "}", "\ud83d");
const op: fc.Arbitrary<unknown> = fc.oneof(
	fc.tuple(fc.constant("m"), fc.constantFrom("assistant", "user", "__proto__", "")),
	fc.tuple(fc.constantFrom("t", "h", "a"), index, text),
	fc.tuple(fc.constant("c"), index, id, text),
	fc.constant(["e"]),
	fc.tuple(fc.constant("x"), id, text, text),
	fc.tuple(fc.constant("o"), id, fc.constantFrom(0, -5, 3, 1e12), text),
	fc.tuple(fc.constant("d"), id, fc.constantFrom(0, 1, 7)),
	fc.tuple(fc.constant("v"), fc.constantFrom(0, 1), json),
	fc.tuple(fc.constantFrom("z", "constructor", ""), anything),
	anything,
);
const entry = fc.record(
	{
		type: fc.constantFrom("message", "compaction", "custom_message", "x"),
		message: fc.oneof(message, anything),
	},
	{ requiredKeys: ["type"] },
) as fc.Arbitrary<KnownEntry>;

test("a replay takes any ops and gives out events that have a type, each a plain object", () => {
	fc.assert(
		fc.property(
			fc.array(fc.array(op, { maxLength: 12 }), { maxLength: 6 }),
			fc.array(entry),
			(batches, known) => {
				const replay = new Replay({ parsePartial: (one) => parseStreamingJson(one), now: () => 1 }, known);
				for (const batch of batches) {
					const events = [...replay.apply(batch), ...replay.resume()];
					for (const one of events) {
						expect(typeof one.type).toBe("string");
						expect(JSON.stringify(one)).toBeString();
					}
				}
				for (const one of known) if (!replay.claims(one)) replay.shown(one);
			},
		),
		runs(400),
	);
});

test("every event that is none is counted, wherever its pieces are cut", () => {
	fc.assert(
		fc.property(
			fc.array(fc.constantFrom("{", "[]", "7", '{"a":1}', '{"type":1}', ""), { maxLength: 8 }),
			(bad) => {
				const replay = new Replay({ parsePartial: (one) => parseStreamingJson(one), now: () => 1 });
				expect(replay.apply(bad.flatMap(eventOps))).toEqual([]);
				expect(replay.dropped).toBe(bad.length);
			},
		),
		runs(200),
	);
});

test("a reader gives out each op once and in order, however its answers come", () => {
	const step = fc.record({
		what: fc.constantFrom("tail", "answer", "odd"),
		upTo: fc.nat(60),
		from: fc.integer({ min: -3, max: 60 }),
	});
	fc.assert(
		fc.property(fc.nat(20), fc.array(step, { maxLength: 40 }), (joined, steps) => {
			const reader = new OpReader(joined);
			const given: unknown[] = [];
			const range = (start: number, end: number) => ({
				start,
				end,
				ops: Array.from({ length: Math.max(0, end - start) }, (_, at) => start + at),
			});
			for (const { what, from, upTo } of steps) {
				const delta = range(Math.max(0, Math.min(from, upTo)), upTo);
				if (what === "tail") given.push(...reader.tail([delta]));
				else if (what === "answer") given.push(...reader.answer(reader.read ?? 0, [delta]));
				else given.push(...reader.answer(from, [delta]));
			}
			given.push(...reader.tail([range(0, 80)]));
			expect(given).toEqual(range(joined, 80).ops);
			expect(reader.position).toBe(80);
		}),
		runs(500),
	);
});

test("a line becomes an entry only when it is one that Pi can draw", () => {
	const mostly = <T>(good: T, ...odd: unknown[]) =>
		fc.integer({ min: 0, max: 9 }).map((at) => (at > 0 ? good : odd[0]));
	const role = fc.constantFrom("user", "assistant", "toolResult", "bashExecution", "custom");
	const content = fc.constantFrom<unknown>(
		"text",
		[],
		[null],
		["x"],
		[{}],
		[{ type: "text" }],
		{},
		null,
		undefined,
	);
	const line = fc.record({
		id: mostly("e1", "e2"),
		parentId: mostly<unknown>(null, 7),
		type: mostly("message", "label"),
		timestamp: mostly("2026-11-21T08:00:00.000Z", 7),
		message: fc.oneof(fc.record({ role, content }), anything),
	});
	fc.assert(
		fc.property(
			fc.oneof(
				line.map((one) => JSON.stringify(one)),
				fc.string(),
				fc.json(),
			),
			(one) => {
				const parsed = parseEntry(one, "e1") as (Record<string, unknown> & KnownEntry) | null;
				if (parsed === null) return;
				expect(parsed.id).toBe("e1");
				expect(parsed.parentId === null || typeof parsed.parentId === "string").toBe(true);
				if (parsed.type !== "message") return;
				const { role, content } = parsed.message as Record<string, unknown>;
				expect(role).toBeString();
				if (role === "assistant" || role === "toolResult") expect(Array.isArray(content)).toBe(true);
				if (role === "user") expect(typeof content === "string" || Array.isArray(content)).toBe(true);
				if (Array.isArray(content)) for (const block of content) expect(block).toBeObject();
			},
		),
		runs(500),
	);
});

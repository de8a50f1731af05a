import { describe, expect, test } from "bun:test";
import { convexToJson, type Value, v } from "convex/values";
import { inspect } from "../../../src/engine/functions/inspect.ts";
import { displayValue } from "../../../src/engine/values/display.ts";
import { decodeId, encodeId, tableNumberOf } from "../../../src/engine/values/document-id.ts";
import { fieldAt, type Json } from "../../../src/engine/values/json-value.ts";
import { checkedDocumentSize } from "../../../src/engine/values/size.ts";
import {
	displayValidator,
	type ValidatorJson,
	validationError,
} from "../../../src/engine/values/validator.ts";

const json = (value: Value): Json => convexToJson(value) as Json;
const validator = (one: unknown): ValidatorJson => (one as { json: ValidatorJson }).json;
const users = encodeId(10_001, new Uint8Array(16));
const files = encodeId(9_002, new Uint8Array(16));
const tableOf = (id: string): string | null => {
	const number = tableNumberOf(id);
	return number === 10_001 ? "users" : number === 9_002 ? "_storage" : null;
};
const check = (one: unknown, value: Value): string | null =>
	validationError(validator(one), json(value), tableOf);

describe("validators", () => {
	test("take what they name and nothing else", () => {
		const samples: Array<[unknown, Value[], Value[]]> = [
			[v.null(), [null], [0, ""]],
			[v.number(), [0, -0, Number.NaN], [0n, "0"]],
			[v.int64(), [0n], [0]],
			[v.boolean(), [true, false], [null, 0]],
			[v.string(), ["", "x"], [null]],
			[v.bytes(), [new ArrayBuffer(2)], ["aa", []]],
			[v.literal("a"), ["a"], ["b", null]],
			[v.literal(5n), [5n], [5, 6n]],
			[v.literal(1), [1], [1n, true]],
			[v.id("users"), [users], [files, "x", `${users}0`]],
			[v.array(v.number()), [[], [1, 2]], [[1, "2"], {}]],
			[v.record(v.string(), v.number()), [{}, { a: 1 }], [{ a: "1" }, []]],
			[v.object({ a: v.optional(v.number()) }), [{}, { a: 1 }], [{ a: null }, { b: 1 }, []]],
			[v.union(v.string(), v.null()), ["x", null], [1]],
			[v.union(), [], [1, null]],
			[v.any(), [null, 1, [{}]], []],
		];
		for (const [one, good, bad] of samples) {
			for (const value of good) expect(check(one, value)).toBeNull();
			for (const value of bad) expect(check(one, value)).toBeString();
		}
	});

	test("say where and what", () => {
		expect(
			check(v.object({ list: v.array(v.object({ n: v.number() })) }), { list: [{ n: 1 }, { n: "x" }] }),
		).toBe('Value does not match validator.\nPath: .list[1].n\nValue: "x"\nValidator: v.float64()');
		expect(check(v.object({ a: v.string(), b: v.optional(v.int64()) }), { c: 1n })).toContain(
			"Object: {c: 1n}\nValidator: v.object({a: v.string(), b: v.optional(v.int64())})",
		);
		expect(check(v.id("users"), files)).toContain("from a system table");
		expect(check(v.literal("a"), "b")).toBe('`"b"` does not match literal validator `v.literal("a")`.');
		expect(check(v.object({ constructor: v.string() }), {})).toContain(
			"missing the required field `constructor`",
		);
	});

	test("read as they are written", () => {
		expect(displayValidator(validator(v.record(v.id("users"), v.union(v.literal(1), v.bytes()))))).toBe(
			'v.record(v.id("users"), v.union(v.literal(1.0), v.bytes()))',
		);
	});
});

describe("values", () => {
	test("read well in messages", () => {
		expect(
			displayValue(
				json({ a: [1, 1.5, -0, Number.NaN, 7n, null, true, 'q"', new Uint8Array([1, 255]).buffer] }),
			),
		).toBe('{a: [1.0, 1.5, -0.0, NaN, 7n, null, true, "q\\"", b"01ff"]}');
	});

	test("fields are found by path, inherited ones are none", () => {
		expect(fieldAt({ a: { b: 1 } }, ["a", "b"])).toBe(1);
		expect(fieldAt({ a: 1 }, ["a", "b"])).toBeUndefined();
		expect(fieldAt({ a: { $integer: "x" } }, ["a", "$integer"])).toBeUndefined();
		expect(fieldAt({}, ["constructor"])).toBeUndefined();
	});

	test("underscores are for system fields", () => {
		expect(() => checkedDocumentSize({ _mine: 1 })).toThrow("underscore");
		expect(checkedDocumentSize({ _id: "x", _creationTime: 1, inner: { _fine: 1 } })).toBeGreaterThan(0);
	});

	test("known ids of the real backend's codec", () => {
		// Table 1 and the smallest internal id: 31 characters, 19 bytes.
		expect(encodeId(1, new Uint8Array(16))).toHaveLength(31);
		expect(encodeId(2 ** 32 - 1, new Uint8Array(16))).toHaveLength(37);
		expect(decodeId("")).toEqual({ kind: "bad", why: "Invalid ID length 0" });
		expect(decodeId("i".repeat(32)).kind).toBe("bad");
	});
});

describe("console arguments", () => {
	test("read as on the real backend", () => {
		class Point {
			x = 1;
		}
		const circular: Record<string, unknown> = { n: 1 };
		circular.self = circular;
		const shown: Array<[unknown, string]> = [
			["it's\n", "'it\\'s\\n'"],
			[{ a: 1, "b-c": ["x", {}] }, "{ a: 1, 'b-c': [ 'x', {} ] }"],
			[[], "[]"],
			[-0, "-0"],
			[10n, "10n"],
			[new Map([["k", 1]]), "Map (1) {'k' => 1}"],
			[new Set([1]), "Set (1) {1}"],
			[new Point(), "Point { x: 1 }"],
			[circular, "{ n: 1, self: [Circular] }"],
			[() => {}, "[Function (anonymous)]"],
			[Symbol("s"), "Symbol(s)"],
			[
				{ a: { b: { c: { d: { e: { f: { g: 1 } } } } } } },
				"{ a: { b: { c: { d: { e: { f: [Object] } } } } } }",
			],
		];
		for (const [value, text] of shown) expect(inspect(value)).toBe(text);
	});
});

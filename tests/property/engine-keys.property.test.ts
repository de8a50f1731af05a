/** Order of keys and values, sizes and encodings, against `convex/values`. */
import { expect, test } from "bun:test";
import { compareValues, convexToJson, getConvexSize, jsonToConvex, type Value } from "convex/values";
import fc from "fast-check";
import { decodeId, encodeId, newId } from "../../src/engine/values/document-id.ts";
import type { Json } from "../../src/engine/values/json-value.ts";
import { sizeOf } from "../../src/engine/values/size.ts";
import {
	afterPrefix,
	compareJson,
	compareKeys,
	encodeKey,
	encodeValue,
	justAfter,
} from "../../src/engine/values/sort-key.ts";

const text = fc.string({ unit: "grapheme", maxLength: 6 });
const field = fc.stringMatching(/^[a-z][a-zA-Z0-9_]{0,3}$/);
const leaf: fc.Arbitrary<Value> = fc.oneof(
	fc.constant(null),
	fc.boolean(),
	fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
	fc.bigInt({ min: -300n, max: 300n }),
	fc.double(),
	fc.integer({ min: -3, max: 3 }),
	fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
	text,
	fc.constantFrom("", "a", "a\0", "a\0b", "ab", "é", "�", "𐍈"),
	fc.uint8Array({ maxLength: 5 }).map((bytes) => new Uint8Array(bytes).buffer),
);
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
	value: fc.oneof(
		{ depthSize: "small", withCrossShrink: true },
		leaf,
		fc.array(tie("value"), { maxLength: 3 }),
		fc.dictionary(field, tie("value"), { maxKeys: 3 }),
	),
})).value;

const json = (one: Value): Json => convexToJson(one) as Json;
const sign = Math.sign;

test("keys have the order of values", () => {
	fc.assert(
		fc.property(value, value, (a, b) => {
			expect(sign(compareKeys(encodeValue(json(a)), encodeValue(json(b))))).toBe(sign(compareValues(a, b)));
			expect(sign(compareJson(json(a), json(b)))).toBe(sign(compareValues(a, b)));
		}),
		{ numRuns: 3000 },
	);
});

test("no value comes first, before every value", () => {
	fc.assert(fc.property(value, (a) => compareKeys(encodeValue(undefined), encodeValue(json(a))) < 0));
});

test("keys of several fields have the order of tuples, and a prefix bounds its keys", () => {
	const tuple = fc.tuple(value, value);
	fc.assert(
		fc.property(tuple, tuple, (a, b) => {
			const order = compareValues(a[0], b[0]) || compareValues(a[1], b[1]);
			expect(sign(compareKeys(encodeKey(a.map(json)), encodeKey(b.map(json))))).toBe(sign(order));
			const prefix = encodeKey([json(a[0])]);
			const key = encodeKey(b.map(json));
			const inside = compareKeys(prefix, key) <= 0 && compareKeys(key, afterPrefix(prefix)) < 0;
			expect(inside).toBe(compareValues(a[0], b[0]) === 0);
			expect(compareKeys(key, justAfter(key))).toBe(-1);
		}),
		{ numRuns: 2000 },
	);
});

test("sizes are Convex's", () => {
	fc.assert(
		fc.property(value, (a) => sizeOf(json(a)) === getConvexSize(a)),
		{ numRuns: 1000 },
	);
});

test("encoded values come back", () => {
	fc.assert(fc.property(value, (a) => compareValues(jsonToConvex(json(a) as never), a) === 0));
});

test("an id gives back its table and its bytes, and a changed one is refused", () => {
	fc.assert(
		fc.property(
			fc.integer({ min: 1, max: 2 ** 32 - 1 }),
			fc.uint8Array({ minLength: 16, maxLength: 16 }),
			fc.nat(),
			fc.nat({ max: 30 }),
			(table, bytes, at, step) => {
				const id = encodeId(table, bytes);
				expect(id.length).toBeWithin(31, 38);
				expect(decodeId(id)).toEqual({ kind: "ok", tableNumber: table, internalId: new Uint8Array(bytes) });
				const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
				const place = at % id.length;
				const other = alphabet[(alphabet.indexOf(id[place] as string) + step + 1) % 32] as string;
				expect(decodeId(id.slice(0, place) + other + id.slice(place + 1)).kind).toBe("bad");
			},
		),
	);
});

test("ids of the tables that apps have are 32 characters long", () => {
	expect(newId(10_001, Date.now())).toMatch(/^[0-9a-hjkmnp-tv-z]{32}$/);
});

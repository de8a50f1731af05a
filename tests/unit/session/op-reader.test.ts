import { expect, test } from "bun:test";
import type { Delta } from "../../../src/protocol/stream.ts";
import { OpReader } from "../../../src/session/op-reader.ts";

/** Ops that say their own position. */
function delta(start: number, end: number): Delta {
	return { start, end, ops: Array.from({ length: end - start }, (_, index) => start + index) };
}

test("a reader reads from where it joins, and from the midst of a push", () => {
	const reader = new OpReader(3);
	expect(reader.read).toBe(3);
	expect(reader.answer(3, [delta(2, 5), delta(5, 6)])).toEqual([3, 4, 5]);
	expect(reader.position).toBe(6);
	expect(reader.read).toBeNull();
});

test("a tail that joins on needs no reading", () => {
	const reader = new OpReader(0);
	expect(reader.tail([delta(0, 2)])).toEqual([0, 1]);
	expect(reader.read).toBeNull();
	expect(reader.tail([delta(0, 2)])).toEqual([]);
	expect(reader.tail([delta(1, 4)])).toEqual([2, 3]);
});

test("what comes behind a gap waits until the gap is read", () => {
	const reader = new OpReader(0);
	reader.tail([delta(0, 1)]);
	expect(reader.tail([delta(3, 5)])).toEqual([]);
	expect(reader.read).toBe(1);
	expect(reader.tail([delta(4, 6)])).toEqual([]);
	expect(reader.answer(1, [delta(1, 3)])).toEqual([1, 2, 3, 4, 5]);
	expect(reader.read).toBeNull();
});

test("a gap that is only partly read is read on", () => {
	const reader = new OpReader(0);
	reader.tail([delta(0, 1), delta(9, 10)]);
	expect(reader.answer(1, [delta(1, 4)])).toEqual([1, 2, 3]);
	expect(reader.read).toBe(4);
	expect(reader.answer(4, [delta(4, 9)])).toEqual([4, 5, 6, 7, 8, 9]);
});

test("an empty answer ends the reading until there is news", () => {
	const reader = new OpReader(0);
	expect(reader.answer(0, [])).toEqual([]);
	expect(reader.read).toBeNull();
	expect(reader.tail([delta(2, 3)])).toEqual([]);
	expect(reader.read).toBe(0);
	expect(reader.answer(0, [])).toEqual([]);
	expect(reader.read).toBeNull();
	expect(reader.tail([delta(3, 4)])).toEqual([]);
	expect(reader.read).toBe(0);
});

test("an answer to an old question changes nothing", () => {
	const reader = new OpReader(0);
	reader.tail([delta(0, 2), delta(5, 6)]);
	expect(reader.answer(0, [delta(2, 5)])).toEqual([]);
	expect(reader.read).toBe(2);
});

test("news that comes while a gap is read is given out once", () => {
	const reader = new OpReader(0);
	reader.tail([delta(4, 5)]);
	expect(reader.tail([delta(0, 5)])).toEqual([0, 1, 2, 3, 4]);
	expect(reader.read).toBeNull();
	expect(reader.answer(0, [delta(0, 5)])).toEqual([]);
	expect(reader.position).toBe(5);
});

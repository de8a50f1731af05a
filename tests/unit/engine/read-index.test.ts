import { expect, test } from "bun:test";
import fc from "fast-check";
import { ReadIndex } from "../../../src/engine/reactor/read-index.ts";
import { contains, type ReadInterval } from "../../../src/engine/transaction/read-set.ts";
import { afterPrefix, encodeKey, HIGHEST, LOWEST } from "../../../src/engine/values/sort-key.ts";

const cell = fc.integer({ min: 0, max: 3 });
const key = fc.tuple(fc.integer({ min: 1, max: 2 }), cell, cell).map(([indexId, a, b]) => {
	const ends: number[] = [];
	return { indexId, key: encodeKey([a, b], ends), ends };
});
const interval: fc.Arbitrary<ReadInterval> = fc
	.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 0, max: 2 }), cell, cell, fc.boolean())
	.map(([indexId, depth, a, b, half]) => {
		const prefix = encodeKey([a, b].slice(0, depth));
		const whole = { low: depth === 0 ? LOWEST : prefix, high: depth === 0 ? HIGHEST : afterPrefix(prefix) };
		return {
			indexId,
			depth,
			prefix,
			...whole,
			...(half && depth < 2 ? { low: encodeKey([...[a, b].slice(0, depth), b]) } : {}),
		};
	});

test("finds exactly the owners whose intervals hold a key, through changes and removals", () => {
	fc.assert(
		fc.property(
			fc.array(fc.array(interval, { maxLength: 4 }), { maxLength: 6 }),
			fc.array(key, { maxLength: 4 }),
			fc.nat(),
			(owners, touched, removed) => {
				const index = new ReadIndex<number>();
				owners.forEach((intervals, owner) => {
					index.set(owner, [{ indexId: 9, depth: 0, prefix: LOWEST, low: LOWEST, high: HIGHEST }]);
					index.set(owner, intervals);
				});
				const gone = owners.length === 0 ? -1 : removed % owners.length;
				index.delete(gone);
				const expected = owners.flatMap((intervals, owner) => {
					const hit = touched.some((one) =>
						intervals.some((range) => range.indexId === one.indexId && contains(range, one.key)),
					);
					return hit && owner !== gone ? [owner] : [];
				});
				expect([...index.ownersOf(touched)].sort()).toEqual(expected);
				expect(index.isWatched(9)).toBe(false);
			},
		),
		{ numRuns: 500 },
	);
});

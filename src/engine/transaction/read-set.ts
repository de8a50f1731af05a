/**
 * What a query read: intervals of index keys, only the part that was consumed.
 *
 * Every interval lies below an equality prefix of its index (`prefix`, the first `depth` fields), which is
 * what a commit looks intervals up by. A stream narrows or widens its interval while it runs.
 */
import { compareKeys, HIGHEST, LOWEST } from "../values/sort-key.ts";

export type ReadInterval = {
	readonly indexId: number;
	readonly depth: number;
	readonly prefix: Uint8Array;
	/** Inclusive. */
	low: Uint8Array;
	/** Exclusive. */
	high: Uint8Array;
};

/** Stands for "whether this table exists", by its name, for reads of tables that nobody has made yet. */
export const TABLE_EXISTENCE = -1;

export class ReadSet {
	readonly intervals: ReadInterval[] = [];
	/** The result may depend on the time or on chance: not shared with those who ask later. */
	volatile = false;

	add(interval: ReadInterval): ReadInterval {
		this.intervals.push(interval);
		return interval;
	}

	addPoint(indexId: number, key: Uint8Array): void {
		this.intervals.push({ indexId, depth: 1, prefix: key, low: LOWEST, high: HIGHEST });
	}
}

export function contains(interval: ReadInterval, key: Uint8Array): boolean {
	// LOWEST and HIGHEST by identity: most intervals are whole prefixes.
	return (
		(interval.low === LOWEST || compareKeys(interval.low, key) <= 0) &&
		(interval.high === HIGHEST || compareKeys(key, interval.high) < 0)
	);
}

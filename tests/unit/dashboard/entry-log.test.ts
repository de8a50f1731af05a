import { expect, test } from "bun:test";
import {
	type EntryLog,
	startLog,
	withOlder,
	withTails,
} from "../../../src/dashboard/features/transcript/entry-log.ts";
import type { EntryView } from "../../../src/protocol/entry.ts";
import { entryView } from "./entry-views.ts";

const range = (from: number, to: number) =>
	Array.from({ length: to - from + 1 }, (_, index) => entryView({ seq: from + index }));
const seqs = (log: EntryLog) => log.entries.map((entry) => entry.seq);
const page = (entries: EntryView[], cursor: string | null = null) => ({
	entries: [...entries].reverse(),
	cursor,
});

test("the first page is turned round and followed from its last entry", () => {
	const log = startLog("s", page(range(4, 6), "c"));
	expect(seqs(log)).toEqual([4, 5, 6]);
	expect(log).toMatchObject({ cursor: "c", tails: [6] });
});

test("a session without own entries is followed from its beginning", () => {
	const shared = [entryView({ seq: 7, sessionId: "parent" })];
	expect(startLog("s", page(shared)).tails).toEqual([0]);
	expect(startLog("s", page([])).tails).toEqual([0]);
});

test("older pages go in front, once each", () => {
	const log = withOlder(startLog("s", page(range(4, 6), "c")), page(range(2, 4)));
	expect(seqs(log)).toEqual([2, 3, 4, 5, 6]);
	expect(log.cursor).toBeNull();
});

test("what arrives is appended, and an answer seen again changes nothing", () => {
	const log = startLog("s", page(range(1, 2)));
	const more = withTails(log, new Map([[2, range(3, 4)]]));
	expect(seqs(more)).toEqual([1, 2, 3, 4]);
	expect(withTails(more, new Map([[2, range(3, 4)]]))).toBe(more);
	expect(withTails(log, new Map([[2, undefined]]))).toBe(log);
});

test("a tail that has grown is replaced only once its successor has answered", () => {
	const log = startLog("s", page(range(1, 2)));
	const grown = withTails(log, new Map([[2, range(3, 10)]]));
	expect(grown.tails).toEqual([2, 10]);
	// While the successor loads, the first goes on to show what comes.
	const between = withTails(
		grown,
		new Map([
			[2, range(3, 11)],
			[10, undefined],
		]),
	);
	expect(seqs(between).at(-1)).toBe(11);
	expect(between.tails).toEqual([2, 10]);
	const moved = withTails(
		between,
		new Map([
			[2, range(3, 11)],
			[10, range(11, 12)],
		]),
	);
	expect(moved.tails).toEqual([10]);
	expect(seqs(moved)).toEqual(range(1, 12).map((entry) => entry.seq));
});

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

const changed = (seq: number, text: string) =>
	entryView({ seq, body: { message: { role: "assistant", content: [{ type: "text", text }] } } });

test("an entry that says something else now takes the place of the one held", () => {
	const log = withTails(startLog("s", page(range(1, 2))), new Map([[2, range(3, 5)]]));
	const now = changed(4, "said anew");
	const after = withTails(log, new Map([[2, [entryView({ seq: 3 }), now, entryView({ seq: 5 })]]]));
	expect(seqs(after)).toEqual([1, 2, 3, 4, 5]);
	expect(after.entries[3]).toBe(now);
	// What did not change keeps its identity, and with it its row.
	expect(after.entries[2]).toBe(log.entries[2] as EntryView);
	expect(withTails(after, new Map([[2, [entryView({ seq: 3 }), changed(4, "said anew")]]]))).toBe(after);
});

test("where entries may be replaced the newest are watched, and go on being so as more come", () => {
	const watched = 3;
	const log = withTails(startLog("s", page(range(1, 6), "c")), new Map([[6, undefined]]), watched);
	expect(log.tails).toEqual([3]);
	const held = withTails(log, new Map([[3, range(4, 6)]]), watched);
	expect(held).toBe(log);
	const grown = withTails(held, new Map([[3, range(4, 14)]]), watched);
	expect(grown.tails).toEqual([3, 11]);
	const moved = withTails(
		grown,
		new Map([
			[3, range(4, 14)],
			[11, range(12, 14)],
		]),
		watched,
	);
	expect(moved.tails).toEqual([11]);
	expect(seqs(moved)).toEqual(range(1, 14).map((entry) => entry.seq));
	expect(withTails(startLog("s", page(range(1, 2))), new Map(), watched).tails).toEqual([0]);
});

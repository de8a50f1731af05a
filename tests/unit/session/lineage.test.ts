import { expect, test } from "bun:test";
import { compareFork, parentIdFrom } from "../../../src/session/lineage.ts";

const entry = (id: string, parentId: string | null, text = id) => ({
	type: "custom",
	id,
	parentId,
	data: text,
});
const PARENT = [
	entry("a", null),
	entry("b", "a"),
	entry("x", "a"),
	entry("c", "b"),
	entry("label", "c"),
	entry("d", "label"),
];

test("a fork shares the path that it copied, also where other branches stand between", () => {
	const fork = [entry("a", null), entry("b", "a"), entry("c", "b"), entry("own", "c")];
	expect(compareFork(fork, PARENT)).toEqual({ forkEntryId: "c", shared: 3, copied: new Set() });
});

test("what hangs elsewhere in the fork is a copy, and ends what is shared", () => {
	const fork = [entry("a", null), entry("b", "a"), entry("c", "b"), entry("d", "c"), entry("label-2", "d")];
	expect(compareFork(fork, PARENT)).toEqual({ forkEntryId: "c", shared: 3, copied: new Set(["d"]) });
});

test("other content under the same id is not shared", () => {
	const fork = [entry("a", null), entry("b", "a", "other")];
	expect(compareFork(fork, PARENT)).toEqual({ forkEntryId: "a", shared: 1, copied: new Set(["b"]) });
});

test("files without a common root share nothing", () => {
	expect(compareFork([entry("q", null)], PARENT)).toEqual({
		forkEntryId: null,
		shared: 0,
		copied: new Set(),
	});
	expect(compareFork([], PARENT).forkEntryId).toBeNull();
});

test("the parent's id is read from the name of its file", () => {
	const id = "01a1fd30-6f96-763f-8fd2-1efdf7dda47f";
	expect(parentIdFrom({ parentSession: `/home/a_b/sessions/2026-11-21T08-19-32-374Z_${id}.jsonl` })).toBe(id);
	expect(parentIdFrom({ parentSession: `C:\\s\\2026_${id}.jsonl` })).toBe(id);
	for (const header of [null, {}, { parentSession: "/x/y.jsonl" }, { parentSession: 7 }])
		expect(parentIdFrom(header)).toBeNull();
});

import { expect, test } from "bun:test";
import { branchOf } from "../../../src/dashboard/features/transcript/branch.ts";
import { entryView } from "./entry-views.ts";

const ids = (entries: readonly { entryId: string }[]) => entries.map((entry) => entry.entryId);
/** e1 - e2 - e3 - e4, and e5 - e6 beside from e2. */
const TREE = [
	entryView({ seq: 1 }),
	entryView({ seq: 2 }),
	entryView({ seq: 3 }),
	entryView({ seq: 4 }),
	entryView({ seq: 5, parent: 2 }),
	entryView({ seq: 6 }),
];

test("without a known leaf the newest entry is it", () => {
	const branch = branchOf(TREE, null, false);
	expect(ids(branch.path)).toEqual(["e1", "e2", "e5", "e6"]);
	expect(ids(branch.others)).toEqual(["e3", "e4"]);
	expect(branch.isWhole).toBe(true);
});

test("the terminal's leaf decides the branch", () => {
	expect(ids(branchOf(TREE, "e4", false).path)).toEqual(["e1", "e2", "e3", "e4"]);
	expect(ids(branchOf(TREE, "e2", false).others)).toEqual(["e3", "e4", "e5", "e6"]);
});

test("a leaf that is not loaded yet is stood in for by the newest, and more is wanted", () => {
	const branch = branchOf(TREE.slice(4), "e4", true);
	expect(ids(branch.path)).toEqual(["e5", "e6"]);
	expect(branch.isWhole).toBe(false);
	expect(branchOf(TREE.slice(4), "gone", false).isWhole).toBe(true);
});

test("a path that breaks at what is not loaded wants more", () => {
	expect(branchOf(TREE.slice(4), null, true).isWhole).toBe(false);
	expect(branchOf(TREE, null, true).isWhole).toBe(true);
});

test("a damaged session that names an entry as its own ancestor ends", () => {
	const circle = [entryView({ seq: 1, parent: 2 }), entryView({ seq: 2, parent: 1 })];
	expect(ids(branchOf(circle, null, false).path)).toEqual(["e1", "e2"]);
});

test("an empty session has an empty branch", () => {
	expect(branchOf([], null, false)).toEqual({ path: [], others: [], isWhole: true });
});

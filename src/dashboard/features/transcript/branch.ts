/** The branch that leads to the leaf, among the entries that the page holds. */
import type { EntryView } from "../../../protocol/entry.ts";

export type Branch = {
	/** From the oldest held to the leaf. */
	path: readonly EntryView[];
	/** Held, but not on the path. */
	others: readonly EntryView[];
	/** False while older entries are missing that the path needs, the leaf itself included. */
	isWhole: boolean;
};

/** All entries of a session that has no branches, as they were said: another agent's may come in any order. */
export function inOrderOfTime(entries: readonly EntryView[]): Branch {
	const path = [...entries].sort((a, b) => a.timestamp - b.timestamp || a.seq - b.seq);
	return { path, others: [], isWhole: true };
}

/**
 * `entries` are oldest first and without gaps at their end. The leaf is the terminal's when it is known,
 * else the newest entry: Pi goes on from there too. While the leaf is not held the newest stands in for
 * it. `hasOlder` tells that more can be read.
 */
export function branchOf(entries: readonly EntryView[], leafId: string | null, hasOlder: boolean): Branch {
	const byId = new Map(entries.map((entry) => [entry.entryId, entry]));
	const newest = entries.at(-1) ?? null;
	const leaf = leafId === null ? newest : (byId.get(leafId) ?? null);
	const path: EntryView[] = [];
	let missing = false;
	for (let at = leaf ?? newest; at; ) {
		path.push(at);
		// A damaged session may name an entry as its own ancestor: each is taken once.
		byId.delete(at.entryId);
		const parent: EntryView | undefined = at.parentId === null ? undefined : byId.get(at.parentId);
		missing = parent === undefined && at.parentId !== null;
		at = parent ?? null;
	}
	return {
		path: path.reverse(),
		others: [...byId.values()],
		isWhole: !hasOlder || !(missing || leaf === null),
	};
}

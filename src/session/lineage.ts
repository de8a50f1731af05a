/**
 * What a fork shares with its parent. Pi copies the path from the root to the fork's point into the new
 * file; a label in it is left out, so what followed the label hangs on another entry there: a copy that
 * is not identical and is stored again, marked `copied`, so that its tokens count once (F2).
 */
export type ForkEntry = Readonly<{ id: string; parentId: string | null }>;

export type Fork = {
	/** Last entry of the shared path; null when the files share none. */
	forkEntryId: string | null;
	/** How many of the fork's first entries are shared: those are not stored again. */
	shared: number;
	/** Ids after those that stand in the parent too. */
	copied: ReadonlySet<string>;
};

/**
 * Both in file order, under lasting ids. Entries are shared as long as each hangs on the one before it
 * and stands in the parent with the same content.
 */
export function compareFork(fork: readonly ForkEntry[], parent: readonly ForkEntry[]): Fork {
	const byId = new Map(parent.map((entry) => [entry.id, entry]));
	let shared = 0;
	let before: string | null = null;
	for (const entry of fork) {
		const other = byId.get(entry.id);
		if (!other || entry.parentId !== before || JSON.stringify(entry) !== JSON.stringify(other)) break;
		before = entry.id;
		shared += 1;
	}
	const copied = new Set(fork.slice(shared).flatMap((entry) => (byId.has(entry.id) ? [entry.id] : [])));
	return { forkEntryId: before, shared, copied };
}

/** The parent's session id as the name of its file tells it, `<time>_<id>.jsonl`; null when the header names none. */
export function parentIdFrom(header: Readonly<Record<string, unknown>> | null): string | null {
	const path = header?.parentSession;
	if (typeof path !== "string") return null;
	return /(?:^|[/\\])[^/\\]*?_([A-Za-z0-9][A-Za-z0-9._-]*)\.jsonl$/.exec(path)?.[1] ?? null;
}

/** Before a session is opened: what of it is shared with a parent, and so not sent again (F1, F2). */

import type { Lineage } from "../protocol/session.ts";
import { compareFork, type ForkEntry, parentIdFrom } from "../session/lineage.ts";
import type { Backend } from "./ports.ts";

export type LineagePlan = {
	/** Null: no fork. */
	lineage: Lineage | null;
	/** How many of the first entries the parent holds for it. */
	shared: number;
	/** Ids that are stored again but were counted in the parent. */
	copied: ReadonlySet<string>;
};

export type LineageOptions = {
	backend: Pick<Backend, "missing">;
	header: Readonly<Record<string, unknown>> | null;
	/** The fork's entries, under lasting ids. */
	entries: readonly ForkEntry[];
	/** Null when its file is not to be had. */
	parent: { sessionId: string; entries: readonly ForkEntry[] } | null;
	/** Brings the parent to the backend; it is asked for when the backend lacks what is shared. */
	pushParent: () => Promise<void>;
};

const NONE: LineagePlan = { lineage: null, shared: 0, copied: new Set() };

/** Rejects with a `BackendError` when the backend cannot be asked. */
export async function planLineage(options: LineageOptions): Promise<LineagePlan> {
	const { backend, header, entries, parent, pushParent } = options;
	if (parent) {
		const fork = compareFork(entries, parent.entries);
		if (fork.shared > 0) {
			const ids = entries.slice(0, fork.shared).map((entry) => entry.id);
			if ((await missingOf(backend, parent.sessionId, ids)).size > 0) await pushParent();
			// What the backend refused of the parent cannot be shared.
			const lost = await missingOf(backend, parent.sessionId, ids);
			if (lost.size > 0) return unshared(parent.sessionId, entries, lost, fork.copied);
		}
		const { forkEntryId, shared, copied } = fork;
		return { lineage: { parentSessionId: parent.sessionId, forkEntryId }, shared, copied };
	}
	const parentSessionId = parentIdFrom(header);
	if (parentSessionId === null) return NONE;
	// Without its file nothing can be compared: all is stored again, and counted where the parent has it.
	const lost = await missingOf(
		backend,
		parentSessionId,
		entries.map((entry) => entry.id),
	);
	return unshared(parentSessionId, entries, lost, new Set());
}

function unshared(
	parentSessionId: string,
	entries: readonly ForkEntry[],
	lost: ReadonlySet<string>,
	also: ReadonlySet<string>,
): LineagePlan {
	const copied = new Set(also);
	for (const { id } of entries) if (!lost.has(id)) copied.add(id);
	return { lineage: { parentSessionId, forkEntryId: null }, shared: 0, copied };
}

/** The backend takes 5,000, and of a very large session it looks for no more than this many: the rest would count as missing. */
const MISSING_MAX_IDS = 3000;

/** Of these ids, those that the backend does not hold for the session. */
export async function missingOf(
	backend: Pick<Backend, "missing">,
	sessionId: string,
	ids: readonly string[],
): Promise<Set<string>> {
	const missing = new Set<string>();
	for (let from = 0; from < ids.length; from += MISSING_MAX_IDS) {
		for (const id of await backend.missing(sessionId, ids.slice(from, from + MISSING_MAX_IDS)))
			missing.add(id);
	}
	return missing;
}

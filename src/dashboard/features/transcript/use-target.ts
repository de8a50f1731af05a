/**
 * The entry that the address names: loaded when it is not here yet, then brought into view and marked.
 * A session may be long: the look for it stops after very many entries and asks before it goes on.
 */
import { useEffect, useMemo } from "react";
import type { EntryLog } from "./entry-log.ts";
import type { SessionState } from "./use-session.ts";

export type Target =
	| { kind: "none" }
	| { kind: "seeking" }
	/** Among the entries that are loaded. */
	| { kind: "here"; entryId: string }
	/** The session has no such entry. */
	| { kind: "missing" }
	/** Further back than was looked. */
	| { kind: "far"; goOn: () => void };

/** Where the look for the entry stands; it begins by itself. */
export function useTarget(entryId: string | undefined, log: EntryLog | null, state: SessionState): Target {
	const { isLoadingOlder, olderFailure, seek, sought } = state;
	const target = useMemo(() => targetIn(entryId, log, sought, seek), [entryId, log, sought, seek]);
	const mustSeek = target.kind === "seeking" && log !== null && !isLoadingOlder && olderFailure === null;
	useEffect(() => {
		if (mustSeek && entryId !== undefined) seek(entryId);
	}, [mustSeek, entryId, seek]);
	return target;
}

/** Where an entry is, as far as is known. */
export function targetIn(
	entryId: string | undefined,
	log: EntryLog | null,
	sought: SessionState["sought"],
	seek: SessionState["seek"],
): Target {
	if (entryId === undefined) return { kind: "none" };
	if (log?.entries.some((entry) => entry.entryId === entryId)) return { kind: "here", entryId };
	if (!log || sought?.entryId !== entryId) return { kind: "seeking" };
	return sought.isThere && log.cursor !== null
		? { kind: "far", goOn: () => seek(entryId) }
		: { kind: "missing" };
}

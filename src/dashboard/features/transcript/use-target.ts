/**
 * An entry that is wanted, such as the one that the address names: loaded when it is not here yet.
 * A session may be long: the look for it stops after very many entries and asks before it goes on.
 */
import { useEffect, useMemo } from "react";
import type { SessionView } from "../../../protocol/session.ts";
import { type EntryLog, lastSeq } from "./entry-log.ts";
import type { SessionState, Sought } from "./use-session.ts";

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
	const found = sought.find((one) => one.entryId === entryId) ?? null;
	const target = useMemo(() => targetIn(entryId, log, found, seek), [entryId, log, found, seek]);
	const mustSeek = target.kind === "seeking" && log !== null && !isLoadingOlder && olderFailure === null;
	useEffect(() => {
		if (mustSeek && entryId !== undefined) seek(entryId);
	}, [mustSeek, entryId, seek]);
	return target;
}

/**
 * Where the session stands, when that is further back than is loaded: until it is here another branch is
 * shown. Not what is still to come at the end.
 */
export function leafToSeek(
	{ via, leafId, lastSeq: stored }: Pick<SessionView, "via" | "leafId" | "lastSeq">,
	log: EntryLog,
): string | undefined {
	if (via !== "pi" || leafId === null || stored > lastSeq(log)) return undefined;
	return leafId;
}

/** Where an entry is, as far as is known. */
export function targetIn(
	entryId: string | undefined,
	log: EntryLog | null,
	sought: Sought | null,
	seek: SessionState["seek"],
): Target {
	if (entryId === undefined) return { kind: "none" };
	if (log?.entries.some((entry) => entry.entryId === entryId)) return { kind: "here", entryId };
	if (!log || sought?.entryId !== entryId) return { kind: "seeking" };
	return sought.isThere && log.cursor !== null
		? { kind: "far", goOn: () => seek(entryId) }
		: { kind: "missing" };
}

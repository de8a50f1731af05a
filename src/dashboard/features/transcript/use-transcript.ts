import { useMemo, useRef, useState } from "react";
import type { SessionView } from "../../../protocol/session.ts";
import { type Branch, branchOf, inOrderOfTime } from "./branch.ts";
import type { EntryLog } from "./entry-log.ts";
import { callsIn, type Row, rowsOf } from "./transcript-rows.ts";

export type Transcript = {
	rows: readonly Row[];
	branch: Branch;
	/** Rows that are on the branch; the others are shown on wish. */
	othersCount: number;
	showsOthers: boolean;
	setShowsOthers: (shows: boolean) => void;
	/** Ids of all tool calls on the rows. */
	shownCalls: ReadonlySet<string>;
};

/** The rows to draw: the branch to the leaf, or all that is loaded. */
export function useTranscript(log: EntryLog, session: Pick<SessionView, "leafId" | "via">): Transcript {
	const { leafId, via } = session;
	const [showsOthers, setShowsOthers] = useState(false);
	const branch = useMemo(
		() =>
			via === "openSync" ? inOrderOfTime(log.entries) : branchOf(log.entries, leafId, log.cursor !== null),
		[log.entries, log.cursor, leafId, via],
	);
	const shownBefore = useRef<ReadonlyMap<string, Row>>(new Map());
	const rows = useMemo(() => {
		const onPath = new Set(branch.path);
		const made = rowsOf(
			showsOthers ? log.entries : branch.path,
			(entry) => onPath.has(entry),
			shownBefore.current,
		);
		shownBefore.current = new Map(made.map((row) => [row.key, row]));
		return made;
	}, [log.entries, branch, showsOthers]);
	const shownCalls = useMemo(() => new Set(rows.flatMap((row) => callsIn(row.model))), [rows]);
	return { rows, branch, othersCount: branch.others.length, showsOthers, setShowsOthers, shownCalls };
}

import type { SessionView } from "../../../protocol/session.ts";
import type { LineageView } from "../../api.ts";

export type ForkPlace = { from: readonly SessionView[]; to: readonly SessionView[] };

/** By entry id: which session is shared up to it, and which forks leave after it. */
export function forkPlaces(
	session: SessionView,
	lineage: LineageView | undefined,
): ReadonlyMap<string, ForkPlace> {
	const places = new Map<string, ForkPlace>();
	const place = (entryId: string | null | undefined, kind: keyof ForkPlace, other: SessionView): void => {
		if (!entryId) return;
		const known = places.get(entryId) ?? { from: [], to: [] };
		places.set(entryId, { ...known, [kind]: [...known[kind], other] });
	};
	const parent = lineage?.ancestors.find((one) => one.sessionId === session.lineage?.parentSessionId);
	if (parent) place(session.lineage?.forkEntryId, "from", parent);
	for (const child of lineage?.children ?? []) place(child.lineage?.forkEntryId, "to", child);
	return places;
}

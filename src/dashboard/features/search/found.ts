/** What a search has found so far, as immutable state. */
import type { SearchHit, SearchPage } from "../../../protocol/search.ts";

export type Found =
	/** There are no words to look for. */
	| { kind: "nothing" }
	/** `hits` are those of the search before, shown until the new ones come. */
	| { kind: "searching"; hits: readonly SearchHit[] }
	| {
			kind: "found";
			hits: readonly SearchHit[];
			/** For more; null when that is all. */
			cursor: string | null;
			isLoadingMore: boolean;
			/** Why more could not be loaded. */
			moreFailure: string | null;
	  }
	| { kind: "failed"; reason: string };

export type FoundEvent =
	| { kind: "cleared" }
	| { kind: "asked" }
	| { kind: "moreAsked" }
	| { kind: "came"; page: SearchPage; isMore: boolean }
	| { kind: "failed"; reason: string; isMore: boolean };

export const NOTHING_ASKED: Found = { kind: "nothing" };

export function nextFound(found: Found, event: FoundEvent): Found {
	switch (event.kind) {
		case "cleared":
			return NOTHING_ASKED;
		case "asked":
			return { kind: "searching", hits: hitsOf(found) };
		case "moreAsked":
			return found.kind === "found" ? { ...found, isLoadingMore: true, moreFailure: null } : found;
		case "came": {
			const { hits, cursor } = event.page;
			const before = event.isMore ? hitsOf(found) : [];
			return {
				kind: "found",
				hits: [...before, ...withoutKnown(before, hits)],
				cursor,
				isLoadingMore: false,
				moreFailure: null,
			};
		}
		case "failed":
			if (event.isMore && found.kind === "found")
				return { ...found, isLoadingMore: false, moreFailure: event.reason };
			return { kind: "failed", reason: event.reason };
		default:
			return event satisfies never;
	}
}

export function hitsOf(found: Found): readonly SearchHit[] {
	return found.kind === "found" || found.kind === "searching" ? found.hits : [];
}

/** Identity of a hit in a list. */
export const hitKey = (hit: SearchHit): string => JSON.stringify([hit.sessionId, hit.entryId, hit.kind]);

/** What was written between two pages may show on both. */
function withoutKnown(before: readonly SearchHit[], hits: readonly SearchHit[]): SearchHit[] {
	const known = new Set(before.map(hitKey));
	return hits.filter((hit) => {
		const key = hitKey(hit);
		if (known.has(key)) return false;
		known.add(key);
		return true;
	});
}

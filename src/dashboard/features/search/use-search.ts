import { useConvex } from "convex/react";
import { useCallback, useEffect, useReducer, useRef } from "react";
import type { PassageKind, SearchPage } from "../../../protocol/search.ts";
import { api } from "../../api.ts";
import { failureWords } from "../../failure-words.ts";
import { type Found, NOTHING_ASKED, nextFound } from "./found.ts";

/** Typing may pause this long before a search goes out. */
const PAUSE_MS = 200;
const PAGE = 30;

export type Asked = { query: string; source: string | null; of: PassageKind | null };

/** Searches for what is asked a moment after it was asked, and for more of it on request. */
export function useSearch(asked: Asked): { found: Found; loadMore: () => void; again: () => void } {
	const client = useConvex();
	const [found, dispatch] = useReducer(nextFound, NOTHING_ASKED);
	const latest = useRef(0);
	const { query, source, of } = asked;
	const search = useCallback(
		async (cursor: string | null): Promise<void> => {
			latest.current += 1;
			const mine = latest.current;
			const args = {
				query,
				limit: PAGE,
				cursor,
				...(source === null ? {} : { source }),
				...(of === null ? {} : { kind: of }),
			};
			dispatch({ kind: cursor === null ? "asked" : "moreAsked" });
			const outcome = await client.query(api.search.passages, args).then(
				(page: SearchPage) => ({ kind: "came", page, isMore: cursor !== null }) as const,
				(error) => ({ kind: "failed", reason: reasonOf(error), isMore: cursor !== null }) as const,
			);
			// An answer to what was asked before is late: it is let go.
			if (latest.current === mine) dispatch(outcome);
		},
		[client, query, source, of],
	);
	useEffect(() => {
		// From here on an answer to what stood there before is late, and its hits are not those of this search.
		latest.current += 1;
		if (query.trim() === "") {
			dispatch({ kind: "cleared" });
			return;
		}
		dispatch({ kind: "asked" });
		const timer = setTimeout(() => void search(null), PAUSE_MS);
		return () => clearTimeout(timer);
	}, [search, query]);
	// Nobody waits for the answer any more.
	useEffect(() => {
		const asking = latest;
		return () => {
			asking.current += 1;
		};
	}, []);
	const cursor = found.kind === "found" ? found.cursor : null;
	const loadMore = useCallback(() => {
		if (cursor !== null) void search(cursor);
	}, [search, cursor]);
	return { found, loadMore, again: () => void search(null) };
}

function reasonOf(error: unknown): string {
	const message = failureWords(error);
	return /Could not find (public )?function/i.test(message)
		? "This backend is older than search: bring it up to date."
		: message;
}

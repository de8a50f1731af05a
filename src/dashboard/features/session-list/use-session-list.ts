import { usePaginatedQuery } from "convex/react";
import { useState } from "react";
import type { SessionView } from "../../../protocol/session.ts";
import { api } from "../../api.ts";
import { filterSessions } from "./filter-sessions.ts";

const PAGE = 50;

export type SessionListState = {
	/** In live order, newest activity first, the filter applied. */
	sessions: readonly SessionView[];
	status: "LoadingFirstPage" | "CanLoadMore" | "LoadingMore" | "Exhausted";
	loadedCount: number;
	filter: string;
	setFilter: (filter: string) => void;
	loadMore: () => void;
};

export function useSessionList(): SessionListState {
	const { results, status, loadMore } = usePaginatedQuery(api.sessions.list, {}, { initialNumItems: PAGE });
	const [filter, setFilter] = useState("");
	return {
		sessions: filterSessions(results, filter),
		status,
		loadedCount: results.length,
		filter,
		setFilter,
		loadMore: () => loadMore(PAGE),
	};
}

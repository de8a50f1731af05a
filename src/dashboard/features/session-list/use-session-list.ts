import { usePaginatedQuery } from "convex/react";
import { useState } from "react";
import type { SessionView } from "../../../protocol/session.ts";
import { api } from "../../api.ts";
import { filterSessions, sourcesIn } from "./filter-sessions.ts";

const PAGE = 50;

export type SessionListState = {
	/** In live order, newest activity first, the filter applied. */
	sessions: readonly SessionView[];
	status: "LoadingFirstPage" | "CanLoadMore" | "LoadingMore" | "Exhausted";
	loadedCount: number;
	filter: string;
	setFilter: (filter: string) => void;
	/** Agents that sessions among those loaded come from. */
	sources: readonly string[];
	/** There are others than Pi's. */
	namesAgents: boolean;
	/** Only sessions of this agent are shown; null for all. */
	source: string | null;
	setSource: (source: string | null) => void;
	loadMore: () => void;
};

export function useSessionList(): SessionListState {
	const { results, status, loadMore } = usePaginatedQuery(api.sessions.list, {}, { initialNumItems: PAGE });
	const [filter, setFilter] = useState("");
	const [source, setSource] = useState<string | null>(null);
	const sources = sourcesIn(results);
	return {
		sessions: filterSessions(results, filter, source),
		sources: source === null || sources.includes(source) ? sources : [...sources, source],
		namesAgents: sources.some((one) => one !== "pi"),
		source,
		setSource,
		status,
		loadedCount: results.length,
		filter,
		setFilter,
		loadMore: () => loadMore(PAGE),
	};
}

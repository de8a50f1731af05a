import { useId } from "react";
import { agentName } from "../../agent-name.ts";
import { counted } from "../../format.ts";
import { SessionRow } from "./session-row.tsx";
import { type SessionListState, useSessionList } from "./use-session-list.ts";

/** All sessions, newest activity first. `openSessionId` is the one shown beside the list. */
export function SessionList({ openSessionId }: { openSessionId: string | null }) {
	const list = useSessionList();
	const filterId = useId();
	return (
		<nav className="session-list" aria-label="Sessions">
			<div className="session-filter">
				<label htmlFor={filterId} className="unseen">
					Filter sessions
				</label>
				<input
					id={filterId}
					type="search"
					placeholder="Filter sessions"
					spellCheck={false}
					value={list.filter}
					onChange={(event) => list.setFilter(event.target.value)}
				/>
				{(list.sources.length > 1 || list.source !== null) && <SourceFilter list={list} />}
			</div>
			<ul>
				{list.sessions.map((session) => (
					<SessionRow
						key={session.sessionId}
						session={session}
						isOpen={session.sessionId === openSessionId}
						namesAgent={list.namesAgents}
					/>
				))}
			</ul>
			<ListEnd list={list} />
		</nav>
	);
}

/** Shown once there is something to choose. */
function SourceFilter({ list }: { list: SessionListState }) {
	const id = useId();
	return (
		<>
			<label htmlFor={id} className="unseen">
				Agent
			</label>
			<select
				id={id}
				value={list.source ?? ""}
				onChange={(event) => list.setSource(event.target.value || null)}
			>
				<option value="">All agents</option>
				{list.sources.map((source) => (
					<option key={source} value={source}>
						{agentName(source)}
					</option>
				))}
			</select>
		</>
	);
}

/** What follows the last row: more, a wait, or what to do when there is nothing. */
function ListEnd({ list }: { list: SessionListState }) {
	if (list.status === "LoadingFirstPage") return <p className="quiet list-end">Loading…</p>;
	if (list.loadedCount === 0) {
		return (
			<div className="list-end" role="status">
				<p>No sessions yet.</p>
				<p className="quiet">
					Start Pi with the extension and its sessions show here, as do those of other agents whose OpenSync
					plugins post to this address. Bring old ones in with <code>pi-opensync import --all</code>.
				</p>
			</div>
		);
	}
	return (
		<div className="list-end">
			{list.sessions.length === 0 && (
				<p className="quiet">None of the {counted(list.loadedCount, "session")} loaded fits the filter.</p>
			)}
			{list.status === "CanLoadMore" && (
				<button type="button" onClick={list.loadMore}>
					Load more sessions
				</button>
			)}
			{list.status === "LoadingMore" && <p className="quiet">Loading…</p>}
		</div>
	);
}

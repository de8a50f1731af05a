import type { SessionView } from "../../../protocol/session.ts";
import type { LineageView } from "../../api.ts";
import { routeHref } from "../../route.ts";
import { sessionTitle } from "../../session-title.ts";

/** Where a session was forked from, and what was forked from it. */
export function ForkLinks({ session, lineage }: { session: SessionView; lineage: LineageView | undefined }) {
	if (!lineage) return null;
	const parent = lineage.ancestors[0] ?? null;
	if (!session.lineage && lineage.children.length === 0) return null;
	return (
		<nav className="forks" aria-label="Forks">
			{parent && (
				<p>
					Forked from <SessionLink session={parent} />
				</p>
			)}
			{session.lineage && !parent && <p className="quiet">Forked from a session that is not here.</p>}
			{lineage.children.length > 0 && (
				<p>
					Forks of this session:{" "}
					{lineage.children.map((child, index) => (
						<span key={child.sessionId}>
							{index > 0 && ", "}
							<SessionLink session={child} />
						</span>
					))}
				</p>
			)}
		</nav>
	);
}

function SessionLink({ session }: { session: SessionView }) {
	return (
		<a href={routeHref({ kind: "session", sessionId: session.sessionId })}>
			<bdi>{sessionTitle(session)}</bdi>
		</a>
	);
}

/** Stands after the entry at which a fork left. */
export function ForkMark({ kind, sessions }: { kind: "from" | "to"; sessions: readonly SessionView[] }) {
	return sessions.map((session) => (
		<p key={session.sessionId} className="fork-mark quiet">
			{kind === "from" ? "Up to here shared with " : "Forked here: "}
			<SessionLink session={session} />
		</p>
	));
}

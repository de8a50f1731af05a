import { memo } from "react";
import type { SessionView } from "../../../protocol/session.ts";
import { Age } from "../../elements/age.tsx";
import { AgentLabel } from "../../elements/agent-label.tsx";
import { Said } from "../../elements/said.tsx";
import { StateDot } from "../../elements/state-dot.tsx";
import { allTokens, dollars, duration, shortCount } from "../../format.ts";
import { routeHref } from "../../route.ts";
import { sessionTitle } from "../../session-title.ts";

type Props = {
	session: SessionView;
	isOpen: boolean;
	/** Sessions of several agents are in the list. */
	namesAgent: boolean;
};

/** One session of the list. The list sends each row anew when any of them changes: compare what is shown. */
export const SessionRow = memo(
	Row,
	(a, b) =>
		a.isOpen === b.isOpen &&
		a.namesAgent === b.namesAgent &&
		JSON.stringify(a.session) === JSON.stringify(b.session),
);

function Row({ session, isOpen, namesAgent }: Props) {
	const tokens = allTokens(session.tokens);
	return (
		<li>
			<a
				className="session-row"
				href={routeHref({ kind: "session", sessionId: session.sessionId })}
				aria-current={isOpen ? "page" : undefined}
				data-session={session.sessionId}
			>
				<StateDot status={session.status} />
				<span className="session-line">
					<span className="session-title" dir="auto">
						{sessionTitle(session)}
					</span>
					<span className="session-age quiet">
						<Age at={session.updatedAt} />
					</span>
				</span>
				<span className="session-line">
					<span className="session-about quiet">
						{namesAgent && (
							<>
								<AgentLabel source={session.source} />{" "}
							</>
						)}
						<Said text={session.projectName} title={session.projectPath} />
						{session.lineage && <span title="A fork of another session"> · fork</span>}
					</span>
					<span className="session-figures quiet">
						{session.durationMs !== null && session.durationMs > 0 && (
							<span title="Duration">{duration(session.durationMs)} · </span>
						)}
						<span title={`${tokens.toLocaleString("en-US")} tokens`}>{shortCount(tokens)} tokens</span>
						{" · "}
						<span title="Cost in US dollars">{dollars(session.cost)}</span>
					</span>
				</span>
			</a>
		</li>
	);
}

import { plainText } from "../../../lib/plain-text.ts";
import type { Present } from "../../../protocol/presence.ts";
import type { SessionView } from "../../../protocol/session.ts";
import { Age } from "../../elements/age.tsx";
import { AgentLabel } from "../../elements/agent-label.tsx";
import { Said } from "../../elements/said.tsx";
import { StateDot } from "../../elements/state-dot.tsx";
import { allTokens, counted, dollars, duration, lastActive, shortCount } from "../../format.ts";
import { routeHref } from "../../route.ts";
import { sessionTitle } from "../../session-title.ts";

/** What a session is, in three lines. `others` are who else is there. */
export function SessionHeader({ session, others }: { session: SessionView; others: readonly Present[] }) {
	const { tokens } = session;
	const figures = `${tokens.input} in, ${tokens.output} out, ${tokens.cacheRead} read from cache, ${tokens.cacheWrite} written to cache`;
	return (
		<header className="session-header">
			<a className="back" href={routeHref({ kind: "list" })}>
				All sessions
			</a>
			<h1>
				<StateDot status={session.status} /> <bdi>{sessionTitle(session)}</bdi>
			</h1>
			<p className="quiet">
				<AgentLabel source={session.source} /> <Said text={session.projectName} title={session.projectPath} />
				{session.gitBranch && (
					<>
						{" · "}
						<Said text={session.gitBranch} title="Git branch" />
					</>
				)}
				{session.machine !== "" && (
					<>
						{" · "}
						<Said text={session.machine} title="Machine" />
					</>
				)}
				{session.model && (
					<>
						{" · "}
						<Said text={session.model} title="Model" />
					</>
				)}
				{session.thinkingLevel && session.thinkingLevel !== "off" && (
					<span> · thinking {plainText(session.thinkingLevel)}</span>
				)}
			</p>
			<p className="quiet">
				<span title={figures}>{shortCount(allTokens(tokens))} tokens</span> · {dollars(session.cost)} ·{" "}
				{counted(session.messageCount, "message")}
				{session.durationMs !== null && session.durationMs > 0 && (
					<span title="Duration"> · took {duration(session.durationMs)}</span>
				)}
				{" · "}
				<Age at={session.updatedAt} say={lastActive} />
				<Others others={others} />
			</p>
		</header>
	);
}

function Others({ others }: { others: readonly Present[] }) {
	const terminals = others.filter((one) => one.kind === "terminal");
	const watching = others.filter((one) => one.kind !== "terminal").length;
	if (others.length === 0) return null;
	return (
		<span>
			{terminals.length > 0 && (
				<>
					{" · in "}
					<Said text={terminals.map((one) => one.label).join(", ")} />
				</>
			)}
			{watching > 0 && ` · ${watching} more watching`}
		</span>
	);
}

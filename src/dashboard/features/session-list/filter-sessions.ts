import type { SessionView } from "../../../protocol/session.ts";
import { agentName } from "../../agent-name.ts";

/** Agents that these sessions come from, by name. */
export function sourcesIn(sessions: readonly Pick<SessionView, "source">[]): string[] {
	return [...new Set(sessions.map(({ source }) => source))].sort((a, b) =>
		agentName(a).localeCompare(agentName(b)),
	);
}

/** Sessions of that agent (null: of all) in which each word of the filter occurs somewhere a person would look; case does not count. */
export function filterSessions(
	sessions: readonly SessionView[],
	filter: string,
	source: string | null = null,
): readonly SessionView[] {
	const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
	if (words.length === 0 && source === null) return sessions;
	return sessions.filter((session) => {
		if (source !== null && session.source !== source) return false;
		const text = [
			session.title,
			session.projectName,
			session.projectPath,
			session.gitBranch,
			session.machine,
			session.model,
			session.status,
			session.sessionId,
			agentName(session.source),
		]
			.join("\n")
			.toLowerCase();
		return words.every((word) => text.includes(word));
	});
}

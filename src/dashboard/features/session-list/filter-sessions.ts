import type { SessionView } from "../../../protocol/session.ts";

/** Sessions in which each word of the filter occurs somewhere a person would look; case does not count. */
export function filterSessions(sessions: readonly SessionView[], filter: string): readonly SessionView[] {
	const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
	if (words.length === 0) return sessions;
	return sessions.filter((session) => {
		const text = [
			session.title,
			session.projectName,
			session.projectPath,
			session.gitBranch,
			session.machine,
			session.model,
			session.status,
			session.sessionId,
		]
			.join("\n")
			.toLowerCase();
		return words.every((word) => text.includes(word));
	});
}

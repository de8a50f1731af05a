import type { SessionView } from "../protocol/session.ts";

/** A session's name for people; one without title goes by the beginning of its id. */
export function sessionTitle(session: Pick<SessionView, "title" | "sessionId">): string {
	return session.title ?? `Untitled ${session.sessionId.slice(0, 8)}`;
}

import { plainText } from "../lib/plain-text.ts";
import type { SessionView } from "../protocol/session.ts";

/** A session's name for people; one without title goes by the beginning of its id. */
export function sessionTitle(session: Pick<SessionView, "title" | "sessionId">): string {
	const title = session.title === null ? "" : plainText(session.title).trim();
	return title || `Untitled ${session.sessionId.slice(0, 8)}`;
}

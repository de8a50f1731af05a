/** Pi's running session, and a session file, as sources of entries. */
import { readFile } from "node:fs/promises";
import type { ReadonlySessionManager } from "@earendil-works/pi-coding-agent";
import { parseSessionFile } from "../session/session-file.ts";
import type { SessionSource, SourceEntry } from "../sync/ports.ts";

/** Holds on to the session manager and to nothing that goes stale when Pi replaces the session. */
export function liveSource(manager: ReadonlySessionManager): SessionSource {
	const sessionId = manager.getSessionId();
	return {
		sessionId,
		header: () => manager.getHeader() as Readonly<Record<string, unknown>> | null,
		entries: () => manager.getEntries() as readonly SourceEntry[],
		leafId: () => manager.getLeafId(),
	};
}

/** The file's entries as they are now, or null when there is no such session file. */
export async function fileSource(path: string): Promise<SessionSource | null> {
	let content: Uint8Array;
	try {
		content = await readFile(path);
	} catch {
		return null;
	}
	const file = parseSessionFile(content);
	const header = file.header;
	if (typeof header?.id !== "string") return null;
	const entries = file.entries.map((one) => one.entry as unknown as SourceEntry);
	return {
		sessionId: header.id,
		header: () => header,
		entries: () => entries,
		leafId: () => entries.at(-1)?.id ?? null,
	};
}

/**
 * The parent of a fork: the session that its header names by file, as Pi writes it. Null for a session
 * that is no fork and when the file is not on this machine.
 */
export async function parentSource(manager: ReadonlySessionManager): Promise<SessionSource | null> {
	const header = manager.getHeader();
	return header?.parentSession ? await fileSource(header.parentSession) : null;
}

/** Pi's running session, and a session file, as sources of entries. */
import { readFile } from "node:fs/promises";
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import { parseSessionFile } from "../session/session-file.ts";
import type { SessionSource, SourceEntry } from "../sync/ports.ts";

type ReadonlySessionManager = ExtensionContext["sessionManager"];

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

export type FreezableSource = SessionSource & {
	/** From now on it is as it is now, whatever Pi does with its session manager. */
	freeze(): void;
};

/** A source that can outlive its session: after Pi went on to another one, the rest is still sent. */
export function freezableSource(source: SessionSource): FreezableSource {
	let from = source;
	return {
		sessionId: source.sessionId,
		header: () => from.header(),
		entries: () => from.entries(),
		leafId: () => from.leafId(),
		freeze() {
			const header = source.header();
			const entries = source.entries();
			const leafId = source.leafId();
			from = {
				sessionId: source.sessionId,
				header: () => header,
				entries: () => entries,
				leafId: () => leafId,
			};
		},
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

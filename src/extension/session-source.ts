/** Pi's running session as a source of entries. */
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
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

/**
 * The parent of a fork: the session that its header names by file, as Pi writes it. Null for a session
 * that is no fork and when the file is not on this machine.
 */
export async function parentSource(manager: ReadonlySessionManager): Promise<SessionSource | null> {
	const header = manager.getHeader();
	if (!header?.parentSession) return null;
	// Here rather than on top: most sessions are no forks, and reading files is more than a start needs.
	const { fileSource } = await import("./file-source.ts");
	return await fileSource(header.parentSession);
}

/** A session file as a source of entries. */
import { readFile } from "node:fs/promises";
import { parseSessionFile } from "../session/session-file.ts";
import type { SessionSource, SourceEntry } from "../sync/ports.ts";

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

/**
 * A session of the backend becomes a session file of this terminal: a replica, with the same session id, entry
 * ids, parents and order. From there on the terminal follows.
 */
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import { dataPaths, pathsOf } from "../config/paths.ts";
import { PAGE_MAX_ENTRIES } from "../protocol/limits.ts";
import type { SessionView } from "../protocol/session.ts";
import { parseEntry } from "../sync/incoming-entries.ts";
import type { LiveBackend } from "../sync/ports.ts";
import type { PiInternals } from "./pi-internals.ts";
import { processTerminal } from "./process-terminal.ts";
import { replicaPath, writeReplica } from "./replica.ts";

export type Fetched = { kind: "fetched"; path: string } | { kind: "none"; message: string };

/** How many rows are looked through for the beginning of an id. */
const LOOKED_THROUGH = 100;

/** The session of that id, or the only one whose id begins so. */
export async function findSession(
	backend: Pick<LiveBackend, "session" | "attachable">,
	id: string,
): Promise<SessionView | string> {
	const exact = await backend.session(id);
	if (exact) return exact;
	const fitting = (await backend.attachable(LOOKED_THROUGH)).filter(({ session }) =>
		session.sessionId.startsWith(id),
	);
	const [only] = fitting;
	if (only && fitting.length === 1) return only.session;
	if (only) return `${fitting.length} sessions have ids that begin with ${id}: give more of it.`;
	return `The backend has no session ${id}.`;
}

/** Writes the replica. @param onProgress entries fetched, and how many there are. */
export async function fetchReplica(
	backend: Pick<LiveBackend, "entriesPage" | "entryJson">,
	session: SessionView,
	cwd: string,
	onProgress: (done: number, all: number) => void,
): Promise<string> {
	const pages: string[][] = [];
	let cursor: string | null = null;
	let done = 0;
	do {
		const page = await backend.entriesPage(session.sessionId, cursor, PAGE_MAX_ENTRIES);
		const lines = await Promise.all(page.entries.map((entry) => backend.entryJson(entry)));
		pages.push(lines.filter((line, index) => parseEntry(line, page.entries[index]?.entryId ?? "")));
		done += lines.length;
		onProgress(done, Math.max(done, session.entryCount));
		cursor = page.cursor;
	} while (cursor !== null);
	const header = {
		type: "session",
		version: 3,
		id: session.sessionId,
		timestamp: new Date(session.startedAt).toISOString(),
		cwd,
	};
	const { replicasDir } = dataPaths(pathsOf().dataDir);
	const path = replicaPath(replicasDir, session.sessionId, processTerminal().terminalId);
	writeReplica(path, [JSON.stringify(header), ...pages.flat().reverse()]);
	return path;
}

/** Model and thinking level of the session, for a Pi that was started with others. */
export function takeOverChoice(ctx: ExtensionContext, internals: PiInternals): void {
	const branch = ctx.sessionManager.getBranch() as unknown as Record<string, unknown>[];
	const level = branch.findLast(({ type }) => type === "thinking_level_change")?.thinkingLevel;
	const change = branch.findLast(({ type }) => type === "model_change");
	const model = change ? ctx.modelRegistry.find(String(change.provider), String(change.modelId)) : undefined;
	internals.setChoice({
		...(model ? { model } : {}),
		...(typeof level === "string" ? { thinkingLevel: level } : {}),
	});
}

/** Resolves when the backend is connected; rejects with a sentence when it is not within `deadlineMs`. */
export function whenConnected(
	backend: Pick<LiveBackend, "connection" | "onConnection" | "url">,
	deadlineMs: number,
): Promise<void> {
	return new Promise((resolve, reject) => {
		const late = setTimeout(() => {
			end();
			reject(new Error(`${backend.url} does not answer.`));
		}, deadlineMs);
		const look = (): void => {
			const connection = backend.connection();
			if (connection.kind !== "connected" && connection.kind !== "signedOut") return;
			clearTimeout(late);
			end();
			if (connection.kind === "connected") resolve();
			else reject(new Error(connection.reason));
		};
		const end = backend.onConnection(look);
		look();
	});
}

/**
 * What a hosted OpenSync has acknowledged, on disk: a small file a session, replaced whole and private to
 * its owner, and beside it a note for each session of which something waits, by which a later Pi finds it.
 * A file that is lost or damaged costs a comparison with the server or posts of what is there already, never
 * a message.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { textHash } from "../lib/text-hash.ts";
import type { RecordJournal, RecordMark } from "../sync/ports.ts";

export type UnsentSession = { sessionId: string; file: string };

type JournalOptions = {
	/** Of all records on this machine. */
	recordsDir: string;
	/** Where the OpenSync answers. */
	siteUrl: string;
	sessionId: string;
	/** The session's own file; null: it has none, so nobody could find again what waits. */
	file: string | null;
};

const folderOf = (recordsDir: string, siteUrl: string): string => join(recordsDir, textHash(siteUrl));

/** Ids are Pi's own, but a file may claim any. */
const nameOf = (sessionId: string): string =>
	/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(sessionId) ? sessionId : `h${textHash(sessionId)}`;

export function createOpenSyncJournal({
	recordsDir,
	siteUrl,
	sessionId,
	file,
}: JournalOptions): RecordJournal {
	const folder = folderOf(recordsDir, siteUrl);
	const path = join(folder, `${nameOf(sessionId)}.json`);
	const note = join(folder, "unsent", nameOf(sessionId));
	let lane: Promise<unknown> = Promise.resolve();
	let isNoted: boolean | null = null;
	let written = "";

	const store = async (mark: RecordMark | null, unsent: boolean): Promise<void> => {
		await mkdir(join(folder, "unsent"), { recursive: true, mode: 0o700 });
		// The note first: after a crash in between there is one too many rather than one too few.
		if (unsent && isNoted !== true && file !== null)
			await replace(note, JSON.stringify({ sessionId, file } satisfies UnsentSession));
		const text = mark ? JSON.stringify({ version: 1, ...mark }) : written;
		if (text !== written) await replace(path, text);
		if (!unsent && isNoted !== false) await rm(note, { force: true });
		written = text;
		isNoted = unsent;
	};

	return {
		async read() {
			try {
				return markIn(JSON.parse(await readFile(path, "utf8")));
			} catch {
				// None yet, or damaged: what is recorded is asked of the server.
				return null;
			}
		},
		write(mark, unsent) {
			const done = lane.then(() => store(mark, unsent)).catch(() => {});
			lane = done;
			return done;
		},
	};
}

/** Sessions of which something waits for this OpenSync, oldest note first. */
export async function unsentSessions(recordsDir: string, siteUrl: string): Promise<UnsentSession[]> {
	const folder = join(folderOf(recordsDir, siteUrl), "unsent");
	const names = await readdir(folder).catch(() => []);
	const found: UnsentSession[] = [];
	for (const name of names.sort()) {
		try {
			const { sessionId, file } = JSON.parse(await readFile(join(folder, name), "utf8"));
			if (typeof sessionId === "string" && typeof file === "string") found.push({ sessionId, file });
		} catch {
			// Gone meanwhile, or half of a draft.
		}
	}
	return found;
}

/** Forgets that something of a session waits: its file is gone. */
export async function forgetUnsent(recordsDir: string, siteUrl: string, sessionId: string): Promise<void> {
	await rm(join(folderOf(recordsDir, siteUrl), "unsent", nameOf(sessionId)), { force: true });
}

async function replace(path: string, text: string): Promise<void> {
	const draft = `${path}.${process.pid}.draft`;
	await writeFile(draft, text, { mode: 0o600 });
	await rename(draft, path);
}

function markIn(value: unknown): RecordMark | null {
	if (typeof value !== "object" || value === null) return null;
	const { position, lastEntryId, parked, session, touchedAt } = value as Record<string, unknown>;
	const isWhole =
		Number.isInteger(position) &&
		(position as number) >= 0 &&
		(lastEntryId === null || typeof lastEntryId === "string") &&
		(session === null || typeof session === "string") &&
		typeof touchedAt === "number" &&
		Array.isArray(parked);
	if (!isWhole) return null;
	return {
		position: position as number,
		lastEntryId: lastEntryId as string | null,
		session: session as string | null,
		touchedAt,
		parked: (parked as { entryId?: unknown; reason?: unknown }[]).flatMap(({ entryId, reason }) =>
			typeof entryId === "string" && typeof reason === "string" ? [{ entryId, reason }] : [],
		),
	};
}

/** A database as OpenCode makes it, with the columns that matter and some that do not. */
import { DatabaseSync } from "node:sqlite";

export type StoredTalk = {
	id: string;
	title: string;
	/** What user and assistant say, in turns. */
	texts: readonly string[];
};

const STARTED = Date.parse("2026-04-01T10:00:00.000Z");

export function openCodeDatabase(path: string, sessions: readonly StoredTalk[]): void {
	const database = new DatabaseSync(path);
	database.exec(`
		CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT, parent_id TEXT, slug TEXT, directory TEXT,
			title TEXT, version TEXT, time_created INTEGER, time_updated INTEGER);
		CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT);
		CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, time_created INTEGER,
			time_updated INTEGER, data TEXT);
	`);
	for (const { id, title, texts } of sessions) {
		database
			.prepare("INSERT INTO session VALUES (?, 'prj', NULL, 'slug', '/home/dev/rows', ?, '1.2.0', ?, ?)")
			.run(id, title, STARTED, STARTED);
		for (const [at, text] of texts.entries()) {
			const messageId = `msg_${id}_${String(at).padStart(4, "0")}`;
			const info =
				at % 2 === 0
					? { role: "user", time: { created: STARTED + at } }
					: { role: "assistant", time: { created: STARTED + at }, modelID: "m", providerID: "p", cost: 0 };
			database
				.prepare("INSERT INTO message VALUES (?, ?, ?, ?, ?)")
				.run(messageId, id, STARTED, STARTED, JSON.stringify(info));
			database
				.prepare("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)")
				.run(`prt_${messageId}`, messageId, id, STARTED, STARTED, JSON.stringify({ type: "text", text }));
		}
	}
	database.close();
}

/** Answers of mutations that clients may send again: stored with the mutation's own writes. */
import type { LogLine, RequestKey } from "../types.ts";
import type { Database } from "./database.ts";

const KEPT_MS = 14 * 24 * 3600 * 1000;
/**
 * A client sends again what it has no answer to, in order. It gives up a silent connection after a minute, so
 * what it sent this long before its latest request it does not send again.
 */
const RESENT_MS = 10 * 60 * 1000;

type Place = { session: string; request: number };
const START: Place = { session: "", request: -1 };
/** In SQLite's order bytes come after every text. */
const ABOVE_ALL_SESSIONS = new Uint8Array([0]);

export type StoredAnswer = { ts: bigint; valueJson: string; logLines: LogLine[] };

export class RequestLog {
	readonly #database: Database;
	/** How far this round of pruning has come; null between two rounds. */
	#pruned: Place | null = null;

	constructor(database: Database) {
		this.#database = database;
	}

	find(request: RequestKey): StoredAnswer | null {
		const row = this.#database.get<{ ts: string; value: string; logs: string }>(
			"SELECT ts, value, logs FROM requests WHERE session = ? AND request = ?",
			request.sessionId,
			request.requestId,
		);
		return row
			? { ts: BigInt(row.ts), valueJson: row.value, logLines: JSON.parse(row.logs) as LogLine[] }
			: null;
	}

	/** Call inside the mutation's transaction. */
	store(request: RequestKey, answer: StoredAnswer, nowMs: number): void {
		this.#database.run(
			"INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?)",
			request.sessionId,
			request.requestId,
			String(answer.ts),
			answer.valueJson,
			JSON.stringify(answer.logLines),
			nowMs,
		);
	}

	/**
	 * Looks at the next `limit` answers and drops what nobody will ask for; true while there are more to look at.
	 * Call until false. A lot at a time, because a busy client leaves hundreds of thousands.
	 */
	prune(nowMs: number, limit: number): boolean {
		const { session, request } = this.#pruned ?? START;
		const last = this.#database.get<Place>(
			"SELECT session, request FROM requests WHERE (session, request) > (?, ?) ORDER BY session, request LIMIT 1 OFFSET ?",
			session,
			request,
			limit - 1,
		);
		this.#database.run(
			`DELETE FROM requests WHERE (session, request) > (?, ?) AND (session, request) <= (?, ?) AND (at < ? OR at < ? + (
				SELECT r.at FROM requests r WHERE r.session = requests.session ORDER BY r.request DESC LIMIT 1))`,
			session,
			request,
			last?.session ?? ABOVE_ALL_SESSIONS,
			last?.request ?? 0,
			nowMs - KEPT_MS,
			-RESENT_MS,
		);
		this.#pruned = last ?? null;
		return last !== undefined;
	}
}

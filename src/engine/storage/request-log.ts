/** Answers of mutations that clients may send again: stored with the mutation's own writes. */
import type { LogLine, RequestKey } from "../types.ts";
import type { Database } from "./database.ts";

const KEPT_MS = 14 * 24 * 3600 * 1000;

export type StoredAnswer = { ts: bigint; valueJson: string; logLines: LogLine[] };

export class RequestLog {
	readonly #database: Database;

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

	/** Drops answers older than two weeks. */
	prune(nowMs: number): void {
		this.#database.run("DELETE FROM requests WHERE at < ?", nowMs - KEPT_MS);
	}
}

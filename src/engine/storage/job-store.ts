/** Scheduled functions: their documents in `_scheduled_functions` and when they are due. */
import { must } from "../../lib/assert.ts";
import type { Transaction } from "../transaction/transaction.ts";
import type { Json, JsonObject } from "../values/json-value.ts";
import type { Table } from "./catalog.ts";
import type { Database } from "./database.ts";

const KEPT_MS = 7 * 24 * 3600 * 1000;
const TABLE = "_scheduled_functions";

export type Job = { id: string; path: string; argsJson: string };
export type JobEnd = { kind: "success" } | { kind: "failed"; error: string } | { kind: "canceled" };

export class JobStore {
	readonly #database: Database;
	/** Called once a commit added a job. */
	onScheduled: (() => void) | null = null;

	constructor(database: Database) {
		this.#database = database;
	}

	/** `path` with its extension, as documents show it. Part of the transaction. */
	schedule(tx: Transaction, path: string, args: Json[], dueMs: number): string {
		const id = tx.insertUnchecked(tableOf(tx), {
			args,
			name: path,
			scheduledTime: dueMs,
			state: { kind: "pending" },
		});
		this.#database.run("INSERT INTO jobs VALUES (?, 'pending', ?, NULL)", id, dueMs);
		tx.afterCommit(() => this.onScheduled?.());
		return id;
	}

	/** False when there is no such job. What has ended stays as it is. */
	cancel(tx: Transaction, id: string, nowMs: number): boolean {
		const row = this.#database.get<{ state: string }>("SELECT state FROM jobs WHERE id = ?", id);
		if (!row) return false;
		if (row.state !== "done") this.end(tx, id, { kind: "canceled" }, nowMs);
		return true;
	}

	/** Still waiting for its time, in the state of this transaction. */
	isPending(id: string): boolean {
		return (
			this.#database.get<{ state: string }>("SELECT state FROM jobs WHERE id = ?", id)?.state === "pending"
		);
	}

	/** Started or waiting, and not cancelled since. */
	isOpen(id: string): boolean {
		const row = this.#database.get<{ state: string }>("SELECT state FROM jobs WHERE id = ?", id);
		return row !== undefined && row.state !== "done";
	}

	start(tx: Transaction, id: string): void {
		tx.patch(tableOf(tx), id, { state: { kind: "inProgress" } });
		this.#database.run("UPDATE jobs SET state = 'inProgress' WHERE id = ?", id);
	}

	end(tx: Transaction, id: string, end: JobEnd, nowMs: number): void {
		const state: JsonObject =
			end.kind === "failed" ? { error: end.error, kind: "failed" } : { kind: end.kind };
		tx.patch(tableOf(tx), id, { completedTime: nowMs, state });
		this.#database.run("UPDATE jobs SET state = 'done', doneAt = ? WHERE id = ?", nowMs, id);
	}

	/** Due jobs, the longest due first. */
	due(nowMs: number, limit: number): string[] {
		const sql = "SELECT id FROM jobs WHERE state = 'pending' AND due <= ? ORDER BY due LIMIT ?";
		return this.#database.all<{ id: string }>(sql, nowMs, limit).map((row) => row.id);
	}

	/** When the next job is due, in ms since the epoch; null when none waits. */
	nextDue(): number | null {
		return (
			this.#database.get<{ due: number | null }>("SELECT min(due) AS due FROM jobs WHERE state = 'pending'")
				?.due ?? null
		);
	}

	/** Jobs that a crash cut off. */
	interrupted(): string[] {
		return this.#database
			.all<{ id: string }>("SELECT id FROM jobs WHERE state = 'inProgress'")
			.map((row) => row.id);
	}

	read(tx: Transaction, id: string): Job {
		const document = JSON.parse(must(tx.get(tableOf(tx), id), `job ${id}`)) as { name: string; args: Json[] };
		return { id, path: document.name, argsJson: JSON.stringify(document.args) };
	}

	/** Removes jobs that ended more than a week ago, at most `limit`; answers how many. */
	prune(tx: Transaction, nowMs: number, limit: number): number {
		const sql = "SELECT id FROM jobs WHERE state = 'done' AND doneAt < ? LIMIT ?";
		const old = this.#database.all<{ id: string }>(sql, nowMs - KEPT_MS, limit);
		for (const { id } of old) {
			tx.remove(tableOf(tx), id);
			this.#database.run("DELETE FROM jobs WHERE id = ?", id);
		}
		return old.length;
	}
}

function tableOf(tx: Transaction): Table {
	return must(tx.scope.documents.catalog.table(TABLE), TABLE);
}

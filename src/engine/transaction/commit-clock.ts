/**
 * Commit timestamps: nanoseconds since the epoch, each above the last, also after a crash.
 *
 * A ceiling is stored ahead of the timestamps that are given out, and a start continues above it. So the
 * ceiling is written about once a second instead of with every commit.
 */
import type { Database } from "../storage/database.ts";

const NS_PER_MS = 1_000_000n;
const AHEAD_NS = 1000n * NS_PER_MS;
const NAME = "tsCeiling";

export class CommitClock {
	readonly #database: Database;
	readonly #now: () => number;
	#latest: bigint;
	#proposed: bigint;
	#ceiling: bigint;

	constructor(database: Database, now: () => number) {
		this.#database = database;
		this.#now = now;
		this.#ceiling = BigInt(database.meta(NAME) ?? "0");
		this.#latest = this.#ceiling;
		if (this.#latest < this.#wallNs()) this.#latest = this.#wallNs();
		this.#proposed = this.#latest;
		this.#raise();
	}

	get latest(): bigint {
		return this.#latest;
	}

	/** The timestamp for a commit, given once; call inside its transaction, then `confirm` once it is committed. */
	propose(): bigint {
		const wall = this.#wallNs();
		const ts = wall > this.#proposed ? wall : this.#proposed + 1n;
		this.#proposed = ts;
		if (ts > this.#ceiling) {
			this.#ceiling = ts + AHEAD_NS;
			this.#database.setMeta(NAME, String(this.#ceiling));
		}
		return ts;
	}

	confirm(ts: bigint): void {
		this.#latest = ts;
	}

	/** A transaction was undone, and maybe the ceiling that it stored with it. */
	abandon(): void {
		this.#ceiling = BigInt(this.#database.meta(NAME) ?? "0");
	}

	/** Stores the exact latest timestamp, so that a clean start does not begin in the future. */
	close(): void {
		this.#database.setMeta(NAME, String(this.#latest));
	}

	#raise(): void {
		this.#ceiling = this.#latest + AHEAD_NS;
		this.#database.setMeta(NAME, String(this.#ceiling));
	}

	#wallNs(): bigint {
		return BigInt(Math.round(this.#now())) * NS_PER_MS;
	}
}

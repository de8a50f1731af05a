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
	#ceiling: bigint;

	constructor(database: Database, now: () => number) {
		this.#database = database;
		this.#now = now;
		this.#ceiling = BigInt(database.meta(NAME) ?? "0");
		this.#latest = this.#ceiling > this.#wallNs() ? this.#ceiling : this.#wallNs();
		this.#raise();
	}

	get latest(): bigint {
		return this.#latest;
	}

	/** The timestamp for a commit; call inside its transaction, then `confirm` once it is committed. */
	propose(): bigint {
		const wall = this.#wallNs();
		const ts = wall > this.#latest ? wall : this.#latest + 1n;
		if (ts > this.#ceiling) {
			this.#ceiling = ts + AHEAD_NS;
			this.#database.setMeta(NAME, String(this.#ceiling));
		}
		return ts;
	}

	confirm(ts: bigint): void {
		this.#latest = ts;
	}

	/** A proposed timestamp was not used; its stored ceiling may be undone with its transaction. */
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

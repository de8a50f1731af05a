/** When each cron runs next, kept across restarts. */
import type { Database } from "./database.ts";

export class CronStore {
	readonly #database: Database;

	constructor(database: Database) {
		this.#database = database;
	}

	/** Takes over the app's crons (JSON by name): drops others, gives new and changed ones a first time. Returns all times in ms. */
	sync(specs: ReadonlyMap<string, string>, firstRun: (name: string) => number): Map<string, number> {
		const stored = new Map(
			this.#database
				.all<{ name: string; spec: string; next: number }>("SELECT * FROM crons")
				.map((row) => [row.name, row]),
		);
		for (const name of stored.keys()) {
			if (!specs.has(name)) this.#database.run("DELETE FROM crons WHERE name = ?", name);
		}
		const times = new Map<string, number>();
		for (const [name, spec] of specs) {
			const known = stored.get(name);
			const next = known?.spec === spec ? known.next : firstRun(name);
			this.#database.run("INSERT OR REPLACE INTO crons VALUES (?, ?, ?)", name, spec, next);
			times.set(name, next);
		}
		return times;
	}

	setNext(name: string, nextMs: number): void {
		this.#database.run("UPDATE crons SET next = ? WHERE name = ?", nextMs, name);
	}
}

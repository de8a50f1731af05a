/** A session that a test writes: entries as Pi would store them, as a source for the sync. */
import type { SessionSource, SourceEntry } from "../../src/sync/ports.ts";

type Entry = SourceEntry & Record<string, unknown>;

export class FakeSession implements SessionSource {
	readonly sessionId: string;
	readonly list: Entry[] = [];
	leaf: string | null = null;
	readonly #header: Record<string, unknown>;

	constructor(sessionId = "session-1", parentSession?: string) {
		this.sessionId = sessionId;
		this.#header = {
			type: "session",
			version: 3,
			id: sessionId,
			timestamp: "2026-11-21T08:00:00.000Z",
			cwd: "/p",
			...(parentSession ? { parentSession } : {}),
		};
	}

	header(): Record<string, unknown> {
		return this.#header;
	}

	entries(): readonly Entry[] {
		return this.list.slice();
	}

	leafId(): string | null {
		return this.leaf;
	}

	/** Appends any entry at the leaf; gives it. */
	add(type: string, rest: Record<string, unknown> = {}): Entry {
		const count = this.list.length + 1;
		const entry: Entry = {
			type,
			id: count.toString(16).padStart(8, "0"),
			parentId: this.leaf,
			timestamp: new Date(Date.UTC(2026, 10, 21, 8, 0, 0, count)).toISOString(),
			...rest,
		};
		this.list.push(entry);
		this.leaf = entry.id;
		return entry;
	}

	user(text: string): Entry {
		return this.add("message", { message: { role: "user", content: [{ type: "text", text }] } });
	}

	assistant(text: string): Entry {
		return this.add("message", { message: { role: "assistant", content: [{ type: "text", text }] } });
	}

	/** What the backend should hold. */
	lines(): string[] {
		return this.list.map((entry) => JSON.stringify(entry));
	}
}

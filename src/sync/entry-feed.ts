/** A session's entries as they are to be sent: under lasting ids, in file order, each looked at once. */
import { createEntryIds, type EntryIds } from "../session/entry-ids.ts";
import type { SessionFile } from "../session/session-file.ts";
import { type Item, timeOf } from "./entry-push.ts";
import type { SessionSource, SourceEntry } from "./ports.ts";

type Entry = SourceEntry & Record<string, unknown>;

export class EntryFeed {
	readonly #source: SessionSource;
	/** Made with the first entries: by then the header is there. */
	#ids: EntryIds | null = null;
	readonly #known = new Set<string>();
	readonly #entries: Entry[] = [];
	/** Indexes of entries whose parent is not before them. */
	readonly #orphans = new Set<number>();
	/** Something was said or done, so that Pi keeps a file of it. */
	#isBegun = false;

	constructor(source: SessionSource) {
		this.#source = source;
	}

	/** Takes in what has grown. */
	refresh(): void {
		const all = this.#source.entries();
		if (all.length === 0) return;
		this.#ids ??= createEntryIds(this.#source.header());
		for (let index = this.#entries.length; index < all.length; index += 1) {
			const entry = this.#ids.take(all[index] as Entry);
			if (entry.parentId !== null && !this.#known.has(entry.parentId)) this.#orphans.add(index);
			this.#known.add(entry.id);
			this.#entries.push(entry);
			this.#isBegun ||= !isPreparation(entry);
		}
	}

	get length(): number {
		return this.#entries.length;
	}

	/** False while there is only what Pi notes at its start: no list should show such a session. */
	get isBegun(): boolean {
		return this.#isBegun;
	}

	get entries(): readonly Entry[] {
		return this.#entries;
	}

	idAt(index: number): string {
		return (this.#entries[index] as Entry).id;
	}

	/** Role of a `message` entry's message, else null. */
	roleAt(index: number): string | null {
		const entry = this.#entries[index] as Entry;
		const message = entry.type === "message" ? (entry.message as { role?: unknown } | null) : null;
		return typeof message?.role === "string" ? message.role : null;
	}

	item(index: number, copied: boolean): Item {
		const entry = this.#entries[index] as Entry;
		const { id, parentId, type } = entry;
		return {
			entryId: id,
			parentId,
			type,
			timestamp: timeOf(entry),
			json: JSON.stringify(entry),
			orphan: this.#orphans.has(index),
			copied,
		};
	}

	/** The source's leaf when its entry was taken in; undefined when it was not. */
	leafId(): string | null | undefined {
		const leaf = this.#source.leafId();
		if (leaf === null) return null;
		const id = this.#ids?.lasting(leaf) ?? leaf;
		return this.#known.has(id) ? id : undefined;
	}
}

function isPreparation(entry: Entry): boolean {
	if (entry.type === "model_change" || entry.type === "thinking_level_change") return true;
	return entry.type === "message" && (entry.message as { role?: unknown } | null)?.role === "system";
}

/** A source as if it had been read from its file. */
export function fileOf(source: SessionSource): SessionFile {
	const feed = new EntryFeed(source);
	feed.refresh();
	const header = source.header();
	return {
		sessionId: source.sessionId,
		version: 3,
		header,
		headerLine: header === null ? null : JSON.stringify(header),
		entries: feed.entries.map((entry, index) => {
			const { json, orphan } = feed.item(index, false);
			return { json, entry, line: index + 2, orphan };
		}),
		errors: [],
	};
}

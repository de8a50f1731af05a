/**
 * A session's entries as they arrive from the backend: in order of their seqs, each once, with its line.
 * The subscription moves on with what has arrived, so that nothing is sent twice; lines that are stored
 * apart are fetched, and fetched again until they are there.
 */
import { backoffMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { EntryView } from "../protocol/entry.ts";
import { PAGE_MAX_ENTRIES } from "../protocol/limits.ts";
import type { LiveBackend, SourceEntry } from "./ports.ts";

/** The subscription is begun anew behind what has arrived after so many. */
const MOVE_ON_AFTER = 16;

type Item = { seq: number; entryId: string; json: string | null; parsed?: SourceEntry | null };

export type Incoming = { seq: number; entryId: string; entry: SourceEntry | null };

export type IncomingOptions = {
	backend: Pick<LiveBackend, "onEntries" | "entryJson">;
	clock: Clock;
	sessionId: string;
	/** Something is there to be taken. */
	onNews: () => void;
	/** A line that is no entry. */
	onMalformed: (entryId: string) => void;
};

export class IncomingEntries {
	readonly #options: IncomingOptions;
	#queue: Item[] = [];
	/** Highest seq that has arrived. */
	#cursor = 0;
	#from = 0;
	#end: (() => void) | null = null;
	#stopped = false;

	constructor(options: IncomingOptions) {
		this.#options = options;
	}

	/** Highest seq that has arrived. */
	get cursor(): number {
		return this.#cursor;
	}

	get isListening(): boolean {
		return this.#end !== null;
	}

	get isEmpty(): boolean {
		return this.#queue.length === 0;
	}

	/** Entries after `seq` are wanted from now on. */
	listen(seq: number): void {
		this.#queue = this.#queue.filter((item) => item.seq <= seq);
		this.#cursor = seq;
		this.#subscribe();
	}

	/** Goes on where it stood. */
	resume(): void {
		if (!this.#end) this.#subscribe();
	}

	pause(): void {
		this.#end?.();
		this.#end = null;
	}

	stop(): void {
		this.#stopped = true;
		this.pause();
		this.#queue = [];
	}

	/** The next entry and its seq, null when it is none; null when there is nothing, or its line is still under way. */
	first(): Incoming | null {
		const item = this.#queue[0];
		if (!item || item.json === null) return null;
		if (item.parsed === undefined) {
			item.parsed = parseEntry(item.json, item.entryId);
			if (!item.parsed) this.#options.onMalformed(item.entryId);
		}
		return { seq: item.seq, entryId: item.entryId, entry: item.parsed };
	}

	/** The first one was taken. */
	shift(): void {
		this.#queue.shift();
	}

	#subscribe(): void {
		if (this.#stopped) return;
		const { backend, sessionId } = this.#options;
		const before = this.#end;
		this.#from = this.#cursor;
		this.#end = backend.onEntries({ sessionId, afterSeq: this.#from, limit: PAGE_MAX_ENTRIES }, (entries) =>
			this.#arrived(entries),
		);
		before?.();
	}

	#arrived(entries: readonly EntryView[]): void {
		if (this.#stopped) return;
		for (const view of entries) {
			if (view.seq <= this.#cursor) continue;
			this.#cursor = view.seq;
			const item: Item = { seq: view.seq, entryId: view.entryId, json: view.json };
			this.#queue.push(item);
			if (view.json === null) void this.#fetch(item, view, 0);
		}
		if (this.#cursor - this.#from >= MOVE_ON_AFTER || entries.length === PAGE_MAX_ENTRIES) this.#subscribe();
		this.#options.onNews();
	}

	async #fetch(item: Item, view: EntryView, failures: number): Promise<void> {
		try {
			item.json = await this.#options.backend.entryJson(view);
			if (!this.#stopped) this.#options.onNews();
		} catch {
			if (this.#stopped) return;
			this.#options.clock.after(backoffMs(failures), () => void this.#fetch(item, view, failures + 1));
		}
	}
}

/** The entry of a line, or null when it is none: nothing else may ever come into a session file. */
export function parseEntry(json: string, entryId: string): SourceEntry | null {
	try {
		const value = JSON.parse(json) as Partial<SourceEntry> | null;
		const isEntry =
			typeof value === "object" &&
			value !== null &&
			value.id === entryId &&
			typeof value.type === "string" &&
			(value.parentId === null || typeof value.parentId === "string") &&
			typeof value.timestamp === "string" &&
			isMessageWhole(value as Record<string, unknown>);
		return isEntry ? (value as SourceEntry) : null;
	} catch {
		// Counted by the caller.
		return null;
	}
}

/** Pi draws messages without looking at their shape: one that has none would break its screen at every start. */
function isMessageWhole(entry: Record<string, unknown>): boolean {
	if (entry.type !== "message") return true;
	const message = entry.message as { role?: unknown; content?: unknown } | null | undefined;
	if (typeof message !== "object" || message === null || typeof message.role !== "string") return false;
	const { role, content } = message;
	if (Array.isArray(content)) return content.every(isBlock);
	if (role === "assistant" || role === "toolResult") return false;
	return role !== "user" || typeof content === "string";
}

const isBlock = (block: unknown): boolean =>
	typeof block === "object" && block !== null && typeof (block as { type?: unknown }).type === "string";

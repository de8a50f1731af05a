/** A session as one reads it: the branch that leads to the leaf, with the results of tool calls at their calls. */
import type { Json } from "./entry-ids.ts";

export type TranscriptItem = {
	entry: Json;
	/** For an assistant's message: the entries with its tools' results, by call id. */
	results: ReadonlyMap<string, Json>;
};

/**
 * Entries from the root to the leaf. `leafId` null or unknown: to the last entry. The way ends where a
 * parent is not among the entries.
 */
export function branchPath(entries: readonly Json[], leafId: string | null): Json[] {
	const byId = new Map(entries.map((entry) => [entry.id, entry]));
	const path: Json[] = [];
	for (
		let at = (leafId === null ? undefined : byId.get(leafId)) ?? entries.at(-1);
		at;
		at = byId.get(at.parentId)
	) {
		path.push(at);
		// A damaged session may name an entry as its own ancestor: each is taken once.
		byId.delete(at.id);
	}
	return path.reverse();
}

/** Puts tool results to their calls; a result without its call stands for itself. */
export function transcriptOf(path: readonly Json[]): TranscriptItem[] {
	const items: (TranscriptItem & { results: Map<string, Json> })[] = [];
	const callers = new Map<unknown, Map<string, Json>>();
	for (const entry of path) {
		const message = messageOf(entry);
		const caller = message?.role === "toolResult" ? callers.get(message.toolCallId) : undefined;
		if (caller) {
			caller.set(String(message?.toolCallId), entry);
			continue;
		}
		const results = new Map<string, Json>();
		items.push({ entry, results });
		for (const block of blocksOf(message?.content)) {
			if (block.type === "toolCall") callers.set(block.id, results);
		}
	}
	return items;
}

/** The message of a `message` entry, else null. */
export function messageOf(entry: Json): Json | null {
	return entry.type === "message" ? asObject(entry.message) : null;
}

/** Content as blocks; a bare string is one text. */
export function blocksOf(content: unknown): Json[] {
	if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
	return Array.isArray(content) ? content.map(asObject).filter((block) => block !== null) : [];
}

function asObject(value: unknown): Json | null {
	return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

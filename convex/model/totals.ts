/** What a session's row says about its entries. Copied entries count where they were made (F2). */
import type { EntryColumns } from "../../src/protocol/entry.ts";
import { TITLE_CHARS } from "../../src/protocol/limits.ts";
import type { Doc } from "../_generated/dataModel.js";

export type Totals = Pick<
	Doc<"sessions">,
	"tokens" | "cost" | "entryCount" | "messageCount" | "toolCallCount"
>;

export const NO_TOTALS: Totals = {
	tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
	cost: 0,
	entryCount: 0,
	messageCount: 0,
	toolCallCount: 0,
};

/** One entry as the totals and the titles see it. */
export type Counted = { type: string; columns: EntryColumns; copied: boolean };

export function totalsOf({ type, columns, copied }: Counted): Totals {
	if (copied) return NO_TOTALS;
	return {
		tokens: columns.tokens ?? NO_TOTALS.tokens,
		cost: columns.cost ?? 0,
		entryCount: 1,
		messageCount: type === "message" ? 1 : 0,
		toolCallCount: columns.toolCallCount ?? 0,
	};
}

export function sum(a: Totals, b: Totals): Totals {
	return {
		tokens: {
			input: a.tokens.input + b.tokens.input,
			output: a.tokens.output + b.tokens.output,
			cacheRead: a.tokens.cacheRead + b.tokens.cacheRead,
			cacheWrite: a.tokens.cacheWrite + b.tokens.cacheWrite,
		},
		cost: a.cost + b.cost,
		entryCount: a.entryCount + b.entryCount,
		messageCount: a.messageCount + b.messageCount,
		toolCallCount: a.toolCallCount + b.toolCallCount,
	};
}

export type Derived = Pick<Doc<"sessions">, "name" | "firstPrompt" | "model" | "provider" | "thinkingLevel">;

export const NOTHING_DERIVED: Derived = {
	name: null,
	firstPrompt: null,
	model: null,
	provider: null,
	thinkingLevel: null,
};

/** The same with what one more entry says; the entries come in order of arrival. */
export function derive(known: Derived, { type, columns }: Counted): Derived {
	switch (type) {
		case "session_info":
			return { ...known, name: title(columns.preview) };
		case "thinking_level_change":
			return { ...known, thinkingLevel: columns.preview ?? known.thinkingLevel };
		case "model_change":
			return withModel(known, columns);
		case "message":
			if (columns.role === "assistant") return withModel(known, columns);
			if (columns.role === "user")
				return { ...known, firstPrompt: known.firstPrompt ?? title(columns.preview) };
			return known;
		default:
			return known;
	}
}

function withModel(known: Derived, columns: EntryColumns): Derived {
	return { ...known, model: columns.model ?? known.model, provider: columns.provider ?? known.provider };
}

/** First line, cut; null when there is nothing to read. */
function title(preview: string | undefined): string | null {
	const line = preview?.split("\n")[0]?.trim() ?? "";
	return line === "" ? null : Array.from(line).slice(0, TITLE_CHARS).join("");
}

/** Shapes of full-text search over all entries of a user. */
import { type Infer, v } from "convex/values";

/** What a passage is part of. */
export const vPassageKind = v.union(
	v.literal("prompt"),
	v.literal("answer"),
	v.literal("thinking"),
	/** A tool call, its result, or a `!` command with its output. */
	v.literal("tool"),
	/** Compactions and summaries of branches. */
	v.literal("summary"),
	/** The session's name, or that of a labelled entry. */
	v.literal("title"),
);
export type PassageKind = Infer<typeof vPassageKind>;

/** `search:passages`. */
export const vSearch = v.object({
	/** Words; the best hits have most of them. The last one may be a beginning. At most 16 words count. */
	query: v.string(),
	source: v.optional(v.string()),
	/** Of a fork: also what it shares with its ancestors, after its own. */
	sessionId: v.optional(v.string()),
	kind: v.optional(vPassageKind),
	/** Part of a project's path or name. */
	project: v.optional(v.string()),
	/** Entries from here on, ms since the epoch. */
	after: v.optional(v.number()),
	/** Entries before, ms since the epoch. */
	before: v.optional(v.number()),
	/** 1 to 100. */
	limit: v.number(),
	cursor: v.union(v.string(), v.null()),
});
export type Search = Infer<typeof vSearch>;

/** A stretch of a passage around the words that were found. */
export const vSnippet = v.object({
	text: v.string(),
	/** Where the words are: `[start, end)` in UTF-16 units of `text`, ascending, without overlap. */
	matches: v.array(v.object({ start: v.number(), end: v.number() })),
	/** Something of the passage comes before, or after. */
	cutBefore: v.boolean(),
	cutAfter: v.boolean(),
});
export type Snippet = Infer<typeof vSnippet>;

export const vSearchHit = v.object({
	sessionId: v.string(),
	/** Empty: the name of the session of another agent, which no entry tells. */
	entryId: v.string(),
	kind: vPassageKind,
	/** Of the entry, ms since the epoch. */
	timestamp: v.number(),
	snippet: vSnippet,
	title: v.union(v.string(), v.null()),
	source: v.string(),
	projectName: v.string(),
	projectPath: v.string(),
});
export type SearchHit = Infer<typeof vSearchHit>;

/** Best first. `cursor` null: there are no more. */
export const vSearchPage = v.object({ hits: v.array(vSearchHit), cursor: v.union(v.string(), v.null()) });
export type SearchPage = Infer<typeof vSearchPage>;

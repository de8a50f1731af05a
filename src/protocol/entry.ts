/**
 * Shapes of entries as they cross the wire. An entry is an envelope that we validate and a payload,
 * the line of Pi's session file, that we relay as it is: types unknown to us pass through.
 */
import { type Infer, v } from "convex/values";
import { vTokens } from "./session.ts";

/** What lists need of an entry, derived from its JSON by `describeEntry` in `src/protocol/describe-entry.ts`. */
export const vEntryColumns = v.object({
	/** `message` entries only. */
	role: v.optional(v.string()),
	/** First characters of what a person would read. */
	preview: v.optional(v.string()),
	toolName: v.optional(v.string()),
	toolCallId: v.optional(v.string()),
	model: v.optional(v.string()),
	provider: v.optional(v.string()),
	tokens: v.optional(vTokens),
	/** US dollars. */
	cost: v.optional(v.number()),
	toolCallCount: v.optional(v.number()),
	isError: v.optional(v.boolean()),
});
export type EntryColumns = Infer<typeof vEntryColumns>;

export const vEntryPush = v.object({
	entryId: v.string(),
	parentId: v.union(v.string(), v.null()),
	/** Pi's entry type, whatever it is. */
	type: v.string(),
	/** ms since the epoch, from the entry. */
	timestamp: v.number(),
	/** The line of the session file, exactly; or where it was uploaded when it is over the limits. */
	body: v.union(
		v.object({ kind: v.literal("inline"), json: v.string() }),
		v.object({ kind: v.literal("stored"), storageId: v.string(), bytes: v.number(), columns: vEntryColumns }),
	),
	/** The parent's line could not be read: accept the entry without it. */
	orphan: v.optional(v.boolean()),
	/** An entry with this id stands in the fork's parent too (re-parented copy): kept, not counted again. */
	copied: v.optional(v.boolean()),
});
export type EntryPush = Infer<typeof vEntryPush>;

/** `entries:append`. Idempotent on `(sessionId, entryId)`; order of first arrival gives `seq`. */
export const vAppend = v.object({
	sessionId: v.string(),
	entries: v.array(vEntryPush),
	/** The running stream is covered by stored entries up to this position (see `stream.ts`). */
	settles: v.optional(
		v.object({
			streamId: v.string(),
			upTo: v.number(),
			/** The entry that the ops before `upTo` end with. */
			entryId: v.optional(v.string()),
		}),
	),
	/** The terminal's leaf after these entries, when it is known to be the live one. */
	leafId: v.optional(v.union(v.string(), v.null())),
	/**
	 * The caller's epoch of the turn lock. With an old one the entries are taken, for they are facts (X2), but
	 * neither leaf nor stream moves, and the answer says the epoch that counts.
	 */
	epoch: v.optional(v.number()),
	/** Old entries brought in: they do not make the session look active now. */
	imported: v.optional(v.boolean()),
});
export type Append = Infer<typeof vAppend>;

export const vAppended = v.object({
	added: v.number(),
	lastSeq: v.number(),
	entryCount: v.number(),
	/** Ids stored with other content (E4): the stored ones stay, the rest of the batch was taken. Absent when there are none. */
	conflicts: v.optional(v.array(v.string())),
	/** The epoch that counts, when the caller's is an old one. */
	staleEpoch: v.optional(v.number()),
});
export type Appended = Infer<typeof vAppended>;

export const vEntryView = v.object({
	/** Session that owns the row: for what a fork shares this is an ancestor. */
	sessionId: v.string(),
	entryId: v.string(),
	parentId: v.union(v.string(), v.null()),
	seq: v.number(),
	type: v.string(),
	timestamp: v.number(),
	/** Null when `url` holds it. */
	json: v.union(v.string(), v.null()),
	url: v.union(v.string(), v.null()),
	bytes: v.number(),
	columns: vEntryColumns,
});
export type EntryView = Infer<typeof vEntryView>;

/** `entries:page`: newest first along file order, then on into the ancestors of a fork. */
export const vEntryPage = v.object({ entries: v.array(vEntryView), cursor: v.union(v.string(), v.null()) });
export type EntryPage = Infer<typeof vEntryPage>;

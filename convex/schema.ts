import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
import { rateLimitTables } from "convex-helpers/server/rateLimit";
import { vScope } from "../src/protocol/access.ts";
import { vEntryColumns } from "../src/protocol/entry.ts";
import { vClientKind } from "../src/protocol/presence.ts";
import { vPromptKind, vPromptState } from "../src/protocol/prompt.ts";
import { vAsk } from "../src/protocol/question.ts";
import { vPassageKind } from "../src/protocol/search.ts";
import { vLineage, vStatus, vTokens } from "../src/protocol/session.ts";
import { vOps } from "../src/protocol/stream.ts";
import { vHolder } from "../src/protocol/turn-lock.ts";

const vNullableString = v.union(v.string(), v.null());

/** Work of one removal: see `removal.ts`. Seqs are inclusive. */
export const vClaim = v.object({
	/** The fork that gets these entries. */
	heir: v.id("sessions"),
	/** Stretches of the removed session's chains, newest first. */
	stretches: v.array(v.object({ chain: v.number(), from: v.number(), to: v.number() })),
	/** Where the heir's lineage points afterwards. */
	lineage: v.union(vLineage, v.null()),
	parentRef: v.union(v.id("sessions"), v.null()),
});

export default defineSchema({
	/** Who owns everything else. Written when the first key is made; never deleted. */
	users: defineTable({ name: v.string() }).index("by_name", ["name"]),

	/**
	 * API keys, as SHA-256 only. Written by `apiKeys` and `signIn`; revoked, never deleted, so that a list
	 * shows what once had access. Every call reads its key's row: nothing that changes often may stand here.
	 */
	apiKeys: defineTable({
		userId: v.id("users"),
		name: v.string(),
		/** SHA-256 of the key in lower-case hex. */
		hash: v.string(),
		shown: v.string(),
		scopes: v.array(vScope),
		createdAt: v.number(),
		revokedAt: v.union(v.number(), v.null()),
	})
		.index("by_hash", ["hash"])
		.index("by_userId", ["userId"]),

	/** When a key was last exchanged for a token. Apart from `apiKeys`, so that using a key re-runs no query. */
	keyUses: defineTable({ keyId: v.id("apiKeys"), usedAt: v.number() }).index("by_keyId", ["keyId"]),

	/** One-time sign-in codes, as SHA-256 only. Written by `signIn`; deleted when used, or by `garbage` once expired. */
	signInCodes: defineTable({
		userId: v.id("users"),
		hash: v.string(),
		expiresAt: v.number(),
		/** The key that made it, and without which it is worth nothing; absent when an administrator did. */
		keyId: v.optional(v.id("apiKeys")),
	})
		.index("by_hash", ["hash"])
		.index("by_expiresAt", ["expiresAt"]),

	/**
	 * One Pi session each. Written by `sessions` and `entries.append`, never by deltas or beats, for every
	 * list reads it. `sessions.remove` marks it removed, which hides it at once; `removal` deletes it when
	 * its forks need it no more.
	 */
	sessions: defineTable({
		userId: v.id("users"),
		/** Pi's id; one unremoved row for a user. */
		sessionId: v.string(),
		removed: v.boolean(),
		source: v.string(),
		header: vNullableString,
		projectPath: v.string(),
		projectName: v.string(),
		gitBranch: vNullableString,
		machine: v.string(),
		/** Given in Pi; null when none or cleared. */
		name: vNullableString,
		firstPrompt: vNullableString,
		model: vNullableString,
		provider: vNullableString,
		thinkingLevel: vNullableString,
		status: vStatus,
		leafId: vNullableString,
		lineage: v.union(vLineage, v.null()),
		/** The parent's row, once it is known; stays right when the parent is removed or made anew. */
		parentRef: v.union(v.id("sessions"), v.null()),
		/** What it shared with a removed parent was handed to it: a lineage told again is out of date. */
		adopted: v.boolean(),
		tokens: vTokens,
		cost: v.number(),
		entryCount: v.number(),
		messageCount: v.number(),
		toolCallCount: v.number(),
		/** Own entries have the seqs from here to `lastSeq`. 1, or less after a removed parent's were handed over. */
		firstSeq: v.number(),
		lastSeq: v.number(),
		lastEntryId: vNullableString,
		/** Chain of the entry with `lastSeq`. */
		lastChain: v.number(),
		startedAt: v.number(),
		updatedAt: v.number(),
		endedAt: v.union(v.number(), v.null()),
		/**
		 * Only for sessions that come as messages of another agent (`openSync`): what was told of the whole
		 * session, and the sums of its messages. `tokens` and `cost` above are the told ones where there are any.
		 */
		openSync: v.optional(
			v.object({
				tokens: v.union(vTokens, v.null()),
				cost: v.union(v.number(), v.null()),
				durationMs: v.union(v.number(), v.null()),
				summed: v.object({ tokens: vTokens, cost: v.number() }),
			}),
		),
	})
		.index("by_userId_removed_sessionId", ["userId", "removed", "sessionId"])
		.index("by_userId_removed_updatedAt", ["userId", "removed", "updatedAt"])
		.index("by_userId_parentSessionId", ["userId", "lineage.parentSessionId"])
		.index("by_parentRef", ["parentRef"]),

	/**
	 * One entry of a session each, all but its text. Written by `entries.append`; `removal` copies what a
	 * fork still needs to that fork, and deletes the rows of a removed session.
	 */
	entries: defineTable({
		session: v.id("sessions"),
		entryId: v.string(),
		parentId: vNullableString,
		seq: v.number(),
		/**
		 * Stretch of the tree without a branching: an entry is in its parent's chain when it was the first to
		 * come after the chain's end. So the way from an entry to the root is a few ranges of an index.
		 */
		chain: v.number(),
		type: v.string(),
		timestamp: v.number(),
		/** UTF-8 bytes of the text. */
		bytes: v.number(),
		body: v.union(
			v.object({ kind: v.literal("inline"), id: v.id("bodies") }),
			v.object({ kind: v.literal("stored"), storageId: v.id("_storage") }),
		),
		columns: vEntryColumns,
		/** Stands in the fork's parent too: not counted here (F2). */
		copied: v.boolean(),
		/** Its body now belongs to the fork that it was handed to (F3). */
		handed: v.optional(v.boolean()),
	})
		.index("by_session_entryId", ["session", "entryId"])
		.index("by_session_seq", ["session", "seq"])
		.index("by_session_chain_seq", ["session", "chain", "seq"]),

	/**
	 * Text of an entry, exactly as it came. Apart from `entries`, so that questions about the tree do not
	 * read megabytes. Written by `entries.append`; deleted by `removal` with the last row that names it.
	 */
	bodies: defineTable({ json: v.string() }),

	/**
	 * Text of entries for full-text search, long ones in several parts. Written by `passages` soon after the
	 * entry, by `openSync` for names and for messages that are replaced; deleted by `removal`, which hands those
	 * of shared entries on.
	 */
	passages: defineTable({
		userId: v.id("users"),
		session: v.id("sessions"),
		entryId: v.string(),
		/** 0 for the first part of the entry's text. */
		part: v.number(),
		kind: vPassageKind,
		source: v.string(),
		/** Of the entry, ms since the epoch. */
		timestamp: v.number(),
		text: v.string(),
	})
		.index("by_session_entryId_part", ["session", "entryId", "part"])
		.searchIndex("by_text", {
			searchField: "text",
			filterFields: ["userId", "kind", "source", "session"],
		}),

	/** How far a session's entries are in `passages`: up to this seq. Written by `passages`; deleted by `removal`. */
	searchCursors: defineTable({
		session: v.id("sessions"),
		upTo: v.number(),
		/** A function that goes on is scheduled or runs. */
		scheduled: v.boolean(),
	}).index("by_session", ["session"]),

	/** Calls of the HTTP API by key. Written by `convex-helpers`' rate limits; a row for a key and kind of call. */
	...rateLimitTables,

	/**
	 * The run in flight. Written by `streams.start` and by the append that settles it, not by pushes.
	 * Deleted by `streams.end`, a newer start, the terminal's going (`presence`), or `garbage`.
	 */
	streams: defineTable({
		userId: v.id("users"),
		session: v.id("sessions"),
		/** Pi's id again, so that finding the stream does not read the session's row, which every entry changes. */
		sessionId: v.string(),
		streamId: v.string(),
		terminalId: v.string(),
		startedAt: v.number(),
		settled: v.number(),
		/** Last entry that is settled; null when that is not known. Absent in rows of an older version. */
		settledEntryId: v.optional(vNullableString),
	})
		.index("by_streamId", ["streamId"])
		.index("by_userId_sessionId", ["userId", "sessionId"])
		.index("by_userId_terminalId", ["userId", "terminalId"]),

	/** Pushes of a stream, never changed. Written by `streams.push`; deleted after their stream, in batches. */
	streamDeltas: defineTable({
		userId: v.id("users"),
		streamId: v.string(),
		start: v.number(),
		end: v.number(),
		ops: vOps,
	}).index("by_streamId_start", ["streamId", "start"]),

	/** Who is here. Written by the beat that changes something visible; deleted by `leave` and the expiry. */
	presence: defineTable({
		userId: v.id("users"),
		clientId: v.string(),
		kind: vClientKind,
		sessionId: vNullableString,
		watching: v.boolean(),
		label: v.string(),
	})
		.index("by_userId_clientId", ["userId", "clientId"])
		.index("by_userId_sessionId", ["userId", "sessionId"]),

	/** Until when a client counts as present. Apart from `presence`, so that a mere beat re-runs no list. Deleted with its row there. */
	presenceDeadlines: defineTable({ presence: v.id("presence"), deadline: v.number() }).index("by_presence", [
		"presence",
	]),

	/**
	 * Who drives a session, and the epoch of the last acquisition, which outlives its holder. Written by
	 * `turnLock`; deleted with the session by `removal`.
	 */
	turnLocks: defineTable({
		session: v.id("sessions"),
		epoch: v.number(),
		holder: v.union(vHolder, v.null()),
	}).index("by_session", ["session"]),

	/** Until when a lock is held. Apart from `turnLocks`, so that a renewal re-runs nothing. Same life as its row there. */
	turnLockDeadlines: defineTable({ lock: v.id("turnLocks"), expiresAt: v.number() }).index("by_lock", [
		"lock",
	]),

	/**
	 * Prompts for a session from anywhere. Written by `prompts` and, when who accepted one is gone or a run
	 * begins, by `turnLock`. Deleted by `garbage` a while after their end, or with the session.
	 */
	prompts: defineTable({
		userId: v.id("users"),
		session: v.id("sessions"),
		/** Pi's id again, so that lists do not read the session's row, which every entry changes. */
		sessionId: v.string(),
		promptId: v.string(),
		terminalId: v.string(),
		kind: vPromptKind,
		state: vPromptState,
		/** UTF-8 bytes that lists carry. Null once it has ended. */
		body: v.union(
			v.object({ kind: v.literal("inline"), json: v.string(), bytes: v.number() }),
			v.object({ kind: v.literal("stored"), storageId: v.id("_storage") }),
			v.null(),
		),
		reason: vNullableString,
		acceptedBy: vNullableString,
		/** Epoch of the turn lock under which it was accepted. */
		acceptedEpoch: v.union(v.number(), v.null()),
		createdAt: v.number(),
		endedAt: v.union(v.number(), v.null()),
	})
		.index("by_promptId", ["promptId"])
		.index("by_userId_sessionId_endedAt", ["userId", "sessionId", "endedAt"])
		.index("by_session_endedAt", ["session", "endedAt"])
		.index("by_endedAt", ["endedAt"]),

	/**
	 * Dialogs that wait for an answer. Written by `questions`; deleted by who asked, or with its hold on the
	 * session (`turnLock`, `presence`), with the session, or by `garbage`.
	 */
	questions: defineTable({
		...vAsk.fields,
		userId: v.id("users"),
		session: v.id("sessions"),
		answer: v.union(v.object({ value: vNullableString, terminalId: v.string() }), v.null()),
		createdAt: v.number(),
	})
		.index("by_questionId", ["questionId"])
		.index("by_userId_sessionId", ["userId", "sessionId"])
		.index("by_userId_terminalId", ["userId", "terminalId"]),

	/**
	 * Removed sessions whose rows are still to go, one at a time for a user. Written by `sessions.remove`,
	 * carried forward and deleted by `removal`.
	 */
	removals: defineTable({
		userId: v.id("users"),
		session: v.id("sessions"),
		work: v.union(
			v.object({ phase: v.literal("waiting") }),
			v.object({
				phase: v.literal("handing"),
				claims: v.array(vClaim),
				/** Forks that only need to point elsewhere. */
				moves: v.array(
					v.object({
						fork: v.id("sessions"),
						lineage: v.union(vLineage, v.null()),
						parentRef: v.union(v.id("sessions"), v.null()),
					}),
				),
				/** How far each claim is, in the order of `claims`, and the sums of what was copied. */
				progress: v.array(
					v.object({
						/** Stretch in work, and the highest seq of it still to copy. */
						stretch: v.number(),
						upTo: v.number(),
						rows: v.number(),
						tokens: vTokens,
						cost: v.number(),
						entryCount: v.number(),
						messageCount: v.number(),
						toolCallCount: v.number(),
					}),
				),
			}),
			v.object({ phase: v.literal("deleting") }),
		),
	})
		.index("by_userId", ["userId"])
		.index("by_session", ["session"]),
});

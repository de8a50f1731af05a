/** Shapes of sessions as they cross the wire. */
import { type Infer, v } from "convex/values";

export const vStatus = v.union(
	v.literal("idle"),
	v.literal("running"),
	v.literal("waiting"),
	v.literal("ended"),
);
export type SessionStatus = Infer<typeof vStatus>;

/** Absolute counts, of the session's own entries only: what a fork copied counts where it was made. */
export const vTokens = v.object({
	input: v.number(),
	output: v.number(),
	cacheRead: v.number(),
	cacheWrite: v.number(),
});
export type Tokens = Infer<typeof vTokens>;

/** Where a fork comes from. `forkEntryId` is the last entry shared with the parent, null when nothing could be matched. */
export const vLineage = v.object({ parentSessionId: v.string(), forkEntryId: v.union(v.string(), v.null()) });
export type Lineage = Infer<typeof vLineage>;

/** `sessions:open`: made or brought up to date, never emptied. Times are ms since the epoch. */
export const vOpenSession = v.object({
	/** Pi's session id. */
	sessionId: v.string(),
	/** `pi`, or the name of another agent. */
	source: v.string(),
	/** First line of the session file, as it is, so that an export can restore it. */
	header: v.union(v.string(), v.null()),
	projectPath: v.string(),
	projectName: v.string(),
	gitBranch: v.optional(v.union(v.string(), v.null())),
	machine: v.string(),
	lineage: v.optional(vLineage),
	startedAt: v.number(),
});
export type OpenSession = Infer<typeof vOpenSession>;

export const vOpened = v.object({
	/** Highest seq given so far, 0 when empty. */
	lastSeq: v.number(),
	/** Id of the entry with that seq. */
	lastEntryId: v.union(v.string(), v.null()),
	entryCount: v.number(),
	/** Where the session stands. */
	leafId: v.union(v.string(), v.null()),
});
export type Opened = Infer<typeof vOpened>;

/** `sessions:update`: only the fields given change. */
export const vUpdateSession = v.object({
	sessionId: v.string(),
	/** The caller's epoch of the turn lock: an old one is refused (L3). Absent: the caller does not use the lock. */
	epoch: v.optional(v.number()),
	status: v.optional(vStatus),
	leafId: v.optional(v.union(v.string(), v.null())),
	gitBranch: v.optional(v.union(v.string(), v.null())),
	endedAt: v.optional(v.number()),
});
export type UpdateSession = Infer<typeof vUpdateSession>;

/** One row of a list. */
export const vSessionView = v.object({
	sessionId: v.string(),
	source: v.string(),
	/** Who writes it: a terminal of ours, or another agent's messages through `openSync`, which may be replaced. */
	via: v.union(v.literal("pi"), v.literal("openSync")),
	projectPath: v.string(),
	projectName: v.string(),
	gitBranch: v.union(v.string(), v.null()),
	machine: v.string(),
	/** Name given in Pi, else the first prompt's first line, else null. */
	title: v.union(v.string(), v.null()),
	model: v.union(v.string(), v.null()),
	provider: v.union(v.string(), v.null()),
	thinkingLevel: v.union(v.string(), v.null()),
	status: vStatus,
	leafId: v.union(v.string(), v.null()),
	lineage: v.union(vLineage, v.null()),
	tokens: vTokens,
	/** US dollars. */
	cost: v.number(),
	entryCount: v.number(),
	messageCount: v.number(),
	toolCallCount: v.number(),
	lastSeq: v.number(),
	/** As the agent tells it; null for sessions of Pi. */
	durationMs: v.union(v.number(), v.null()),
	startedAt: v.number(),
	updatedAt: v.number(),
	endedAt: v.union(v.number(), v.null()),
});
export type SessionView = Infer<typeof vSessionView>;

/** `sessions:live`: what a follower keeps level with. Small, for it changes with every entry. */
export const vLive = v.object({
	leafId: v.union(v.string(), v.null()),
	lastSeq: v.number(),
	status: vStatus,
});
export type Live = Infer<typeof vLive>;

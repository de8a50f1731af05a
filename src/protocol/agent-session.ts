/**
 * Sessions of other agents: what OpenSync's plugins post, and what is imported. They are upserts by the
 * ids of those agents; a message that is posted again with other content replaces the one that stands.
 */
import { type Infer, v } from "convex/values";
import { vEntryColumns } from "./entry.ts";
import { vTokens } from "./session.ts";

/** Only what is given changes; counts are absolute, and 0 or absent ones lower nothing. */
export const vAgentSession = v.object({
	/** The agent's own id of the session. */
	externalId: v.string(),
	/** As `sourceName` gives it. Default for a new session: `opencode`, OpenSync's own default. */
	source: v.optional(v.string()),
	title: v.optional(v.string()),
	projectPath: v.optional(v.string()),
	projectName: v.optional(v.string()),
	gitBranch: v.optional(v.string()),
	machine: v.optional(v.string()),
	model: v.optional(v.string()),
	provider: v.optional(v.string()),
	/** Of the whole session. Where they are not given, those of its messages are summed. */
	tokens: v.optional(vTokens),
	/** US dollars. */
	cost: v.optional(v.number()),
	durationMs: v.optional(v.number()),
	/** ms since the epoch. Only a new session takes it; an earlier one moves the start back. */
	createdAt: v.optional(v.number()),
});
export type AgentSession = Infer<typeof vAgentSession>;

/** One message, as the entry that `agentEntry` makes of it. */
export const vAgentEntry = v.object({
	/** The agent's own id of the message: one for the session. */
	entryId: v.string(),
	/** ms since the epoch; null when the agent tells none: then the time of its first arrival. */
	timestamp: v.union(v.number(), v.null()),
	body: v.union(
		v.object({ kind: v.literal("inline"), json: v.string() }),
		v.object({ kind: v.literal("stored"), storageId: v.string(), bytes: v.number(), columns: vEntryColumns }),
	),
});
export type AgentEntry = Infer<typeof vAgentEntry>;

/** `openSync:push`: the session and some of its messages, oldest first. At most `APPEND_MAX_ENTRIES` and `APPEND_MAX_BYTES`. */
export const vPushAgentSession = v.object({
	session: vAgentSession,
	entries: v.array(vAgentEntry),
	/** Old messages brought in: they do not make the session look active now. */
	imported: v.optional(v.boolean()),
});
export type PushAgentSession = Infer<typeof vPushAgentSession>;

export const vAgentOutcome = v.union(
	v.literal("added"),
	/** Other content than before, which it replaced. */
	v.literal("updated"),
	v.literal("unchanged"),
	/** The session is synced by Pi itself, which has it whole: nothing was changed. */
	v.literal("kept"),
);
export type AgentOutcome = Infer<typeof vAgentOutcome>;

export const vPushedAgentSession = v.object({
	session: vAgentOutcome,
	/** In the order of the entries sent. */
	entries: v.array(v.object({ entryId: v.string(), outcome: vAgentOutcome })),
});
export type PushedAgentSession = Infer<typeof vPushedAgentSession>;

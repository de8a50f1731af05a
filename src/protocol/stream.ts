/**
 * The running stream: what a run says before its entries stand.
 *
 * One stream a run. Its content is a list of ops; a position is the number of ops before it. A push
 * carries the ops of the range `[start, start + ops.length)` and is accepted only when `start` is the
 * stream's end, so ranges are contiguous by construction (S1). When an entry is appended, the same
 * mutation moves `settled` up to the position that the entry covers (S2): readers fold ops from
 * `settled` on, and hide tool executions whose result entry stands. `settledEntryId` names the last entry that is
 * covered: what the ops from `settled` on tell is exactly what the session's entries after it will hold, so a
 * reader who has those entries already knows what not to show again.
 *
 * A reader subscribes `streams:tail` (the last few pushes, constant size), and reads a gap with
 * `streams:read`; so bytes grow with what was said, never with its square.
 *
 * Ops are short arrays, for they are sent by the thousand:
 *   ["m", role]                        a message starts
 *   ["t", index, text]                 text for content block `index` of the message
 *   ["h", index, text]                 thinking for block `index`
 *   ["c", index, toolCallId, toolName] block `index` is a tool call
 *   ["a", index, json]                 more of the JSON text of its arguments
 *   ["e"]                              the message is complete; its entry follows
 *   ["x", toolCallId, toolName, argsJson] a tool starts to run
 *   ["o", toolCallId, keep, text]      its output: the first `keep` UTF-16 units stay, then `text`
 *   ["d", toolCallId, isError]         it has ended (isError 0 or 1)
 *   ["n", text]                        a note for the reader, such as a retry
 *   ["v", more, json]                  an event of Pi's session as terminals need it, in pieces: more 1, it goes on
 *
 * What `v` may hold is described in `src/session/pi-events.ts`; pages need none of it.
 */
import { type Infer, v } from "convex/values";

export type DeltaOp =
	| ["m", string]
	| ["t", number, string]
	| ["h", number, string]
	| ["c", number, string, string]
	| ["a", number, string]
	| ["e"]
	| ["x", string, string, string]
	| ["o", string, number, string]
	| ["d", string, 0 | 1]
	| ["n", string]
	| ["v", 0 | 1, string];

/** Ops pass the wire as they are; `foldOps` in `src/session` checks each one. */
export const vOps = v.array(v.any());

/** `streams:start`. Starting the same stream twice is one start; a new one ends the session's older ones of this terminal. */
export const vStartStream = v.object({
	sessionId: v.string(),
	/** Made by the sender, 12 or more random characters. */
	streamId: v.string(),
	terminalId: v.string(),
	/** As in `vUpdateSession`. */
	epoch: v.optional(v.number()),
	/** ms since the epoch by the sender's clock, for the elapsed time. */
	startedAt: v.number(),
	/** The session's last message, in file order, before what the ops tell. Null: it had none; absent: not known. */
	afterEntryId: v.optional(v.union(v.string(), v.null())),
});
export type StartStream = Infer<typeof vStartStream>;

/** `streams:push` gives the stream's end. When that is not `start + ops.length` nothing was taken: go on from there. -1: no such stream. */
export const vPush = v.object({ streamId: v.string(), start: v.number(), ops: vOps });
export type Push = Infer<typeof vPush>;

/** `streams:end`: the run is over; the stream and its deltas are removed. */
export const vEndStream = v.object({ streamId: v.string() });
export type EndStream = Infer<typeof vEndStream>;

/** `streams:current`: changes when a stream starts, settles or ends, not with every delta. */
export const vStreamView = v.object({
	streamId: v.string(),
	terminalId: v.string(),
	startedAt: v.number(),
	settled: v.number(),
	/** The last entry, in the order of seqs, that the ops before `settled` cover; null when that is not known. */
	settledEntryId: v.union(v.string(), v.null()),
});
export type StreamView = Infer<typeof vStreamView>;

export const vDelta = v.object({ start: v.number(), end: v.number(), ops: vOps });
export type Delta = Infer<typeof vDelta>;

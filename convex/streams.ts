/**
 * The run in flight, as ranges of ops (see `src/protocol/stream.ts`).
 *
 * Guarantees: the ranges of a stream are contiguous, for a push is taken only at the stream's end (S1);
 * what is sent to a reader has constant size a push (S4). A push is called hundreds of times a second: it
 * reads three rows, writes one, and touches nothing but `streams:tail` of its own stream.
 */
import { v } from "convex/values";
import { refusal } from "../src/protocol/errors.ts";
import { PUSH_MAX_BYTES } from "../src/protocol/limits.ts";
import { type Delta, vDelta, vEndStream, vPush, vStartStream, vStreamView } from "../src/protocol/stream.ts";
import type { Doc } from "./_generated/dataModel.js";
import { internalMutation, type QueryCtx } from "./_generated/server.js";
import { readQuery, writeMutation } from "./access.ts";
import { checked, utf8Bytes } from "./model/checks.ts";
import { needEpoch } from "./model/fence.ts";
import { needSession } from "./model/sessions.ts";
import { clearDeltas, endStream, findStream, streamsOf } from "./model/streaming.ts";

/** Convex's limit for an array, in a row and in an answer. */
const ARRAY_MAX = 8192;
/** Text in one answer of `read`; the caller asks again. */
const READ_BYTES = 1024 * 1024;
/** Pushes in one answer of `read`: below `ARRAY_MAX`. */
const READ_PUSHES = 8000;
/** Read at once: at most 128 KiB each, which stays well below what a query may read. */
const READ_ROWS = 64;
/** Pushes that `tail` gives: one to go on from and one more, for a reader that missed a transition. */
const TAIL_PUSHES = 2;

export const start = writeMutation({
	args: vStartStream,
	returns: v.null(),
	handler: async (ctx, { sessionId, streamId, terminalId, startedAt, epoch, afterEntryId }) => {
		checked("id", "stream id", streamId);
		checked("id", "terminal id", terminalId);
		const session = await needSession(ctx, ctx.userId, sessionId);
		await needEpoch(ctx, session, epoch);
		const known = await findStream(ctx, streamId);
		if (known?.session === session._id) return null;
		if (known) throw refusal("invalid", `The stream ${streamId} is of another session.`);
		const older = await streamsOf(ctx, ctx.userId, sessionId).collect();
		for (const stream of older) {
			if (stream.terminalId === terminalId) await endStream(ctx, stream);
		}
		await ctx.db.insert("streams", {
			userId: ctx.userId,
			session: session._id,
			sessionId,
			streamId,
			terminalId,
			startedAt,
			settled: 0,
			settledEntryId: afterEntryId ?? null,
		});
		return null;
	},
});

export const push = writeMutation({
	args: vPush,
	returns: v.number(),
	handler: async (ctx, { streamId, start: from, ops }) => {
		const stream = await findStream(ctx, streamId);
		if (stream?.userId !== ctx.userId) return -1;
		const last = await lastDelta(ctx, streamId);
		const end = last?.end ?? 0;
		if (from !== end || ops.length === 0) return end;
		checkOps(ops);
		await ctx.db.insert("streamDeltas", {
			userId: ctx.userId,
			streamId,
			start: from,
			end: from + ops.length,
			ops,
		});
		return from + ops.length;
	},
});

export const end = writeMutation({
	args: vEndStream,
	returns: v.null(),
	handler: async (ctx, { streamId }) => {
		const stream = await findStream(ctx, streamId);
		if (stream?.userId === ctx.userId) await endStream(ctx, stream);
		return null;
	},
});

/** The session's newest stream; null when nothing runs. */
export const current = readQuery({
	args: { sessionId: v.string() },
	returns: v.union(vStreamView, v.null()),
	handler: async (ctx, { sessionId }) => {
		const stream = await streamsOf(ctx, ctx.userId, sessionId).order("desc").first();
		if (!stream) return null;
		const { streamId, terminalId, startedAt, settled, settledEntryId = null } = stream;
		return { streamId, terminalId, startedAt, settled, settledEntryId };
	},
});

/**
 * The last pushes as one delta, which spares what every delta says of itself: what a live reader subscribes
 * to. Reads no other table, so nothing else re-runs it.
 */
export const tail = readQuery({
	args: { streamId: v.string() },
	returns: v.array(vDelta),
	handler: async (ctx, { streamId }) => {
		const rows = await ctx.db
			.query("streamDeltas")
			.withIndex("by_streamId_start", (q) => q.eq("streamId", streamId))
			.order("desc")
			.take(TAIL_PUSHES);
		const deltas = rows.filter((row) => row.userId === ctx.userId).reverse();
		const [first, last] = [deltas[0], deltas.at(-1)];
		if (!first || !last) return [];
		if (last.end - first.start > ARRAY_MAX) return deltas.map(deltaView);
		return [{ start: first.start, end: last.end, ops: deltas.flatMap(({ ops }) => ops) }];
	},
});

/** Pushes from the one that holds position `start` on, 8,000 of them or about 1 MiB at most; the caller goes on from the last `end`. */
export const read = readQuery({
	args: { streamId: v.string(), start: v.number() },
	returns: v.array(vDelta),
	handler: async (ctx, { streamId, start: position }) => {
		const holding = await ctx.db
			.query("streamDeltas")
			.withIndex("by_streamId_start", (q) => q.eq("streamId", streamId).lte("start", position))
			.order("desc")
			.first();
		const from = holding && holding.end > position ? holding.start : position;
		const deltas: Delta[] = [];
		let bytes = 0;
		let next = from;
		// By the batch: who joins in the middle of a long answer reads hundreds of short rows.
		for (;;) {
			const rows = await ctx.db
				.query("streamDeltas")
				.withIndex("by_streamId_start", (q) => q.eq("streamId", streamId).gte("start", next))
				.take(READ_ROWS);
			for (const delta of rows) {
				if (delta.userId !== ctx.userId) return [];
				deltas.push(deltaView(delta));
				bytes += JSON.stringify(delta.ops).length;
				next = delta.end;
				if (bytes >= READ_BYTES || deltas.length >= READ_PUSHES) return deltas;
			}
			if (rows.length < READ_ROWS) return deltas;
		}
	},
});

/** Goes on deleting what an ended stream said. */
export const clear = internalMutation({
	args: { streamId: v.string() },
	returns: v.null(),
	handler: async (ctx, { streamId }) => {
		// Somebody may have started a stream of that name meanwhile.
		if (!(await findStream(ctx, streamId))) await clearDeltas(ctx, streamId);
		return null;
	},
});

async function lastDelta(ctx: Pick<QueryCtx, "db">, streamId: string): Promise<Doc<"streamDeltas"> | null> {
	return await ctx.db
		.query("streamDeltas")
		.withIndex("by_streamId_start", (q) => q.eq("streamId", streamId))
		.order("desc")
		.first();
}

/** Each op is a short list of texts and numbers; what they mean is the readers' business. */
function checkOps(ops: readonly unknown[]): void {
	const plain = (part: unknown) => typeof part === "string" || typeof part === "number";
	if (!ops.every((op) => Array.isArray(op) && op.every(plain))) {
		throw refusal("invalid", "An op of the push is no list of texts and numbers.");
	}
	if (ops.length > ARRAY_MAX) {
		throw refusal("too_large", `The push has ${ops.length} ops, and ${ARRAY_MAX} are allowed.`);
	}
	const bytes = utf8Bytes(JSON.stringify(ops));
	if (bytes > PUSH_MAX_BYTES) {
		throw refusal("too_large", `The push has ${bytes} bytes, and ${PUSH_MAX_BYTES} are allowed.`);
	}
}

function deltaView({ start: from, end: to, ops }: Doc<"streamDeltas">): Delta {
	return { start: from, end: to, ops };
}

/** Ending and settling streams, from wherever it happens. */
import type { Append } from "../../src/protocol/entry.ts";
import { internal } from "../_generated/api.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../_generated/server.js";
import { utf8Bytes } from "./checks.ts";
import { ownEntry } from "./sessions.ts";

/** Pushes deleted in one mutation. */
const DELTAS_PER_BATCH = 500;
/** What they may hold: Convex counts what is deleted as read once more, and lets a mutation read 16 MiB. */
const BYTES_PER_BATCH = 4 * 1024 * 1024;
/** The same at the end of a stream: several may end in one mutation, which has other things to do besides. */
const BYTES_AT_END = 256 * 1024;

export async function findStream(
	ctx: Pick<MutationCtx, "db">,
	streamId: string,
): Promise<Doc<"streams"> | null> {
	return await ctx.db
		.query("streams")
		.withIndex("by_streamId", (q) => q.eq("streamId", streamId))
		.first();
}

/** Streams of a session, oldest first. There are more than one only while terminals change. */
export function streamsOf(ctx: Pick<QueryCtx, "db">, userId: Id<"users">, sessionId: string) {
	return ctx.db
		.query("streams")
		.withIndex("by_userId_sessionId", (q) => q.eq("userId", userId).eq("sessionId", sessionId));
}

/**
 * Stored entries cover the stream up to `upTo` (S2), and `entryId` is the last of them. Never goes back;
 * another session's stream is left alone.
 */
export async function settleStream(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	{ streamId, upTo, entryId }: NonNullable<Append["settles"]>,
): Promise<void> {
	const stream = await findStream(ctx, streamId);
	if (!stream || stream.session !== session._id || stream.settled > upTo) return;
	if (stream.settled < upTo) {
		await ctx.db.patch(stream._id, { settled: upTo, settledEntryId: entryId ?? null });
	} else if (entryId !== undefined && (await isLater(ctx, session, entryId, stream.settledEntryId ?? null))) {
		// An entry that no op told.
		await ctx.db.patch(stream._id, { settledEntryId: entryId });
	}
}

async function isLater(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	entryId: string,
	than: string | null,
): Promise<boolean> {
	if (entryId === than) return false;
	const [entry, before] = await Promise.all([
		ownEntry(ctx, session, entryId),
		than === null ? null : ownEntry(ctx, session, than),
	]);
	return entry !== null && (before === null || entry.seq > before.seq);
}

/** Gone at once for readers; what it said goes in batches. */
export async function endStream(ctx: MutationCtx, stream: Doc<"streams">): Promise<void> {
	await ctx.db.delete(stream._id);
	await clearDeltas(ctx, stream.streamId, BYTES_AT_END);
}

export async function endStreamsOfTerminal(
	ctx: MutationCtx,
	userId: Id<"users">,
	terminalId: string,
): Promise<void> {
	const streams = await ctx.db
		.query("streams")
		.withIndex("by_userId_terminalId", (q) => q.eq("userId", userId).eq("terminalId", terminalId))
		.collect();
	for (const stream of streams) await endStream(ctx, stream);
}

/** Deletes a batch, and schedules the next when there is more. */
export async function clearDeltas(
	ctx: MutationCtx,
	streamId: string,
	maxBytes = BYTES_PER_BATCH,
): Promise<void> {
	const range = ctx.db
		.query("streamDeltas")
		.withIndex("by_streamId_start", (q) => q.eq("streamId", streamId));
	const deltas: Doc<"streamDeltas">[] = [];
	let bytes = 0;
	let more = false;
	for await (const delta of range) {
		deltas.push(delta);
		bytes += utf8Bytes(JSON.stringify(delta.ops));
		more = deltas.length >= DELTAS_PER_BATCH || bytes >= maxBytes;
		if (more) break;
	}
	for (const delta of deltas) await ctx.db.delete(delta._id);
	if (more) await ctx.scheduler.runAfter(0, internal.streams.clear, { streamId });
}

/**
 * Taking a removed session apart (F3).
 *
 * Its forks still read what they share in its rows, so before these go, each stretch is copied to the
 * fork that will own it, under the seqs before its first. The copies are not seen (`ownEntry`) until one
 * mutation switches all forks at once: at every moment every fork reads whole. Tokens and cost move with
 * the entries, and so do the passages that search finds, at once. Then the rows are deleted, with the bodies
 * that were not handed over. One removal of a user at a time; each step is a mutation of bounded size that
 * schedules the next.
 */

import type { WithoutSystemFields } from "convex/server";
import { v } from "convex/values";
import { internal } from "./_generated/api.js";
import type { Doc, Id } from "./_generated/dataModel.js";
import { internalMutation, type MutationCtx } from "./_generated/server.js";
import { planHandOver } from "./model/handOver.ts";
import { deleteLock } from "./model/holding.ts";
import { deleteCursor, indexNext, needCursor } from "./model/indexing.ts";
import { deletePassages, handPassages } from "./model/passages.ts";
import { deletePrompts } from "./model/prompting.ts";
import { NO_TOTALS, sum, totalsOf } from "./model/totals.ts";

/** Rows copied or deleted in one step. */
const ROWS_PER_STEP = 400;
/** Text deleted or handed over in one step: that reads it, and Convex lets a mutation read 16 MiB. */
const BYTES_PER_STEP = 6 * 1024 * 1024;

type Work = Doc<"removals">["work"];
type Handing = Extract<Work, { phase: "handing" }>;
type Progress = Handing["progress"][number];

/** One step of the user's oldest removal. */
export const step = internalMutation({
	args: { userId: v.id("users") },
	returns: v.null(),
	handler: async (ctx, { userId }) => {
		const removal = await ctx.db
			.query("removals")
			.withIndex("by_userId", (q) => q.eq("userId", userId))
			.first();
		if (!removal) return null;
		const work = await advance(ctx, removal);
		if (work) await ctx.db.patch(removal._id, { work });
		else await ctx.db.delete(removal._id);
		await ctx.scheduler.runAfter(0, internal.removal.step, { userId });
		return null;
	},
});

/** What is to do after this step; null when all is done. */
async function advance(ctx: MutationCtx, { session: id, work }: Doc<"removals">): Promise<Work | null> {
	const session = await ctx.db.get(id);
	if (!session) return null;
	switch (work.phase) {
		case "waiting":
			return await begin(ctx, session);
		case "handing":
			return await handOver(ctx, session, work);
		case "deleting":
			return (await deleteRows(ctx, session)) ? work : null;
	}
}

async function begin(ctx: MutationCtx, session: Doc<"sessions">): Promise<Work> {
	const plan = await planHandOver(ctx, session);
	// What is handed over is searched already, so that the heir's own cursor need not know of it.
	if (plan.claims.length > 0 && (await indexNext(ctx, session))) return { phase: "waiting" };
	const progress = plan.claims.map(({ stretches }) => ({
		stretch: 0,
		upTo: stretches[0]?.to ?? 0,
		rows: 0,
		...NO_TOTALS,
	}));
	return { phase: "handing", ...plan, progress };
}

async function handOver(ctx: MutationCtx, session: Doc<"sessions">, work: Handing): Promise<Work> {
	const index = work.claims.findIndex(
		({ stretches }, at) => (work.progress[at] as Progress).stretch < stretches.length,
	);
	const claim = work.claims[index];
	if (!claim) {
		await switchForks(ctx, work);
		return { phase: "deleting" };
	}
	const done = await copyRows(ctx, session._id, claim, work.progress[index] as Progress);
	return { ...work, progress: work.progress.with(index, done) };
}

/** Copies the next rows of a claim, newest first. */
async function copyRows(
	ctx: MutationCtx,
	session: Id<"sessions">,
	{ heir: heirId, stretches }: Handing["claims"][number],
	done: Progress,
): Promise<Progress> {
	const heir = await ctx.db.get(heirId);
	const stretch = stretches[done.stretch];
	if (!heir || !stretch) return { ...done, stretch: stretches.length };
	const entries = await ctx.db
		.query("entries")
		.withIndex("by_session_chain_seq", (q) =>
			q.eq("session", session).eq("chain", stretch.chain).gte("seq", stretch.from).lte("seq", done.upTo),
		)
		.order("desc")
		.take(ROWS_PER_STEP);
	let bytes = 0;
	let copied = 0;
	for (const entry of entries) {
		bytes += await copyRow(ctx, heir, entry, done.rows + copied);
		copied += 1;
		if (bytes >= BYTES_PER_STEP) break;
	}
	const { stretch: at, upTo, rows, ...totals } = done;
	const summed = { rows: rows + copied, ...entries.slice(0, copied).map(totalsOf).reduce(sum, totals) };
	const last = entries[copied - 1];
	const isFull = copied < entries.length || entries.length === ROWS_PER_STEP;
	if (last && isFull) return { stretch: at, upTo: last.seq - 1, ...summed };
	return { stretch: at + 1, upTo: stretches[at + 1]?.to ?? 0, ...summed };
}

/**
 * `place` is the number of rows that the heir has got before this one. They are one chain, for they are one
 * way. Tells how many bytes of text that took.
 */
async function copyRow(
	ctx: MutationCtx,
	heir: Doc<"sessions">,
	entry: Doc<"entries">,
	place: number,
): Promise<number> {
	const { _id, _creationTime, ...fields } = entry;
	const copy: WithoutSystemFields<Doc<"entries">> = {
		...fields,
		session: heir._id,
		seq: heir.firstSeq - 1 - place,
		chain: heir.firstSeq - 1,
	};
	const copyId = await ctx.db.insert("entries", copy);
	await ctx.db.patch(_id, { handed: true });
	return await handPassages(ctx, entry, { heir, copyId });
}

/** From here on the heirs own what they were handed, and nobody reads the removed session any more. */
async function switchForks(ctx: MutationCtx, { claims, moves, progress }: Handing): Promise<void> {
	for (const [index, { heir: heirId, lineage, parentRef }] of claims.entries()) {
		const heir = await ctx.db.get(heirId);
		const got = progress[index];
		if (!heir || !got) continue;
		const { stretch: _at, upTo: _upTo, rows, ...totals } = got;
		await needCursor(ctx, heir);
		await ctx.db.patch(heirId, {
			...sum(heir, totals),
			firstSeq: heir.firstSeq - rows,
			lineage,
			parentRef,
			adopted: true,
		});
		if (heir.lastEntryId === null) await takeLast(ctx, heir);
	}
	for (const { fork, lineage, parentRef } of moves) {
		if (await ctx.db.get(fork)) await ctx.db.patch(fork, { lineage, parentRef, adopted: true });
	}
}

/** A fork without entries of its own goes on where those that it was handed end. */
async function takeLast(ctx: MutationCtx, heir: Doc<"sessions">): Promise<void> {
	const last = await ctx.db
		.query("entries")
		.withIndex("by_session_seq", (q) => q.eq("session", heir._id).eq("seq", heir.lastSeq))
		.first();
	if (last) await ctx.db.patch(heir._id, { lastEntryId: last.entryId, lastChain: last.chain });
}

/** True while there is more to delete. The session's row goes last. */
async function deleteRows(ctx: MutationCtx, session: Doc<"sessions">): Promise<boolean> {
	const range = ctx.db.query("entries").withIndex("by_session_seq", (q) => q.eq("session", session._id));
	let bytes = 0;
	const entries: Doc<"entries">[] = [];
	for await (const entry of range) {
		entries.push(entry);
		bytes += entry.body.kind === "inline" && !entry.handed ? entry.bytes : 0;
		if (entries.length >= ROWS_PER_STEP || bytes >= BYTES_PER_STEP) break;
	}
	for (const entry of entries) {
		if (!entry.handed) await deleteBody(ctx, entry.body);
		await ctx.db.delete(entry._id);
	}
	if (entries.length > 0 || (await deletePrompts(ctx, session._id))) return true;
	if (await deletePassages(ctx, session._id, BYTES_PER_STEP)) return true;
	await deleteCursor(ctx, session._id);
	await deleteLock(ctx, session._id);
	await ctx.db.delete(session._id);
	return false;
}

async function deleteBody(ctx: MutationCtx, body: Doc<"entries">["body"]): Promise<void> {
	if (body.kind === "inline") {
		await ctx.db.delete(body.id);
		return;
	}
	// Deleting a file twice is an error; a push may have named one file for two entries.
	if (await ctx.db.system.get(body.storageId)) await ctx.storage.delete(body.storageId);
}

/**
 * What nobody else deletes: expired sign-in codes, streams and questions whose terminal is gone without a
 * trace, prompts a while after their end, what ended streams left behind, and removals that
 * stopped half-way; and long text that was replaced. Not here: uploads that no entry names.
 */
import { v } from "convex/values";
import { PROMPT_KEPT_MS } from "../src/protocol/limits.ts";
import { internal } from "./_generated/api.js";
import type { Doc } from "./_generated/dataModel.js";
import { internalMutation, type MutationCtx } from "./_generated/server.js";
import { findPresent } from "./model/present.ts";
import { deletePrompt } from "./model/prompting.ts";
import { clearDeltas, endStream, findStream } from "./model/streaming.ts";

/** Looked at in one sweep; the next one goes on with what is left. */
const PER_SWEEP = 100;
/** Streams of these that are ended in the sweep itself. */
const STREAMS_AT_ONCE = 5;
/** Ended prompts are small. */
const PROMPTS_PER_SWEEP = 2000;
/** A stream without a present terminal may still be one that is just starting. */
const STREAM_GRACE_MS = 60 * 60 * 1000;

export const sweep = internalMutation({
	args: {},
	returns: v.null(),
	handler: async (ctx) => {
		await sweepCodes(ctx);
		await sweepStreams(ctx);
		await sweepDeltas(ctx);
		await sweepPrompts(ctx);
		await sweepQuestions(ctx);
		await restartRemovals(ctx);
		return null;
	},
});

/** Text that was replaced, when there was too much of it to go at once. */
export const deleteBody = internalMutation({
	args: { body: v.id("bodies") },
	returns: v.null(),
	handler: async (ctx, { body }) => {
		if (await ctx.db.get(body)) await ctx.db.delete(body);
		return null;
	},
});

async function sweepCodes(ctx: MutationCtx): Promise<void> {
	const expired = await ctx.db
		.query("signInCodes")
		.withIndex("by_expiresAt", (q) => q.lte("expiresAt", Date.now()))
		.take(PER_SWEEP);
	for (const code of expired) await ctx.db.delete(code._id);
}

async function sweepStreams(ctx: MutationCtx): Promise<void> {
	const old = await ctx.db
		.query("streams")
		.withIndex("by_creation_time", (q) => q.lt("_creationTime", Date.now() - STREAM_GRACE_MS))
		.take(PER_SWEEP);
	let looked = 0;
	for (const stream of old) {
		if (await findPresent(ctx, stream.userId, stream.terminalId)) continue;
		// Each reads pushes, which may be large: the rest in mutations of their own.
		if (looked < STREAMS_AT_ONCE) await endIfSilent(ctx, stream);
		else await ctx.scheduler.runAfter(0, internal.garbage.sweepStream, { stream: stream._id });
		looked += 1;
	}
}

export const sweepStream = internalMutation({
	args: { stream: v.id("streams") },
	returns: v.null(),
	handler: async (ctx, args) => {
		const stream = await ctx.db.get(args.stream);
		if (stream) await endIfSilent(ctx, stream);
		return null;
	},
});

async function endIfSilent(ctx: MutationCtx, stream: Doc<"streams">): Promise<void> {
	if (!(await saysOn(ctx, stream))) await endStream(ctx, stream);
}

async function saysOn(ctx: MutationCtx, { streamId }: Doc<"streams">): Promise<boolean> {
	const last = await ctx.db
		.query("streamDeltas")
		.withIndex("by_streamId_start", (q) => q.eq("streamId", streamId))
		.order("desc")
		.first();
	return last !== null && last._creationTime > Date.now() - STREAM_GRACE_MS;
}

/** Walks the stream ids that have deltas, one row each. */
async function sweepDeltas(ctx: MutationCtx): Promise<void> {
	let after = "";
	for (let looked = 0; looked < PER_SWEEP; looked++) {
		const delta: Doc<"streamDeltas"> | null = await ctx.db
			.query("streamDeltas")
			.withIndex("by_streamId_start", (q) => q.gt("streamId", after))
			.first();
		if (!delta) return;
		after = delta.streamId;
		if (await findStream(ctx, after)) continue;
		// One batch a sweep: it reads up to half of what a mutation may, and schedules its own next one.
		await clearDeltas(ctx, after);
		return;
	}
}

/** They have told their author how they ended. */
async function sweepPrompts(ctx: MutationCtx): Promise<void> {
	const old = await ctx.db
		.query("prompts")
		.withIndex("by_endedAt", (q) => q.gt("endedAt", null).lte("endedAt", Date.now() - PROMPT_KEPT_MS))
		.take(PROMPTS_PER_SWEEP);
	for (const prompt of old) await deletePrompt(ctx, prompt);
}

/** Whose terminal never said that it is here, or left no trace. */
async function sweepQuestions(ctx: MutationCtx): Promise<void> {
	const old = await ctx.db
		.query("questions")
		.withIndex("by_creation_time", (q) => q.lt("_creationTime", Date.now() - STREAM_GRACE_MS))
		.take(PER_SWEEP);
	for (const question of old) {
		if (!(await findPresent(ctx, question.userId, question.terminalId))) await ctx.db.delete(question._id);
	}
}

async function restartRemovals(ctx: MutationCtx): Promise<void> {
	const removal = await ctx.db
		.query("removals")
		.withIndex("by_creation_time", (q) => q.lt("_creationTime", Date.now() - STREAM_GRACE_MS))
		.first();
	if (removal) await ctx.scheduler.runAfter(0, internal.removal.step, { userId: removal.userId });
}

/**
 * Who holds a session's turn lock, and what goes when a holder does.
 *
 * Guarantees: when a holder is lost (its time is over, another took over, it left), its streams end, its
 * accepted prompts fail, its questions go and the session rests, all in the mutation that frees the lock:
 * no reader sees a run without somebody who runs it. What it wrote as entries stays.
 */
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../_generated/server.js";
import { deleteQuestions } from "./asking.ts";
import { lockOf } from "./fence.ts";
import { dropOrdersToStop, failAccepted, failForgotten } from "./prompting.ts";
import { endStream, streamsOf } from "./streaming.ts";

const LOST = "The terminal that accepted it was lost before it was done; it was not tried again.";
const TAKEN_OVER = "Another terminal drives the session now, and the one that accepted it did not finish it.";

export async function deadlineOf(
	ctx: Pick<QueryCtx, "db">,
	lock: Id<"turnLocks">,
): Promise<Doc<"turnLockDeadlines"> | null> {
	return await ctx.db
		.query("turnLockDeadlines")
		.withIndex("by_lock", (q) => q.eq("lock", lock))
		.first();
}

/** The holder while its time is not over: a check that is late gives nobody more of it. */
export async function heldUntil(ctx: Pick<QueryCtx, "db">, lock: Doc<"turnLocks">) {
	const row = lock.holder && (await deadlineOf(ctx, lock._id));
	if (!lock.holder || !row || row.expiresAt <= Date.now()) return null;
	return { holder: lock.holder, expiresAt: row.expiresAt };
}

/** The holder is lost: the lock is free, under the same epoch. */
export async function loseHolder(ctx: MutationCtx, lock: Doc<"turnLocks">): Promise<void> {
	const lost = lock.holder?.terminalId;
	if (lost === undefined) return;
	await ctx.db.patch(lock._id, { holder: null });
	const session = await ctx.db.get(lock.session);
	if (!session || session.removed) return;
	await endDriving(ctx, session, (terminalId) => terminalId === lost, LOST);
	await rest(ctx, session);
}

/** A terminal has left a session: its lock there is free, what it told and asked goes, and what it left undone fails. */
export async function leaveSession(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	terminalId: string,
): Promise<void> {
	const lock = await lockOf(ctx, session._id);
	if (lock?.holder?.terminalId === terminalId) await loseHolder(ctx, lock);
	else await endDriving(ctx, session, (other) => other === terminalId, LOST);
}

/** One terminal drives from now on, so no other does. @param before who held the lock until now, also when its time was over. */
export async function succeed(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	terminalId: string,
	before: string | null,
): Promise<void> {
	const open = await endDriving(ctx, session, (other) => other !== terminalId, TAKEN_OVER);
	await dropOrdersToStop(ctx, open);
	await failForgotten(ctx, open, terminalId);
	// What the one before said of its run is over; the new one says when it runs.
	if (before !== null && before !== terminalId) await rest(ctx, session);
}

async function endDriving(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	who: (terminalId: string) => boolean,
	reason: string,
): Promise<Doc<"prompts">[]> {
	for (const stream of await streamsOf(ctx, session.userId, session.sessionId).collect()) {
		if (who(stream.terminalId)) await endStream(ctx, stream);
	}
	await deleteQuestions(ctx, session, who);
	return await failAccepted(ctx, session, who, reason);
}

/** Nothing runs, whatever was said last. */
export async function rest(ctx: MutationCtx, { _id, status }: Doc<"sessions">): Promise<void> {
	if (status === "running" || status === "waiting") await ctx.db.patch(_id, { status: "idle" });
}

/** For the removal of a session. */
export async function deleteLock(ctx: MutationCtx, session: Id<"sessions">): Promise<void> {
	const lock = await lockOf(ctx, session);
	const row = lock && (await deadlineOf(ctx, lock._id));
	if (row) await ctx.db.delete(row._id);
	if (lock) await ctx.db.delete(lock._id);
}

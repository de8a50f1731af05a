/**
 * The turn lock of a session (see `src/protocol/turn-lock.ts` for its states).
 *
 * Guarantees: at most one unexpired holder (L1), for every change of holder is one mutation on one row; an
 * epoch that only rises, also after the lock was free (L2); expiry by a scheduled check on the backend's
 * clock, so that every subscriber sees a dead holder go without asking (L4); renewing and releasing what one
 * does not hold changes nothing and says what is (L5). What goes with a lost holder: `model/holding.ts`.
 * Not here: when a terminal acquires and releases; that is the terminal's business (L6).
 */
import { v } from "convex/values";
import { TURN_LOCK_MS } from "../src/protocol/limits.ts";
import {
	type Acquired,
	type HeldLock,
	vAcquire,
	vAcquired,
	vHeldLock,
	vReleased,
	vRenewed,
	vTakeOver,
	vTurnLock,
} from "../src/protocol/turn-lock.ts";
import { internal } from "./_generated/api.js";
import type { Doc, Id } from "./_generated/dataModel.js";
import { internalMutation, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { controlMutation, readQuery, writeMutation } from "./access.ts";
import { deleteQuestions } from "./model/asking.ts";
import { asName, checked } from "./model/checks.ts";
import { lockOf } from "./model/fence.ts";
import { deadlineOf, heldUntil, loseHolder, succeed } from "./model/holding.ts";
import { findSession, needSession } from "./model/sessions.ts";

/** The lock, or who has it and until when. */
export const acquire = writeMutation({
	args: vAcquire,
	returns: vAcquired,
	handler: async (ctx, { sessionId, terminalId, label }) => {
		const session = await needSession(ctx, ctx.userId, sessionId);
		const lock = await lockOf(ctx, session._id);
		const held = lock && (await heldUntil(ctx, lock));
		if (!lock || !held) return await give(ctx, session, lock, terminalId, label);
		if (held.holder.terminalId === terminalId) {
			return acquired(session, lock.epoch, await prolong(ctx, lock._id));
		}
		return { kind: "held" as const, epoch: lock.epoch, ...held };
	},
});

/** From a holder that is dead or away, by somebody who was shown its epoch; another's meanwhile stays. */
export const takeOver = controlMutation({
	args: vTakeOver,
	returns: vAcquired,
	handler: async (ctx, { sessionId, terminalId, label, epoch }) => {
		const session = await needSession(ctx, ctx.userId, sessionId);
		const lock = await lockOf(ctx, session._id);
		const held = lock && (await heldUntil(ctx, lock));
		if (lock && held && held.holder.terminalId === terminalId) {
			return acquired(session, lock.epoch, await prolong(ctx, lock._id));
		}
		if (lock && held && lock.epoch !== epoch) return { kind: "held" as const, epoch: lock.epoch, ...held };
		return await give(ctx, session, lock, terminalId, label);
	},
});

export const renew = writeMutation({
	args: vHeldLock,
	returns: vRenewed,
	handler: async (ctx, args) => {
		const lock = await lockHeldBy(ctx, ctx.userId, args);
		if (lock) return { kind: "renewed" as const, expiresAt: await prolong(ctx, lock._id) };
		return { kind: "lost" as const, ...(await shown(ctx, ctx.userId, args.sessionId)) };
	},
});

/** Given back; again and again is fine, for the holder of that epoch. */
export const release = writeMutation({
	args: vHeldLock,
	returns: vReleased,
	handler: async (ctx, args) => {
		const lock = await lockHeldBy(ctx, ctx.userId, args);
		if (lock) {
			await ctx.db.patch(lock._id, { holder: null });
			const session = await ctx.db.get(lock.session);
			if (session) await deleteQuestions(ctx, session, (terminalId) => terminalId === args.terminalId);
			return { kind: "released" as const };
		}
		const now = await shown(ctx, ctx.userId, args.sessionId);
		// Released or expired before, and nobody has acquired since: what the caller wants is so.
		if (now.holder === null && now.epoch === args.epoch) return { kind: "released" as const };
		return { kind: "lost" as const, ...now };
	},
});

/** Who drives a session; changes when the holder does. */
export const current = readQuery({
	args: { sessionId: v.string() },
	returns: vTurnLock,
	handler: async (ctx, { sessionId }) => {
		const session = await findSession(ctx, ctx.userId, sessionId);
		const lock = session && (await lockOf(ctx, session._id));
		// The deadline is not looked at: it moves with every renewal, and the check clears the holder in time.
		return { epoch: lock?.epoch ?? 0, holder: lock?.holder ?? null };
	},
});

/** The one check of an acquisition: at its deadline the lock is free, or the check moves on. */
export const expire = internalMutation({
	args: { lock: v.id("turnLocks"), epoch: v.number() },
	returns: v.null(),
	handler: async (ctx, { lock: id, epoch }) => {
		const lock = await ctx.db.get(id);
		if (!lock || lock.epoch !== epoch || lock.holder === null) return null;
		const row = await deadlineOf(ctx, id);
		if (row && row.expiresAt > Date.now()) {
			await ctx.scheduler.runAt(row.expiresAt, internal.turnLock.expire, { lock: id, epoch });
		} else {
			await loseHolder(ctx, lock);
		}
		return null;
	},
});

async function give(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	lock: Doc<"turnLocks"> | null,
	terminalId: string,
	label: string,
): Promise<Acquired> {
	checked("id", "terminal id", terminalId);
	const now = Date.now();
	const epoch = (lock?.epoch ?? 0) + 1;
	const holder = { terminalId, label: asName(label), acquiredAt: now };
	const expiresAt = now + TURN_LOCK_MS;
	const id = lock?._id ?? (await ctx.db.insert("turnLocks", { session: session._id, epoch, holder }));
	if (lock) await ctx.db.patch(id, { epoch, holder });
	const row = await deadlineOf(ctx, id);
	if (row) await ctx.db.patch(row._id, { expiresAt });
	else await ctx.db.insert("turnLockDeadlines", { lock: id, expiresAt });
	await ctx.scheduler.runAt(expiresAt, internal.turnLock.expire, { lock: id, epoch });
	await succeed(ctx, session, terminalId, lock?.holder?.terminalId ?? null);
	return acquired(session, epoch, expiresAt);
}

function acquired({ lastSeq, leafId }: Doc<"sessions">, epoch: number, expiresAt: number): Acquired {
	return { kind: "acquired", epoch, expiresAt, lastSeq, leafId };
}

async function prolong(ctx: MutationCtx, lock: Id<"turnLocks">): Promise<number> {
	const expiresAt = Date.now() + TURN_LOCK_MS;
	const row = await deadlineOf(ctx, lock);
	if (row) await ctx.db.patch(row._id, { expiresAt });
	return expiresAt;
}

async function lockHeldBy(ctx: MutationCtx, userId: Id<"users">, { sessionId, terminalId, epoch }: HeldLock) {
	const session = await findSession(ctx, userId, sessionId);
	const lock = session && (await lockOf(ctx, session._id));
	if (!lock || lock.epoch !== epoch) return null;
	const held = await heldUntil(ctx, lock);
	return held?.holder.terminalId === terminalId ? lock : null;
}

/** What a mutation says of the lock now. */
async function shown(ctx: Pick<QueryCtx, "db">, userId: Id<"users">, sessionId: string) {
	const session = await findSession(ctx, userId, sessionId);
	const lock = session && (await lockOf(ctx, session._id));
	const held = lock && (await heldUntil(ctx, lock));
	return { epoch: lock?.epoch ?? 0, holder: held?.holder ?? null };
}

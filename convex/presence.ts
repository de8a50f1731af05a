/**
 * Who is here (P1).
 *
 * A beat moves the client's deadline, which stands in a row of its own: lists re-run only when somebody
 * comes, goes or looks elsewhere. One scheduled check a client waits for the deadline and puts itself off
 * when that has moved meanwhile. A terminal that goes takes its streams with it (S3). Time is the backend's.
 */
import { v } from "convex/values";
import { PRESENCE_DEADLINE_MS } from "../src/protocol/limits.ts";
import { vBeat, vPresent } from "../src/protocol/presence.ts";
import { internal } from "./_generated/api.js";
import type { Doc, Id } from "./_generated/dataModel.js";
import { internalMutation, type MutationCtx, type QueryCtx } from "./_generated/server.js";
import { readMutation, readQuery } from "./access.ts";
import { asName, checked } from "./model/checks.ts";
import { findSession } from "./model/sessions.ts";
import { endStreamsOfTerminal } from "./model/streaming.ts";

/** "I am here", every `PRESENCE_BEAT_MS`. */
export const beat = readMutation({
	args: vBeat,
	returns: v.null(),
	handler: async (ctx, { clientId, kind, sessionId, watching, label }) => {
		const shown = { kind, sessionId, watching, label: asName(label) };
		const deadline = Date.now() + PRESENCE_DEADLINE_MS;
		const known = await findPresent(ctx, ctx.userId, clientId);
		if (!known) {
			checked("id", "client id", clientId);
			const presence = await ctx.db.insert("presence", { userId: ctx.userId, clientId, ...shown });
			await ctx.db.insert("presenceDeadlines", { presence, deadline });
			await ctx.scheduler.runAt(deadline, internal.presence.check, { presence });
			return null;
		}
		const row = await deadlineOf(ctx, known._id);
		if (row) await ctx.db.patch(row._id, { deadline });
		if (Object.entries(shown).some(([name, value]) => known[name as keyof typeof shown] !== value)) {
			await ctx.db.patch(known._id, shown);
		}
		return null;
	},
});

/** "I am going": the same as falling silent, at once. */
export const leave = readMutation({
	args: { clientId: v.string() },
	returns: v.null(),
	handler: async (ctx, { clientId }) => {
		const known = await findPresent(ctx, ctx.userId, clientId);
		if (known) await goodbye(ctx, known);
		return null;
	},
});

/** Who is at a session, in the order of coming. */
export const list = readQuery({
	args: { sessionId: v.string() },
	returns: v.array(vPresent),
	handler: async (ctx, { sessionId }) => {
		const rows = await presentAt(ctx, ctx.userId, sessionId);
		return rows.map(({ clientId, kind, watching, label, _creationTime }) => ({
			clientId,
			kind,
			watching,
			label,
			since: _creationTime,
		}));
	},
});

/** The one check of a client: at its deadline it is gone, or the check moves on. */
export const check = internalMutation({
	args: { presence: v.id("presence") },
	returns: v.null(),
	handler: async (ctx, { presence }) => {
		const known = await ctx.db.get(presence);
		if (!known) return null;
		const row = await deadlineOf(ctx, presence);
		if (row && row.deadline > Date.now()) {
			await ctx.scheduler.runAt(row.deadline, internal.presence.check, { presence });
		} else {
			await goodbye(ctx, known);
		}
		return null;
	},
});

async function goodbye(ctx: MutationCtx, known: Doc<"presence">): Promise<void> {
	const row = await deadlineOf(ctx, known._id);
	if (row) await ctx.db.delete(row._id);
	await ctx.db.delete(known._id);
	if (known.kind !== "terminal") return;
	await endStreamsOfTerminal(ctx, known.userId, known.clientId);
	if (known.sessionId !== null) await restSession(ctx, known.userId, known.sessionId);
}

/** Without a terminal nothing runs, whatever the last one said before it died. */
async function restSession(ctx: MutationCtx, userId: Id<"users">, sessionId: string): Promise<void> {
	const others = await presentAt(ctx, userId, sessionId);
	if (others.some(({ kind }) => kind === "terminal")) return;
	const session = await findSession(ctx, userId, sessionId);
	if (session?.status !== "running" && session?.status !== "waiting") return;
	await ctx.db.patch(session._id, { status: "idle" });
}

async function presentAt(ctx: Pick<QueryCtx, "db">, userId: Id<"users">, sessionId: string) {
	return await ctx.db
		.query("presence")
		.withIndex("by_userId_sessionId", (q) => q.eq("userId", userId).eq("sessionId", sessionId))
		.collect();
}

async function findPresent(ctx: Pick<MutationCtx, "db">, userId: Id<"users">, clientId: string) {
	return await ctx.db
		.query("presence")
		.withIndex("by_userId_clientId", (q) => q.eq("userId", userId).eq("clientId", clientId))
		.first();
}

async function deadlineOf(ctx: Pick<MutationCtx, "db">, presence: Id<"presence">) {
	return await ctx.db
		.query("presenceDeadlines")
		.withIndex("by_presence", (q) => q.eq("presence", presence))
		.first();
}

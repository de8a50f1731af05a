/**
 * Who is here (P1).
 *
 * A beat moves the client's deadline, which stands in a row of its own: lists re-run only when somebody
 * comes, goes or looks elsewhere. One scheduled check a client waits for the deadline and puts itself off
 * when that has moved meanwhile. A terminal that goes takes its streams, its
 * questions and its turn lock with it (S3). Time is the backend's.
 */
import { v } from "convex/values";
import { PRESENCE_DEADLINE_MS } from "../src/protocol/limits.ts";
import { vBeat, vLeave, vPlace, vPresent } from "../src/protocol/presence.ts";
import { internal } from "./_generated/api.js";
import type { Doc, Id } from "./_generated/dataModel.js";
import { internalMutation, type MutationCtx } from "./_generated/server.js";
import { readMutation, readQuery } from "./access.ts";
import { deleteQuestionsOfTerminal } from "./model/asking.ts";
import { asName, checked } from "./model/checks.ts";
import { leaveSession, rest } from "./model/holding.ts";
import { findPresent, presentAt } from "./model/present.ts";
import { findSession, sessionView } from "./model/sessions.ts";
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

/** "I am going": the same as falling silent, at once. One that beats at another session by now stays there. */
export const leave = readMutation({
	args: vLeave,
	returns: v.null(),
	handler: async (ctx, { clientId, sessionId }) => {
		const known = await findPresent(ctx, ctx.userId, clientId);
		if (!known) return null;
		// What a terminal drives was made under the scope to write, and is not ended with less.
		if (!ctx.key.scopes.includes("write")) {
			if (sessionId === undefined || sessionId === known.sessionId) await forget(ctx, known);
			return null;
		}
		if (sessionId === undefined || sessionId === known.sessionId) await goodbye(ctx, known);
		else if (known.kind === "terminal" && sessionId !== null) await vacate(ctx, known, sessionId);
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

/** Where a client is; null when it is gone. */
export const find = readQuery({
	args: { clientId: v.string() },
	returns: v.union(vPlace, v.null()),
	handler: async (ctx, { clientId }) => {
		const known = await findPresent(ctx, ctx.userId, clientId);
		if (!known) return null;
		const session = known.sessionId === null ? null : await findSession(ctx, ctx.userId, known.sessionId);
		return { sessionId: known.sessionId, label: known.label, session: session && sessionView(session) };
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

async function forget(ctx: MutationCtx, known: Doc<"presence">): Promise<void> {
	const row = await deadlineOf(ctx, known._id);
	if (row) await ctx.db.delete(row._id);
	await ctx.db.delete(known._id);
}

async function goodbye(ctx: MutationCtx, known: Doc<"presence">): Promise<void> {
	await forget(ctx, known);
	if (known.kind !== "terminal") return;
	await endStreamsOfTerminal(ctx, known.userId, known.clientId);
	await deleteQuestionsOfTerminal(ctx, known.userId, known.clientId);
	if (known.sessionId !== null) await vacate(ctx, known, known.sessionId);
}

/** What a terminal had at a session goes, and the session rests when no other is there. */
async function vacate(
	ctx: MutationCtx,
	{ userId, clientId }: Pick<Doc<"presence">, "userId" | "clientId">,
	sessionId: string,
): Promise<void> {
	const session = await findSession(ctx, userId, sessionId);
	if (!session) return;
	await leaveSession(ctx, session, clientId);
	// Without a terminal nothing runs, whatever the last one said before it died.
	const others = await presentAt(ctx, userId, sessionId);
	if (!others.some(({ kind }) => kind === "terminal")) await rest(ctx, session);
}

async function deadlineOf(ctx: Pick<MutationCtx, "db">, presence: Id<"presence">) {
	return await ctx.db
		.query("presenceDeadlines")
		.withIndex("by_presence", (q) => q.eq("presence", presence))
		.first();
}

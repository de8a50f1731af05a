/** Sessions of other agents, as their plugins and imports push them. The HTTP API in `routes/` is made of these. */
import { v } from "convex/values";
import { once } from "../src/lib/once.ts";
import {
	type PushedAgentSession,
	vAgentOutcome,
	vPushAgentSession,
	vPushedAgentSession,
} from "../src/protocol/agent-session.ts";
import type { Doc } from "./_generated/dataModel.js";
import { internalMutation, type MutationCtx } from "./_generated/server.js";
import { writeMutation } from "./access.ts";
import { placeOn, type Segment, sharedSegments } from "./model/lineage.ts";
import { pushAgentSession } from "./model/openSync/push.ts";
import { overStanding } from "./model/openSync/update.ts";
import { ownEntry } from "./model/sessions.ts";

/** All or nothing: upserts by the agent's own ids. */
export const push = writeMutation({
	args: vPushAgentSession,
	returns: vPushedAgentSession,
	handler: async (ctx, args): Promise<PushedAgentSession> => {
		const { session, entries } = await pushAgentSession(ctx, ctx.userId, args);
		return { session, entries: entries.map(({ entryId, outcome }) => ({ entryId, outcome })) };
	},
});

const vRow = v.object({ outcome: vAgentOutcome, id: v.union(v.id("entries"), v.null()) });

/**
 * For `routes/`: as `push`, but what a message that is posted again leaves out stays; and with the rows. An
 * entry of a session that Pi syncs has one when Pi has it. Where much stands of them it takes only the first
 * entries: as many as it has `messages` for. The caller sends the rest again.
 */
export const pushFor = internalMutation({
	args: { userId: v.id("users"), ...vPushAgentSession.fields },
	returns: v.object({ session: vAgentOutcome, id: v.id("sessions"), messages: v.array(vRow) }),
	handler: async (ctx, { userId, ...posted }) => {
		const whole = await overStanding(ctx, userId, posted.session.externalId, posted.entries);
		const args = { ...posted, entries: whole };
		const { session: outcome, row, entries } = await pushAgentSession(ctx, userId, args);
		const session = (await ctx.db.get(row)) as Doc<"sessions">;
		const held = outcome === "kept" ? once(() => sharedSegments(ctx, session)) : null;
		const messages = await Promise.all(
			entries.map(async ({ entryId, outcome }) => {
				const entry = held
					? await piEntry(ctx, session, entryId, held)
					: await ownEntry(ctx, session, entryId);
				return { outcome, id: entry?._id ?? null };
			}),
		);
		return { session: outcome, id: row, messages };
	},
});

/** `id` is the entry's, or `pi:<session>:<entry>`, as terminals of Pi post it to a hosted OpenSync. */
async function piEntry(
	ctx: MutationCtx,
	session: Doc<"sessions">,
	id: string,
	shared: () => Promise<Segment[]>,
): Promise<Doc<"entries"> | null> {
	const entryId = /^pi:[^:]*:(.+)$/s.exec(id)?.[1] ?? id;
	return (
		(await ownEntry(ctx, session, entryId)) ?? (await placeOn(ctx, await shared(), entryId))?.entry ?? null
	);
}

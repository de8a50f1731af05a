/**
 * The fence of the turn lock (L3): a write of shared live state that carries an old epoch changes nothing.
 * Checked in the mutation that writes, so that no pause between looking and writing can matter.
 */
import { refusal } from "../../src/protocol/errors.ts";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";

export async function lockOf(
	ctx: Pick<QueryCtx, "db">,
	session: Id<"sessions">,
): Promise<Doc<"turnLocks"> | null> {
	return await ctx.db
		.query("turnLocks")
		.withIndex("by_session", (q) => q.eq("session", session))
		.first();
}

/** The epoch that counts when the caller's is an old one; null when the caller may write, or gave none. */
export async function staleFor(
	ctx: Pick<QueryCtx, "db">,
	session: Doc<"sessions">,
	epoch: number | undefined,
): Promise<number | null> {
	if (epoch === undefined) return null;
	const counts = (await lockOf(ctx, session._id))?.epoch ?? 0;
	return counts === epoch ? null : counts;
}

/** Refuses an old epoch. */
export async function needEpoch(
	ctx: Pick<QueryCtx, "db">,
	session: Doc<"sessions">,
	epoch: number | undefined,
): Promise<void> {
	const counts = await staleFor(ctx, session, epoch);
	if (counts !== null)
		throw refusal("stale_epoch", `The turn lock went on to epoch ${counts}; ${epoch} is over.`, {
			epoch: counts,
		});
}

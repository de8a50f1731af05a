/** Finding who is here. */
import type { Doc, Id } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";

/** Who is at a session, in the order of coming. */
export async function presentAt(
	ctx: Pick<QueryCtx, "db">,
	userId: Id<"users">,
	sessionId: string,
): Promise<Doc<"presence">[]> {
	return await ctx.db
		.query("presence")
		.withIndex("by_userId_sessionId", (q) => q.eq("userId", userId).eq("sessionId", sessionId))
		.collect();
}

/** A client that is here, or null. */
export async function findPresent(ctx: Pick<QueryCtx, "db">, userId: Id<"users">, clientId: string) {
	return await ctx.db
		.query("presence")
		.withIndex("by_userId_clientId", (q) => q.eq("userId", userId).eq("clientId", clientId))
		.first();
}

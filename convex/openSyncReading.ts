/** What the HTTP API in `routes/` reads, in pieces that stay within the limits of one query. */
import { type Infer, v } from "convex/values";
import type { Doc } from "./_generated/dataModel.js";
import { internalQuery, type QueryCtx } from "./_generated/server.js";
import { type ApiSession, apiSession, vApiSession } from "./model/openSync/apiSession.ts";
import { readDown } from "./model/reading.ts";
import { findSession } from "./model/sessions.ts";

/** Sessions looked at in one query. */
const SESSIONS_PER_QUERY = 1000;
/** Rows of entries read in one query: about a KB each. */
const ROWS_PER_QUERY = 1000;

/** A place in the list of sessions. */
const vPlace = v.object({ updatedAt: v.number(), creationTime: v.number() });
export type Place = Infer<typeof vPlace>;

/** Newest activity first, after the place given. With a `source` a page may hold fewer than `limit` though more follow. */
export const sessions = internalQuery({
	args: {
		userId: v.id("users"),
		source: v.union(v.string(), v.null()),
		after: v.union(vPlace, v.null()),
		limit: v.number(),
	},
	returns: v.object({ sessions: v.array(vApiSession), next: v.union(vPlace, v.null()) }),
	handler: async (ctx, { userId, source, after, limit }) => {
		const found: ApiSession[] = [];
		let looked = 0;
		let last: Place | null = null;
		for await (const session of newestFirst(ctx, userId, after)) {
			if (found.length === limit || looked === SESSIONS_PER_QUERY) return { sessions: found, next: last };
			looked += 1;
			last = { updatedAt: session.updatedAt, creationTime: session._creationTime };
			if (source === null || session.source === source) found.push(apiSession(session));
		}
		return { sessions: found, next: null };
	},
});

async function* newestFirst(
	ctx: QueryCtx,
	userId: Doc<"users">["_id"],
	after: Place | null,
): AsyncGenerator<Doc<"sessions">> {
	const table = ctx.db.query("sessions");
	if (after) {
		yield* table
			.withIndex("by_userId_removed_updatedAt", (q) =>
				q
					.eq("userId", userId)
					.eq("removed", false)
					.eq("updatedAt", after.updatedAt)
					.lt("_creationTime", after.creationTime),
			)
			.order("desc");
	}
	yield* ctx.db
		.query("sessions")
		.withIndex("by_userId_removed_updatedAt", (q) => {
			const all = q.eq("userId", userId).eq("removed", false);
			return after ? all.lt("updatedAt", after.updatedAt) : all;
		})
		.order("desc");
}

/** The user's session with this id, ours or the agent's. */
export const session = internalQuery({
	args: { userId: v.id("users"), id: v.string() },
	returns: v.union(vApiSession, v.null()),
	handler: async (ctx, { userId, id }) => {
		const row = ctx.db.normalizeId("sessions", id);
		const found = row && (await ctx.db.get(row));
		if (found && found.userId === userId && !found.removed) return apiSession(found);
		const byAgentsId = await findSession(ctx, userId, id);
		return byAgentsId && apiSession(byAgentsId);
	},
});

/** All ids of the user's sessions, in their order, after the one given. */
export const sessionIds = internalQuery({
	args: { userId: v.id("users"), after: v.union(v.string(), v.null()) },
	returns: v.object({ ids: v.array(v.string()), next: v.union(v.string(), v.null()) }),
	handler: async (ctx, { userId, after }) => {
		const rows = await inOrderOfIds(ctx, userId, after);
		const ids = rows.map(({ sessionId }) => sessionId);
		return { ids, next: nextAfter(ids) };
	},
});

const vUse = v.object({
	model: v.string(),
	tokens: v.number(),
	cost: v.number(),
	durationMs: v.number(),
	messages: v.number(),
	sessions: v.number(),
});
export type ModelUse = Infer<typeof vUse>;

/** What sessions used by model, some sessions at a time. */
export const uses = internalQuery({
	args: { userId: v.id("users"), after: v.union(v.string(), v.null()) },
	returns: v.object({ uses: v.array(vUse), next: v.union(v.string(), v.null()) }),
	handler: async (ctx, { userId, after }) => {
		const rows = await inOrderOfIds(ctx, userId, after);
		return {
			uses: rows.map(apiSession).map((one) => ({
				model: one.model ?? "unknown",
				tokens: one.totalTokens,
				cost: one.cost,
				durationMs: one.durationMs ?? 0,
				messages: one.messageCount,
				sessions: 1,
			})),
			next: nextAfter(rows.map(({ sessionId }) => sessionId)),
		};
	},
});

async function inOrderOfIds(
	ctx: QueryCtx,
	userId: Doc<"users">["_id"],
	after: string | null,
): Promise<Doc<"sessions">[]> {
	return await ctx.db
		.query("sessions")
		.withIndex("by_userId_removed_sessionId", (q) => {
			const all = q.eq("userId", userId).eq("removed", false);
			return after === null ? all : all.gt("sessionId", after);
		})
		.take(SESSIONS_PER_QUERY);
}

const nextAfter = (ids: readonly string[]): string | null =>
	ids.length === SESSIONS_PER_QUERY ? (ids.at(-1) ?? null) : null;

/** Where the text of an entry is, and what its place among the messages depends on. */
const vKey = v.object({
	id: v.id("entries"),
	/** As a hosted OpenSync would know it. */
	externalId: v.string(),
	entryId: v.string(),
	type: v.string(),
	timestamp: v.number(),
	bytes: v.number(),
	file: v.union(v.id("_storage"), v.null()),
});
export type EntryKey = Infer<typeof vKey>;

/** Entries of a session with the part that it shares, last first, below the entry given. */
export const keys = internalQuery({
	args: { session: v.id("sessions"), after: v.union(v.string(), v.null()) },
	returns: v.object({ keys: v.array(vKey), next: v.union(v.string(), v.null()) }),
	handler: async (ctx, { session: id, after }) => {
		const session = await ctx.db.get(id);
		if (!session || session.removed) return { keys: [], next: null };
		const rows = await readDown(ctx, session, after, ROWS_PER_QUERY);
		return {
			keys: rows.map(({ session: owner, entry }) => ({
				id: entry._id,
				externalId: owner.openSync ? entry.entryId : `pi:${owner.sessionId}:${entry.entryId}`,
				entryId: entry.entryId,
				type: entry.type,
				timestamp: entry.timestamp,
				bytes: entry.bytes,
				file: entry.body.kind === "stored" ? entry.body.storageId : null,
			})),
			next: rows.length === ROWS_PER_QUERY ? (rows.at(-1)?.entry.entryId ?? null) : null,
		};
	},
});

/** Texts of entries that are no files; null for one that has gone. Ask for some MB at most. */
export const texts = internalQuery({
	args: { ids: v.array(v.id("entries")) },
	returns: v.array(v.union(v.string(), v.null())),
	handler: async (ctx, { ids }) =>
		await Promise.all(
			ids.map(async (id) => {
				const entry = await ctx.db.get(id);
				if (entry?.body.kind !== "inline") return null;
				return (await ctx.db.get(entry.body.id))?.json ?? null;
			}),
		),
});

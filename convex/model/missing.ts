/**
 * Which entries a session lacks. Convex lets one query read 32,000 rows or 4,096 ranges of an index, so
 * many ids are answered by reading the rows in between, few by asking for each. What goes beyond both is
 * said to be missing: the client sends it again, and appending is idempotent (E1).
 */
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";
import { holds, type Segment, sharedSegments } from "./lineage.ts";
import { ownEntry } from "./sessions.ts";

type Db = Pick<QueryCtx, "db">;

/** From this many ids on reading all rows is worth it. */
const SCAN_FROM_IDS = 400;
/** Rows read at most that way: some 600 bytes each, under the limit of 16 MiB. */
const SCAN_MAX_ROWS = 15_000;
/** Ids asked for one by one at most, for the session and its ancestors together. */
const MAX_LOOKUPS = 3_000;

export async function idsNotHeld(
	ctx: Db,
	session: Doc<"sessions">,
	entryIds: readonly string[],
): Promise<string[]> {
	const asked = [...new Set(entryIds)];
	const rest = await withoutOwn(ctx, session, asked);
	if (rest.length === 0) return [];
	return await withoutShared(ctx, await sharedSegments(ctx, session), rest);
}

async function withoutOwn(ctx: Db, session: Doc<"sessions">, ids: string[]): Promise<string[]> {
	const rows = session.lastSeq - session.firstSeq + 1;
	if (rows <= 0) return ids;
	if (ids.length < SCAN_FROM_IDS || rows > SCAN_MAX_ROWS) {
		return await lookedUp(ids, async (id) => (await ownEntry(ctx, session, id)) !== null);
	}
	const left = new Set(ids);
	const range = ctx.db
		.query("entries")
		.withIndex("by_session_seq", (q) => q.eq("session", session._id).gte("seq", session.firstSeq));
	for await (const entry of range) left.delete(entry.entryId);
	return [...left];
}

async function withoutShared(ctx: Db, segments: readonly Segment[], ids: string[]): Promise<string[]> {
	if (segments.length === 0) return ids;
	const owners = [...new Map(segments.map(({ session }) => [session._id, session])).values()];
	if (ids.length * owners.length < SCAN_FROM_IDS) {
		return await lookedUp(ids, async (id) => {
			for (const owner of owners) {
				const entry = await ownEntry(ctx, owner, id);
				if (entry && segments.some((segment) => holds(segment, entry))) return true;
			}
			return false;
		});
	}
	const left = new Set(ids);
	let budget = SCAN_MAX_ROWS;
	for (const { session, chain, upTo } of segments) {
		const range = ctx.db
			.query("entries")
			.withIndex("by_session_chain_seq", (q) =>
				q.eq("session", session._id).eq("chain", chain).lte("seq", upTo),
			);
		for await (const entry of range) {
			left.delete(entry.entryId);
			if (--budget <= 0) return [...left];
		}
		if (left.size === 0) break;
	}
	return [...left];
}

/** The ids that are not there, in order; those beyond the limit unasked. */
async function lookedUp(
	ids: readonly string[],
	isThere: (id: string) => Promise<boolean>,
): Promise<string[]> {
	const found = await Promise.all(ids.slice(0, MAX_LOOKUPS).map(isThere));
	return ids.filter((_, index) => found[index] !== true);
}

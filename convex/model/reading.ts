/** Reading a session downwards: its own entries newest first, then the way that it shares with its ancestors. */
import { refusal } from "../../src/protocol/errors.ts";
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";
import { placeOn, type Segment, sharedSegments } from "./lineage.ts";
import { ownEntry } from "./sessions.ts";

type Db = Pick<QueryCtx, "db">;

/** An entry and the session that owns it. */
export type Row = { session: Doc<"sessions">; entry: Doc<"entries"> };

/**
 * At most `count` rows below the entry `after`, or from the top. The place is named by an entry and not
 * by a seq, so that it stays right when a removed ancestor's entries change hands between two pages.
 */
export async function readDown(
	ctx: Db,
	session: Doc<"sessions">,
	after: string | null,
	count: number,
): Promise<Row[]> {
	const own = after === null ? null : await ownEntry(ctx, session, after);
	const inOwn = after === null || own !== null;
	const rows = inOwn ? await ownBelow(ctx, session, own?.seq ?? null, count) : [];
	if (rows.length >= count) return rows;
	const segments = await sharedSegments(ctx, session);
	const rest = inOwn ? segments : await segmentsBelow(ctx, segments, after);
	for (const segment of rest) {
		if (rows.length >= count) break;
		rows.push(...(await segmentRows(ctx, segment, count - rows.length)));
	}
	return rows;
}

async function ownBelow(
	ctx: Db,
	session: Doc<"sessions">,
	below: number | null,
	count: number,
): Promise<Row[]> {
	const to = below ?? session.lastSeq + 1;
	const entries = await ctx.db
		.query("entries")
		.withIndex("by_session_seq", (q) =>
			q.eq("session", session._id).gte("seq", session.firstSeq).lt("seq", to),
		)
		.order("desc")
		.take(count);
	return entries.map((entry) => ({ session, entry }));
}

async function segmentsBelow(ctx: Db, segments: readonly Segment[], after: string): Promise<Segment[]> {
	const place = await placeOn(ctx, segments, after);
	if (!place) throw refusal("invalid", `The cursor ${after} names no entry of this session.`);
	const segment = segments[place.index] as Segment;
	return [{ ...segment, upTo: place.entry.seq - 1 }, ...segments.slice(place.index + 1)];
}

async function segmentRows(ctx: Db, { session, chain, upTo }: Segment, count: number): Promise<Row[]> {
	const entries = await ctx.db
		.query("entries")
		.withIndex("by_session_chain_seq", (q) =>
			q.eq("session", session._id).eq("chain", chain).lte("seq", upTo),
		)
		.order("desc")
		.take(count);
	return entries.map((entry) => ({ session, entry }));
}

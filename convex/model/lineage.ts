/**
 * What a fork shares with its ancestors (F1).
 *
 * A fork keeps only its own entries; what it shares is the way from the last shared entry up to the
 * root, through its parent and perhaps on through the parent's parent. That way is a list of segments,
 * newest first, each the front part of one chain of one session. Finding it costs two reads a branching,
 * however long the session is, and none of the ancestors' later entries touches what was read.
 */
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";
import { ownEntry } from "./sessions.ts";

type Db = Pick<QueryCtx, "db">;

/** Entries of `session` in `chain` up to seq `upTo`. */
export type Segment = { session: Doc<"sessions">; chain: number; upTo: number };

/** Forks of forks beyond this are cut off: it bounds the reads of one query and ends a circle of lineages. */
const MAX_GENERATIONS = 64;
/** Branchings on one way within one session; bounds the reads likewise. */
const MAX_SEGMENTS = 1000;

/** The segments a session shares with its ancestors; none when it is no fork or its parent is not known. */
export async function sharedSegments(ctx: Db, session: Doc<"sessions">, generation = 0): Promise<Segment[]> {
	const forkEntryId = session.lineage?.forkEntryId;
	if (!session.parentRef || !forkEntryId || generation >= MAX_GENERATIONS) return [];
	// Stored before the lineage was known: then the session holds the shared part itself.
	if (await ownEntry(ctx, session, forkEntryId)) return [];
	const parent = await ctx.db.get(session.parentRef);
	if (!parent) return [];
	const within = await segmentsWithin(ctx, parent, forkEntryId);
	if (within.exitId === null) return within.segments;
	const beyond = await sharedSegments(ctx, parent, generation + 1);
	return [...within.segments, ...(await segmentsUpTo(ctx, beyond, within.exitId))];
}

/** The way from an entry up, as far as it lies in the session's own entries. `exitId` is the first entry beyond, if any. */
export async function segmentsWithin(
	ctx: Db,
	session: Doc<"sessions">,
	entryId: string,
): Promise<{ segments: Segment[]; exitId: string | null }> {
	const segments: Segment[] = [];
	let next: string | null = entryId;
	while (next !== null && segments.length < MAX_SEGMENTS) {
		const entry: Doc<"entries"> | null = await ownEntry(ctx, session, next);
		if (!entry) return { segments, exitId: next };
		segments.push({ session, chain: entry.chain, upTo: entry.seq });
		next = (await chainStart(ctx, session, entry.chain))?.parentId ?? null;
	}
	return { segments, exitId: null };
}

export async function chainStart(
	ctx: Db,
	session: Doc<"sessions">,
	chain: number,
): Promise<Doc<"entries"> | null> {
	return await ctx.db
		.query("entries")
		.withIndex("by_session_chain_seq", (q) => q.eq("session", session._id).eq("chain", chain))
		.first();
}

/** The part of a way from `entryId` on up; empty when the entry is not on it. */
export async function segmentsUpTo(
	ctx: Db,
	segments: readonly Segment[],
	entryId: string,
): Promise<Segment[]> {
	const place = await placeOn(ctx, segments, entryId);
	if (!place) return [];
	const first = segments[place.index] as Segment;
	return [{ ...first, upTo: place.entry.seq }, ...segments.slice(place.index + 1)];
}

/** Where an entry lies on a way; null when it does not. */
export async function placeOn(
	ctx: Db,
	segments: readonly Segment[],
	entryId: string,
): Promise<{ index: number; entry: Doc<"entries"> } | null> {
	const owners = new Map(segments.map((segment) => [segment.session._id, segment.session]));
	for (const owner of owners.values()) {
		const entry = await ownEntry(ctx, owner, entryId);
		if (!entry) continue;
		const index = segments.findIndex((segment) => holds(segment, entry));
		if (index >= 0) return { index, entry };
	}
	return null;
}

export function holds(segment: Segment, entry: Doc<"entries">): boolean {
	return segment.session._id === entry.session && segment.chain === entry.chain && entry.seq <= segment.upTo;
}

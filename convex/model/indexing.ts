/**
 * Bringing a session's entries into `passages`, a batch at a time, from a cursor on.
 *
 * Appending only makes sure that a job is scheduled, and reads one row for that; a job takes what has
 * gathered by then. Two jobs for one session do no harm: the cursor's row decides. Entries above the cursor
 * have no passages, so that a job need not look for any. Texts that are files are read by an action of
 * their own. The cursor's row is all that appends and jobs contend for; on Convex the one that comes second
 * runs again.
 */
import { internal } from "../_generated/api.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx } from "../_generated/server.js";
import { addPassages, cursorOf, writePassagesOfFile } from "./passages.ts";

type Session = Pick<Doc<"sessions">, "_id" | "firstSeq">;

/** Long enough that a burst is one job, short enough to find soon what was just said. */
const DELAY_MS = 250;
/** An import of some sessions should be over before it is indexed. */
const IMPORTED_DELAY_MS = 2000;
/** Of one job: it should not keep a push waiting that comes meanwhile. */
const ENTRIES_PER_JOB = 100;
const BYTES_PER_JOB = 256 * 1024;

/** To be called with every append of new entries. Old ones that are brought in have time. */
export async function scheduleIndexing(ctx: MutationCtx, session: Session, imported = false): Promise<void> {
	const cursor = await cursorOf(ctx, session._id);
	if (cursor?.scheduled) return;
	if (cursor) await ctx.db.patch(cursor._id, { scheduled: true });
	else
		await ctx.db.insert("searchCursors", {
			session: session._id,
			upTo: session.firstSeq - 1,
			scheduled: true,
		});
	const delay = imported ? IMPORTED_DELAY_MS : DELAY_MS;
	await ctx.scheduler.runAfter(delay, internal.passages.index, { session: session._id });
}

/** To be called when the session's source has become another one, which its passages hold too. */
export async function scheduleSourceChange(ctx: MutationCtx, { _id: session }: Session): Promise<void> {
	await ctx.scheduler.runAfter(DELAY_MS, internal.passages.takeSource, { session, after: null });
}

/** Indexes the next entries of the session, if there are any; true when there are more. */
export async function indexNext(ctx: MutationCtx, session: Doc<"sessions">): Promise<boolean> {
	const cursor = await cursorOf(ctx, session._id);
	const from = cursor?.upTo ?? session.firstSeq - 1;
	const entries: Doc<"entries">[] = [];
	let bytes = 0;
	let more = false;
	const range = ctx.db
		.query("entries")
		.withIndex("by_session_seq", (q) => q.eq("session", session._id).gt("seq", from));
	for await (const entry of range) {
		bytes += entry.body.kind === "inline" ? entry.bytes : 0;
		more = entries.length >= ENTRIES_PER_JOB || (bytes > BYTES_PER_JOB && entries.length > 0);
		if (more) break;
		entries.push(entry);
	}
	for (const entry of entries) await indexEntry(ctx, session, entry);
	const place = { upTo: entries.at(-1)?.seq ?? from, scheduled: more };
	if (!cursor) await ctx.db.insert("searchCursors", { session: session._id, ...place });
	else if (cursor.upTo !== place.upTo || cursor.scheduled !== more) await ctx.db.patch(cursor._id, place);
	return more;
}

async function indexEntry(ctx: MutationCtx, session: Doc<"sessions">, entry: Doc<"entries">): Promise<void> {
	if (entry.body.kind === "stored") {
		await writePassagesOfFile(ctx, entry._id);
		return;
	}
	const body = await ctx.db.get(entry.body.id);
	if (body) await addPassages(ctx, session, entry, body.json);
}

/** True when entries of the session wait to be indexed. */
export async function isBehind(ctx: Pick<MutationCtx, "db">, session: Doc<"sessions">): Promise<boolean> {
	const upTo = (await cursorOf(ctx, session._id))?.upTo ?? session.firstSeq - 1;
	return upTo < session.lastSeq;
}

/** Before a session is handed entries that are indexed already: they come to stand below its cursor. */
export async function needCursor(ctx: MutationCtx, { _id: session, firstSeq }: Session): Promise<void> {
	if (await cursorOf(ctx, session)) return;
	await ctx.db.insert("searchCursors", { session, upTo: firstSeq - 1, scheduled: false });
}

export async function deleteCursor(ctx: MutationCtx, session: Id<"sessions">): Promise<void> {
	const cursor = await cursorOf(ctx, session);
	if (cursor) await ctx.db.delete(cursor._id);
}

/** Passages of one entry, and those of a session's name. Writing them again replaces those that stand. */
import type { WithoutSystemFields } from "convex/server";
import { internal } from "../_generated/api.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx } from "../_generated/server.js";
import { utf8Bytes } from "./checks.ts";
import { type Passage, passagesOf } from "./passageText.ts";

/** Under this id, which no entry has, stands the name of a session that no entry tells. */
export const NAME_ENTRY_ID = "";

/** Rows deleted in one go. */
const DELETED_MOST = 400;

type Entry = Pick<Doc<"entries">, "entryId" | "type" | "timestamp">;
type Session = Pick<Doc<"sessions">, "_id" | "userId" | "source">;

/**
 * For an entry whose text was replaced: its passages become those of this line, whatever they were. Does
 * nothing when it is not indexed yet, for then its turn comes. `json` is at most what fits into a row.
 */
export async function writePassages(
	ctx: MutationCtx,
	session: Session,
	entry: Entry & Pick<Doc<"entries">, "seq">,
	json: string,
): Promise<void> {
	const cursor = await cursorOf(ctx, session._id);
	if (!cursor || entry.seq > cursor.upTo) return;
	await replacePassages(ctx, session, entry, passagesOf(json, entry.type));
}

/** For an entry that has none so far. */
export async function addPassages(
	ctx: MutationCtx,
	{ _id: session, userId, source }: Session,
	{ entryId, type, timestamp }: Entry,
	json: string,
): Promise<void> {
	for (const [part, { kind, text }] of passagesOf(json, type).entries()) {
		await ctx.db.insert("passages", {
			...{ userId, session, entryId, part, kind, source, timestamp, text },
		});
	}
}

/** For an entry whose text is a file, be it new or replaced: it is read soon after. */
export async function writePassagesOfFile(ctx: MutationCtx, entry: Id<"entries">): Promise<void> {
	await ctx.scheduler.runAfter(0, internal.passages.readFile, { entry });
}

/** The name of a session of another agent, as a passage; null or empty for none. */
export async function writeNamePassage(
	ctx: MutationCtx,
	session: Session,
	{ name, timestamp }: { name: string | null; timestamp: number },
): Promise<void> {
	const entry = { entryId: NAME_ENTRY_ID, timestamp };
	await replacePassages(ctx, session, entry, name ? [{ kind: "title", text: name }] : []);
}

/** The entry's passages become these. What stays as it was is not written. */
export async function replacePassages(
	ctx: MutationCtx,
	{ _id: session, userId, source }: Session,
	{ entryId, timestamp }: Pick<Entry, "entryId" | "timestamp">,
	passages: readonly Passage[],
): Promise<void> {
	const before = await passagesOfEntry(ctx, session, entryId);
	for (const [part, { kind, text }] of passages.entries()) {
		const now: WithoutSystemFields<Doc<"passages">> = {
			...{ userId, session, entryId, part, kind, source, timestamp, text },
		};
		const row = before[part];
		if (!row) await ctx.db.insert("passages", now);
		else if (
			row.text !== text ||
			row.kind !== kind ||
			row.source !== source ||
			row.timestamp !== timestamp ||
			row.part !== part
		) {
			await ctx.db.replace(row._id, now);
		}
	}
	for (const row of before.slice(passages.length)) await ctx.db.delete(row._id);
}

/**
 * The passages of an entry go to the session that its row was copied to. Tells how many bytes of text that
 * were. A file that is just being read for the old row is read again for the new one.
 */
export async function handPassages(
	ctx: MutationCtx,
	entry: Doc<"entries">,
	{ heir, copyId }: { heir: Session; copyId: Id<"entries"> },
): Promise<number> {
	const rows = await passagesOfEntry(ctx, entry.session, entry.entryId);
	// A copy of its own under the same id is searched there already.
	const [own] = await passagesOfEntry(ctx, heir._id, entry.entryId);
	for (const { _id } of rows) {
		if (own) await ctx.db.delete(_id);
		else await ctx.db.patch(_id, { session: heir._id, source: heir.source });
	}
	if (entry.body.kind === "stored" && rows.length === 0) await writePassagesOfFile(ctx, copyId);
	return rows.reduce((bytes, { text }) => bytes + utf8Bytes(text), 0);
}

/** Deletes a session's passages up to so many bytes of text; true while there may be more. */
export async function deletePassages(
	ctx: MutationCtx,
	session: Id<"sessions">,
	maxBytes: number,
): Promise<boolean> {
	const range = ctx.db
		.query("passages")
		.withIndex("by_session_entryId_part", (q) => q.eq("session", session));
	const rows: Doc<"passages">[] = [];
	let bytes = 0;
	for await (const row of range) {
		rows.push(row);
		bytes += utf8Bytes(row.text);
		if (rows.length >= DELETED_MOST || bytes >= maxBytes) break;
	}
	for (const row of rows) await ctx.db.delete(row._id);
	return rows.length > 0;
}

/** In the order of their parts. */
export async function passagesOfEntry(
	ctx: Pick<MutationCtx, "db">,
	session: Id<"sessions">,
	entryId: string,
): Promise<Doc<"passages">[]> {
	return await ctx.db
		.query("passages")
		.withIndex("by_session_entryId_part", (q) => q.eq("session", session).eq("entryId", entryId))
		.collect();
}

/** How far the session's entries are in `passages`; null before the first. */
export async function cursorOf(
	ctx: Pick<MutationCtx, "db">,
	session: Id<"sessions">,
): Promise<Doc<"searchCursors"> | null> {
	return await ctx.db
		.query("searchCursors")
		.withIndex("by_session", (q) => q.eq("session", session))
		.first();
}

/** The jobs that bring entries into full-text search: see `model/indexing.ts`. */
import { type Infer, v } from "convex/values";
import { vPassageKind } from "../src/protocol/search.ts";
import { internal } from "./_generated/api.js";
import type { Doc } from "./_generated/dataModel.js";
import { internalAction, internalMutation, internalQuery, type MutationCtx } from "./_generated/server.js";
import { indexNext, isBehind } from "./model/indexing.ts";
import { replacePassages, writePassages } from "./model/passages.ts";
import { passagesOf } from "./model/passageText.ts";

/** Bytes of a file that are read for its text. What is longer is not a text that somebody reads. */
const FILE_MAX_BYTES = 32 * 1024 * 1024;
/** Sessions that one step of a sweep looks at. */
const SESSIONS_PER_STEP = 100;
const PASSAGES_PER_STEP = 100;

/** One batch of a session, and on while there is more. */
export const index = internalMutation({
	args: { session: v.id("sessions") },
	returns: v.null(),
	handler: async (ctx, args) => {
		const session = await ctx.db.get(args.session);
		// A removal sees to what it still needs.
		if (!session || session.removed) return null;
		if (await indexNext(ctx, session)) await ctx.scheduler.runAfter(0, internal.passages.index, args);
		return null;
	},
});

/**
 * Finds sessions that are behind, oldest first, and indexes them one batch a step: those of databases from
 * before there was a search, and those whose job was lost. `after` is the creation time of the last session
 * that is done.
 */
export const sweep = internalMutation({
	args: { after: v.optional(v.number()) },
	returns: v.null(),
	handler: async (ctx, { after = 0 }) => {
		let looked = 0;
		let done = after;
		const range = ctx.db.query("sessions").withIndex("by_creation_time", (q) => q.gt("_creationTime", after));
		for await (const session of range) {
			const worked = await indexIfBehind(ctx, session);
			if (worked !== "more") done = session._creationTime;
			looked += 1;
			if (worked === "nothing" && looked < SESSIONS_PER_STEP) continue;
			await ctx.scheduler.runAfter(0, internal.passages.sweep, { after: done });
			break;
		}
		return null;
	},
});

async function indexIfBehind(
	ctx: MutationCtx,
	session: Doc<"sessions">,
): Promise<"nothing" | "done" | "more"> {
	if (session.removed || !(await isBehind(ctx, session))) return "nothing";
	return (await indexNext(ctx, session)) ? "more" : "done";
}

/** Passages follow the source of their session, entry by entry from the one after `after` on. */
export const takeSource = internalMutation({
	args: { session: v.id("sessions"), after: v.union(v.string(), v.null()) },
	returns: v.null(),
	handler: async (ctx, { session: id, after }) => {
		const session = await ctx.db.get(id);
		if (!session) return null;
		const range = ctx.db.query("passages").withIndex("by_session_entryId_part", (q) => {
			const ofSession = q.eq("session", id);
			return after === null ? ofSession : ofSession.gt("entryId", after);
		});
		let last: string | null = null;
		let rows = 0;
		for await (const { _id, entryId, source } of range) {
			if (rows >= PASSAGES_PER_STEP && entryId !== last) {
				await ctx.scheduler.runAfter(0, internal.passages.takeSource, { session: id, after: last });
				return null;
			}
			last = entryId;
			rows += 1;
			if (source !== session.source) await ctx.db.patch(_id, { source: session.source });
		}
		return null;
	},
});

/** Passages of an entry whose text was replaced, from what stands by now. */
export const rewrite = internalMutation({
	args: { entry: v.id("entries") },
	returns: v.null(),
	handler: async (ctx, { entry: id }) => {
		const entry = await ctx.db.get(id);
		const session = entry && (await ctx.db.get(entry.session));
		const body = entry?.body.kind === "inline" ? await ctx.db.get(entry.body.id) : null;
		if (session && body) await writePassages(ctx, session, entry, body.json);
		return null;
	},
});

/** Passages of an entry whose text is a file. */
export const readFile = internalAction({
	args: { entry: v.id("entries") },
	returns: v.null(),
	handler: async (ctx, { entry }) => {
		const found: FileOfEntry | null = await ctx.runQuery(internal.passages.fileOf, { entry });
		const file = found && (await ctx.storage.get(found.storageId));
		if (!file || file.size > FILE_MAX_BYTES) return null;
		const passages = passagesOf(await file.text(), found.type);
		const { storageId } = found;
		await ctx.runMutation(internal.passages.writeOfFile, { entry, storageId, passages });
		return null;
	},
});

const vFileOfEntry = v.object({ storageId: v.id("_storage"), type: v.string() });
type FileOfEntry = Infer<typeof vFileOfEntry>;

/** Where the entry's text is, when it is a file. */
export const fileOf = internalQuery({
	args: { entry: v.id("entries") },
	returns: v.union(vFileOfEntry, v.null()),
	handler: async (ctx, args): Promise<FileOfEntry | null> => {
		const entry = await ctx.db.get(args.entry);
		return entry?.body.kind === "stored" ? { storageId: entry.body.storageId, type: entry.type } : null;
	},
});

/** Writes nothing when the entry has gone or holds another text by now. */
export const writeOfFile = internalMutation({
	args: {
		entry: v.id("entries"),
		storageId: v.id("_storage"),
		passages: v.array(v.object({ kind: vPassageKind, text: v.string() })),
	},
	returns: v.null(),
	handler: async (ctx, { entry: id, storageId, passages }) => {
		const entry = await ctx.db.get(id);
		const isSame = entry?.body.kind === "stored" && entry.body.storageId === storageId;
		if (!entry || !isSame || entry.handed) return null;
		const session = await ctx.db.get(entry.session);
		if (session) await replacePassages(ctx, session, entry, passages);
		return null;
	},
});

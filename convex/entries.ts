/**
 * Entries: the record of a session, one row each, never changed (E1 to E4). Reading a fork goes on into
 * its ancestors along the way that it shares with them (F1).
 */
import { v } from "convex/values";
import { type Appended, vAppend, vAppended, vEntryPage, vEntryView } from "../src/protocol/entry.ts";
import { refusal } from "../src/protocol/errors.ts";
import { PAGE_MAX_ENTRIES } from "../src/protocol/limits.ts";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx } from "./_generated/server.js";
import { readOrWriteQuery, readQuery, writeMutation } from "./access.ts";
import { type AppendOutcome, appendEntries } from "./model/append.ts";
import { asTime } from "./model/checks.ts";
import { staleFor } from "./model/fence.ts";
import { scheduleIndexing } from "./model/indexing.ts";
import { placeOn, sharedSegments } from "./model/lineage.ts";
import { idsNotHeld } from "./model/missing.ts";
import { readDown } from "./model/reading.ts";
import { findSession, needSession, ownEntry } from "./model/sessions.ts";
import { settleStream } from "./model/streaming.ts";
import { derive, sum, totalsOf } from "./model/totals.ts";
import { entryView, fitting } from "./model/views.ts";

export const append = writeMutation({
	args: vAppend,
	returns: vAppended,
	handler: async (ctx, args): Promise<Appended> => {
		const session = await needSession(ctx, ctx.userId, args.sessionId);
		// Opening it puts a session of Pi's in its place.
		if (session.openSync)
			throw refusal("session_unknown", `The session ${args.sessionId} is another agent's messages so far.`);
		const outcome = await appendEntries(ctx, session, args.entries);
		const changed = {
			...afterAppend(session, outcome),
			...updatedAt(session, outcome, args.imported === true),
		};
		const stale = await staleFor(ctx, session, args.epoch);
		const live = stale === null;
		if (live && args.leafId !== undefined && args.leafId !== session.leafId) changed.leafId = args.leafId;
		if (Object.keys(changed).length > 0) await ctx.db.patch(session._id, changed);
		if (live && args.settles) await settleStream(ctx, session, args.settles);
		if (outcome.added.length > 0) await scheduleIndexing(ctx, session, args.imported === true);
		return {
			added: outcome.added.length,
			lastSeq: outcome.lastSeq,
			entryCount: changed.entryCount ?? session.entryCount,
			...(outcome.conflicts.length > 0 ? { conflicts: outcome.conflicts } : {}),
			...(live ? {} : { staleEpoch: stale }),
		};
	},
});

type SessionPatch = Partial<Omit<Doc<"sessions">, "_id" | "_creationTime">>;

function afterAppend(
	session: Doc<"sessions">,
	{ added, lastSeq, lastEntryId, lastChain }: AppendOutcome,
): SessionPatch {
	if (added.length === 0) return {};
	const { tokens, cost, entryCount, messageCount, toolCallCount } = session;
	const { name, firstPrompt, model, provider, thinkingLevel } = session;
	let totals = { tokens, cost, entryCount, messageCount, toolCallCount };
	let derived = { name, firstPrompt, model, provider, thinkingLevel };
	for (const { push, columns, copied } of added) {
		const counted = { type: push.type, columns, copied };
		totals = sum(totals, totalsOf(counted));
		derived = derive(derived, counted);
	}
	return { ...totals, ...derived, lastSeq, lastEntryId, lastChain };
}

/** Imported entries move a session only to the time at which they were made. */
function updatedAt(session: Doc<"sessions">, { added }: AppendOutcome, imported: boolean): SessionPatch {
	if (added.length === 0) return {};
	if (!imported) return { updatedAt: Date.now() };
	return { updatedAt: Math.max(session.updatedAt, ...added.map(({ push }) => asTime(push.timestamp))) };
}

/** Of these ids (at most 5,000), those that the session does not hold, the part it shares included. */
export const missing = readOrWriteQuery({
	args: { sessionId: v.string(), entryIds: v.array(v.string()) },
	returns: v.array(v.string()),
	handler: async (ctx, { sessionId, entryIds }) => {
		if (entryIds.length > MISSING_MAX_IDS) {
			throw refusal(
				"too_large",
				`The question is about ${entryIds.length} entries, and ${MISSING_MAX_IDS} are allowed.`,
			);
		}
		const session = await findSession(ctx, ctx.userId, sessionId);
		return session ? await idsNotHeld(ctx, session, entryIds) : entryIds;
	},
});
const MISSING_MAX_IDS = 5000;

/** Newest first by seq, then on into the ancestors. `cursor` null begins; the cursor given goes on after that page. */
export const page = readQuery({
	args: { sessionId: v.string(), cursor: v.union(v.string(), v.null()), limit: v.number() },
	returns: vEntryPage,
	handler: async (ctx, { sessionId, cursor, limit }) => {
		const session = await findSession(ctx, ctx.userId, sessionId);
		if (!session) return { entries: [], cursor: null };
		// One more than wanted tells whether anything follows.
		const wanted = pageSize(limit);
		const rows = await readDown(ctx, session, cursor, wanted + 1);
		const shown = fitting(rows.slice(0, wanted));
		const last = shown.at(-1);
		return {
			entries: await Promise.all(
				shown.map(({ session: owner, entry }) => entryView(ctx, owner.sessionId, entry)),
			),
			cursor: last && shown.length < rows.length ? last.entry.entryId : null,
		};
	},
});

/** Own entries after a seq, oldest first: what a live reader subscribes to. */
export const tail = readQuery({
	args: { sessionId: v.string(), afterSeq: v.number(), limit: v.number() },
	returns: v.array(vEntryView),
	handler: async (ctx, { sessionId, afterSeq, limit }) => {
		const session = await findSession(ctx, ctx.userId, sessionId);
		if (!session) return [];
		const from = Math.max(afterSeq, session.firstSeq - 1);
		const rows = await ctx.db
			.query("entries")
			.withIndex("by_session_seq", (q) => q.eq("session", session._id).gt("seq", from))
			.take(pageSize(limit));
		const shown = fitting(rows.map((entry) => ({ entry })));
		return await Promise.all(shown.map(({ entry }) => entryView(ctx, sessionId, entry)));
	},
});

/** One entry, also of the part that a fork shares; null when there is none. */
export const get = readQuery({
	args: { sessionId: v.string(), entryId: v.string() },
	returns: v.union(vEntryView, v.null()),
	handler: async (ctx, { sessionId, entryId }) => {
		const session = await findSession(ctx, ctx.userId, sessionId);
		if (!session) return null;
		const own = await ownEntry(ctx, session, entryId);
		if (own) return await entryView(ctx, sessionId, own);
		const segments = await sharedSegments(ctx, session);
		const place = await placeOn(ctx, segments, entryId);
		const owner = place && segments[place.index]?.session;
		return owner ? await entryView(ctx, owner.sessionId, place.entry) : null;
	},
});

/** Where to upload the text of an entry that is too large for a row; the answer's `storageId` goes into its push. */
export const uploadUrl = writeMutation({
	args: {},
	returns: v.string(),
	handler: async (ctx: Pick<MutationCtx, "storage">) => await ctx.storage.generateUploadUrl(),
});

function pageSize(limit: number): number {
	if (!Number.isInteger(limit) || limit < 1)
		throw refusal("invalid", `A page of ${limit} entries cannot be.`);
	return Math.min(limit, PAGE_MAX_ENTRIES);
}

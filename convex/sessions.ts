/** Sessions: opened by whoever has the session file, listed by everybody, removed on request. */
import { paginationOptsValidator, paginationResultValidator } from "convex/server";
import { v } from "convex/values";
import { refusal } from "../src/protocol/errors.ts";
import {
	type Lineage,
	type Opened,
	type OpenSession,
	vLive,
	vOpened,
	vOpenSession,
	vSessionView,
	vUpdateSession,
} from "../src/protocol/session.ts";
import { type Attachable, vAttachable } from "../src/protocol/turn-lock.ts";
import { internal } from "./_generated/api.js";
import type { Doc, Id } from "./_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "./_generated/server.js";
import { controlMutation, readQuery, writeMutation } from "./access.ts";
import { deleteQuestions } from "./model/asking.ts";
import { asName, asTime, checked } from "./model/checks.ts";
import { lockOf, needEpoch } from "./model/fence.ts";
import { derivedFromShared } from "./model/inherit.ts";
import { presentAt } from "./model/present.ts";
import { deletePrompts } from "./model/prompting.ts";
import { EMPTY_SESSION, findSession, needSession, sessionView } from "./model/sessions.ts";
import { endStream, streamsOf } from "./model/streaming.ts";

/** The first line of a session file is short; this only keeps lists from carrying something else. */
const HEADER_MAX_CHARS = 16 * 1024;
/** Ancestors and children shown at most. */
const FAMILY_MAX = 100;
const ATTACHABLE_MAX = 100;

/** Makes the session, or adds what is newly known; what is known is never lowered or emptied. */
export const open = writeMutation({
	args: vOpenSession,
	returns: vOpened,
	handler: async (ctx, args): Promise<Opened> => {
		checked("id", "session id", args.sessionId);
		if ((args.header?.length ?? 0) > HEADER_MAX_CHARS) {
			throw refusal("too_large", `The session's first line has more than ${HEADER_MAX_CHARS} characters.`);
		}
		const known = await findSession(ctx, ctx.userId, args.sessionId);
		if (known?.openSync) {
			// The session file has everything, and what was posted of it would stand beside it.
			await removeSession(ctx, known);
		} else if (known) {
			await bringUpToDate(ctx, known, args);
			const { lastSeq, lastEntryId, entryCount, leafId } = known;
			return { lastSeq, lastEntryId, entryCount, leafId };
		}
		const id = await insertSession(ctx, ctx.userId, args);
		await takeInForks(ctx, ctx.userId, id, args.sessionId);
		return { lastSeq: 0, lastEntryId: null, entryCount: 0, leafId: null };
	},
});

async function insertSession(
	ctx: MutationCtx,
	userId: Id<"users">,
	args: OpenSession,
): Promise<Id<"sessions">> {
	const id = await ctx.db.insert("sessions", {
		userId,
		sessionId: args.sessionId,
		removed: false,
		source: asName(args.source),
		header: args.header,
		projectPath: args.projectPath,
		projectName: asName(args.projectName),
		gitBranch: args.gitBranch ?? null,
		machine: asName(args.machine),
		...EMPTY_SESSION,
		startedAt: asTime(args.startedAt),
		// Only entries make a session look active: an imported one stays where it was.
		updatedAt: asTime(args.startedAt),
	});
	const session = args.lineage && (await ctx.db.get(id));
	if (session && args.lineage) await learnLineage(ctx, session, args.lineage);
	return id;
}

async function bringUpToDate(ctx: MutationCtx, known: Doc<"sessions">, args: OpenSession): Promise<void> {
	const changed: Partial<Doc<"sessions">> = {};
	const machine = asName(args.machine);
	if (machine !== "" && machine !== known.machine) changed.machine = machine;
	if (args.gitBranch && args.gitBranch !== known.gitBranch) changed.gitBranch = args.gitBranch;
	if (args.header !== null && known.header === null) changed.header = args.header;
	if (args.projectPath !== "" && known.projectPath === "") changed.projectPath = args.projectPath;
	if (args.projectName !== "" && known.projectName === "") changed.projectName = asName(args.projectName);
	if (Object.keys(changed).length > 0) await ctx.db.patch(known._id, changed);
	if (args.lineage && isNews(known, args.lineage)) await learnLineage(ctx, known, args.lineage);
}

/** A first lineage, or the entry of one that had none. What a removed parent left behind is not told again. */
function isNews(known: Doc<"sessions">, lineage: Lineage): boolean {
	if (known.adopted) return false;
	if (known.lineage === null) return true;
	const sameParent = known.lineage.parentSessionId === lineage.parentSessionId;
	return sameParent && known.lineage.forkEntryId === null && lineage.forkEntryId !== null;
}

async function learnLineage(ctx: MutationCtx, session: Doc<"sessions">, lineage: Lineage): Promise<void> {
	if (lineage.parentSessionId === session.sessionId) return;
	checked("id", "parent session id", lineage.parentSessionId);
	const found = await findSession(ctx, session.userId, lineage.parentSessionId);
	// Messages that were posted are no entries that a fork could share.
	const parent = found?.openSync ? null : found;
	const parentRef = parent?._id ?? null;
	await ctx.db.patch(session._id, { lineage, parentRef });
	if (parent)
		await ctx.db.patch(session._id, await derivedFromShared(ctx, { ...session, lineage, parentRef }));
}

/** Forks that were opened before their parent. */
async function takeInForks(
	ctx: MutationCtx,
	userId: Id<"users">,
	parentRef: Id<"sessions">,
	sessionId: string,
) {
	const forks = await ctx.db
		.query("sessions")
		.withIndex("by_userId_parentSessionId", (q) =>
			q.eq("userId", userId).eq("lineage.parentSessionId", sessionId),
		)
		.collect();
	for (const fork of forks) {
		if (fork.parentRef === null && fork._id !== parentRef) await ctx.db.patch(fork._id, { parentRef });
	}
}

/** Only the fields given change. */
export const update = writeMutation({
	args: vUpdateSession,
	returns: v.null(),
	handler: async (ctx, { sessionId, epoch, ...given }) => {
		const session = await needSession(ctx, ctx.userId, sessionId);
		await needEpoch(ctx, session, epoch);
		const changed: Partial<Doc<"sessions">> = { ...given };
		if (given.status && given.endedAt === undefined) {
			// A resumed session has no end; one that ends without saying when, ends now.
			changed.endedAt = given.status === "ended" ? (session.endedAt ?? Date.now()) : null;
		}
		await ctx.db.patch(session._id, changed);
		return null;
	},
});

/** Newest activity first. */
export const list = readQuery({
	args: { paginationOpts: paginationOptsValidator },
	returns: paginationResultValidator(vSessionView),
	handler: async (ctx, { paginationOpts }) => {
		const result = await ctx.db
			.query("sessions")
			.withIndex("by_userId_removed_updatedAt", (q) => q.eq("userId", ctx.userId).eq("removed", false))
			.order("desc")
			.paginate(paginationOpts);
		return { ...result, page: result.page.map(sessionView) };
	},
});

/** One session, or null. */
export const get = readQuery({
	args: { sessionId: v.string() },
	returns: v.union(vSessionView, v.null()),
	handler: async (ctx, { sessionId }) => {
		const session = await findSession(ctx, ctx.userId, sessionId);
		return session && sessionView(session);
	},
});

/** Where the session stands, or null. */
export const live = readQuery({
	args: { sessionId: v.string() },
	returns: v.union(vLive, v.null()),
	handler: async (ctx, { sessionId }) => {
		const session = await findSession(ctx, ctx.userId, sessionId);
		return session && { leafId: session.leafId, lastSeq: session.lastSeq, status: session.status };
	},
});

/** What a terminal may turn into a view of: sessions of Pi, newest activity first. Read once, for it depends on much. */
export const attachable = readQuery({
	args: { limit: v.number() },
	returns: v.array(vAttachable),
	handler: async (ctx, { limit }) => {
		if (!Number.isInteger(limit) || limit < 1) throw refusal("invalid", `A list of ${limit} cannot be.`);
		const sessions = await ctx.db
			.query("sessions")
			.withIndex("by_userId_removed_updatedAt", (q) => q.eq("userId", ctx.userId).eq("removed", false))
			.order("desc")
			.filter((q) => q.eq(q.field("openSync"), undefined))
			.take(Math.min(limit, ATTACHABLE_MAX));
		return await Promise.all(sessions.map((session) => attachableView(ctx, session)));
	},
});

async function attachableView(ctx: Pick<QueryCtx, "db">, session: Doc<"sessions">): Promise<Attachable> {
	const lock = await lockOf(ctx, session._id);
	const present = await presentAt(ctx, session.userId, session.sessionId);
	return {
		session: sessionView(session),
		holder: lock?.holder ?? null,
		terminals: present.filter(({ kind }) => kind === "terminal").length,
	};
}

/** Where a session comes from, nearest first, and what was forked from it. */
export const lineage = readQuery({
	args: { sessionId: v.string() },
	returns: v.object({ ancestors: v.array(vSessionView), children: v.array(vSessionView) }),
	handler: async (ctx, { sessionId }) => {
		const session = await findSession(ctx, ctx.userId, sessionId);
		if (!session) return { ancestors: [], children: [] };
		const forks = await ctx.db
			.query("sessions")
			.withIndex("by_parentRef", (q) => q.eq("parentRef", session._id))
			.take(FAMILY_MAX);
		return {
			ancestors: (await ancestorsOf(ctx, session)).map(sessionView),
			children: forks.filter((fork) => !fork.removed).map(sessionView),
		};
	},
});

async function ancestorsOf(ctx: Pick<QueryCtx, "db">, session: Doc<"sessions">): Promise<Doc<"sessions">[]> {
	const ancestors: Doc<"sessions">[] = [];
	const seen = new Set([session._id]);
	let next = session.parentRef;
	while (next && !seen.has(next) && ancestors.length < FAMILY_MAX) {
		seen.add(next);
		const ancestor: Doc<"sessions"> | null = await ctx.db.get(next);
		if (!ancestor) break;
		if (!ancestor.removed) ancestors.push(ancestor);
		next = ancestor.parentRef;
	}
	return ancestors;
}

/** First line of the session file, for an export; null when it is not known. */
export const header = readQuery({
	args: { sessionId: v.string() },
	returns: v.union(v.string(), v.null()),
	handler: async (ctx, { sessionId }) => (await findSession(ctx, ctx.userId, sessionId))?.header ?? null,
});

/** Gone at once from every list; its rows go in batches, after its forks got what they share (F3). Once is enough. */
export const remove = controlMutation({
	args: { sessionId: v.string() },
	returns: v.null(),
	handler: async (ctx, { sessionId }) => {
		const session = await findSession(ctx, ctx.userId, sessionId);
		if (session) await removeSession(ctx, session);
		return null;
	},
});

async function removeSession(ctx: MutationCtx, session: Doc<"sessions">): Promise<void> {
	const { _id, userId, sessionId } = session;
	await ctx.db.patch(_id, { removed: true });
	const streams = await streamsOf(ctx, userId, sessionId).collect();
	for (const stream of streams) await endStream(ctx, stream);
	await deleteQuestions(ctx, session);
	// What is left of them goes with the rows; a session made anew meanwhile should not show them.
	await deletePrompts(ctx, _id);
	const waiting = await ctx.db
		.query("removals")
		.withIndex("by_userId", (q) => q.eq("userId", userId))
		.first();
	await ctx.db.insert("removals", { userId, session: _id, work: { phase: "waiting" } });
	// One at a time: who is handed something must not be taken apart meanwhile.
	if (!waiting) await ctx.scheduler.runAfter(0, internal.removal.step, { userId });
}

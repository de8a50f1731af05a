/** Finding sessions and showing them. A removed session's row may still stand for its forks; nobody finds it here. */
import { refusal } from "../../src/protocol/errors.ts";
import type { SessionView } from "../../src/protocol/session.ts";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";
import { NO_TOTALS, NOTHING_DERIVED } from "./totals.ts";

/** Of a new session's row, what its first entry is yet to tell. */
export const EMPTY_SESSION = {
	...NOTHING_DERIVED,
	...NO_TOTALS,
	status: "idle" as const,
	leafId: null,
	lineage: null,
	parentRef: null,
	adopted: false,
	firstSeq: 1,
	lastSeq: 0,
	lastEntryId: null,
	lastChain: 0,
	endedAt: null,
};

/** The user's session with Pi's id, or null. */
export async function findSession(
	ctx: Pick<QueryCtx, "db">,
	userId: Id<"users">,
	sessionId: string,
): Promise<Doc<"sessions"> | null> {
	return await ctx.db
		.query("sessions")
		.withIndex("by_userId_removed_sessionId", (q) =>
			q.eq("userId", userId).eq("removed", false).eq("sessionId", sessionId),
		)
		.first();
}

/** As `findSession`; refuses when there is none. */
export async function needSession(
	ctx: Pick<QueryCtx, "db">,
	userId: Id<"users">,
	sessionId: string,
): Promise<Doc<"sessions">> {
	const session = await findSession(ctx, userId, sessionId);
	if (!session) throw refusal("session_unknown", `There is no session ${sessionId}.`);
	return session;
}

/** The session's own entry with that id, or null. What is being handed to it does not count before it is all there. */
export async function ownEntry(
	ctx: Pick<QueryCtx, "db">,
	session: Doc<"sessions">,
	entryId: string,
): Promise<Doc<"entries"> | null> {
	const rows = await ctx.db
		.query("entries")
		.withIndex("by_session_entryId", (q) => q.eq("session", session._id).eq("entryId", entryId))
		.take(2);
	return rows.find((row) => row.seq >= session.firstSeq) ?? null;
}

/** Row as lists and pages see it. */
export function sessionView(session: Doc<"sessions">): SessionView {
	return {
		sessionId: session.sessionId,
		source: session.source,
		via: session.openSync ? "openSync" : "pi",
		projectPath: session.projectPath,
		projectName: session.projectName,
		gitBranch: session.gitBranch,
		machine: session.machine,
		title: session.name ?? session.firstPrompt,
		model: session.model,
		provider: session.provider,
		thinkingLevel: session.thinkingLevel,
		status: session.status,
		leafId: session.leafId,
		lineage: session.lineage,
		tokens: session.tokens,
		cost: session.cost,
		entryCount: session.entryCount,
		messageCount: session.messageCount,
		toolCallCount: session.toolCallCount,
		lastSeq: session.lastSeq,
		durationMs: session.openSync?.durationMs ?? null,
		startedAt: session.startedAt,
		updatedAt: session.updatedAt,
		endedAt: session.endedAt,
	};
}

/** `/api/*` but search: sessions, their messages, exports and sums, in OpenSync's shapes. */
import type { HttpRouter } from "convex/server";
import { sourceName } from "../../src/protocol/opensync.ts";
import { internal } from "../_generated/api.js";
import type { ActionCtx } from "../_generated/server.js";
import type { ApiSession } from "../model/openSync/apiSession.ts";
import type { EntryKey, ModelUse, Place } from "../openSyncReading.ts";
import { type ApiCall, apiRoute, CORS, Refused } from "./api.ts";
import { markdownOf, plainText } from "./markdown.ts";
import { type ApiMessage, fitting, messageKeys, messagesAt } from "./messages.ts";
import { choiceParam, countParam, textParam } from "./params.ts";

const LIST_DEFAULT = 50;
const LIST_MOST = 500;
const MESSAGES_MOST = 1000;
/** Text of the entries that one page of messages tells. */
const PAGE_BYTES = 6 * 1024 * 1024;
/** Text of the entries of an export, which may tell it three times. Convex lets an answer have 20 MiB. */
const EXPORT_BYTES = 6 * 1024 * 1024;

export function addReadingRoutes(http: HttpRouter): void {
	const read = { method: "GET", scope: "read", limit: "read" } as const;
	apiRoute(http, { path: "/api/sessions", ...read }, listSessions);
	apiRoute(http, { path: "/api/sessions/get", ...read }, getSession);
	apiRoute(http, { path: "/api/stats", ...read }, stats);
	apiRoute(http, { path: "/api/export", ...read, limit: "export" }, exportSession);
}

/** `nextCursor` goes on after the last one; it is absent when there are no more. */
async function listSessions(ctx: ActionCtx, { userId, params }: ApiCall) {
	const limit = countParam(params, "limit", LIST_DEFAULT, LIST_MOST);
	const named = textParam(params, "source");
	const source = named === null ? null : sourceName(named);
	const sessions: ApiSession[] = [];
	let after = placeIn(params);
	do {
		const page: { sessions: ApiSession[]; next: Place | null } = await ctx.runQuery(
			internal.openSyncReading.sessions,
			{ userId, source, after, limit: limit - sessions.length },
		);
		sessions.push(...page.sessions);
		after = page.next;
	} while (after !== null && sessions.length < limit);
	return { sessions, ...(after === null ? {} : { nextCursor: `${after.updatedAt}_${after.creationTime}` }) };
}

function placeIn(params: URLSearchParams): Place | null {
	const cursor = textParam(params, "cursor");
	if (cursor === null) return null;
	const [updatedAt, creationTime] = cursor.split("_").map(Number);
	if (!/^[\d.e+-]+_[\d.e+-]+$/.test(cursor) || !Number.isFinite(updatedAt) || !Number.isFinite(creationTime))
		throw new Refused(400, "The cursor is none that this list gave.");
	return { updatedAt: updatedAt as number, creationTime: creationTime as number };
}

async function sessionIn(ctx: ActionCtx, { userId, params }: ApiCall): Promise<ApiSession> {
	const id = textParam(params, "id");
	if (id === null) throw new Refused(400, "Missing session ID: send it as ?id=.");
	const session = await ctx.runQuery(internal.openSyncReading.session, { userId, id });
	if (!session) throw new Refused(404, "Session not found.");
	return session;
}

/** The whole session, or with `nextCursor` as much as one answer holds. */
async function getSession(ctx: ActionCtx, call: ApiCall) {
	const limit = countParam(call.params, "limit", MESSAGES_MOST, MESSAGES_MOST);
	const session = await sessionIn(ctx, call);
	const all = await messageKeys(ctx, session.id);
	const rest = all.slice(startIn(call.params, all));
	const page = fitting(rest.slice(0, limit), PAGE_BYTES);
	const last = page.at(-1);
	return {
		session,
		messages: await messagesAt(ctx, page),
		...(last && page.length < rest.length ? { nextCursor: last.id } : {}),
	};
}

function startIn(params: URLSearchParams, keys: readonly EntryKey[]): number {
	const cursor = textParam(params, "cursor");
	if (cursor === null) return 0;
	const index = keys.findIndex(({ id }) => id === cursor);
	if (index === -1) throw new Refused(400, "The cursor names no message of this session.");
	return index + 1;
}

async function exportSession(ctx: ActionCtx, call: ApiCall) {
	const format = choiceParam(call.params, "format", ["json", "jsonl", "markdown"], "json");
	const session = await sessionIn(ctx, call);
	const keys = await messageKeys(ctx, session.id);
	if (fitting(keys, EXPORT_BYTES).length < keys.length)
		throw new Refused(
			413,
			"The session is too large for one export: read it in pages from /api/sessions/get.",
		);
	const messages = await messagesAt(ctx, keys);
	switch (format) {
		case "json":
			return { session, messages: messages.map((one) => ({ ...one, content: plainText(one) })) };
		case "jsonl":
			return { content: jsonl(messages), filename: fileName(session, "jsonl") };
		case "markdown":
			return markdownFile(session, messages);
	}
}

/** One `{role, content}` a line, as OpenSync exports it for training and tests. */
const jsonl = (messages: readonly ApiMessage[]): string =>
	messages.map((one) => JSON.stringify({ role: one.role, content: plainText(one) })).join("\n");

function markdownFile(session: ApiSession, messages: readonly ApiMessage[]): Response {
	return new Response(markdownOf(session, messages), {
		headers: {
			"Content-Type": "text/markdown; charset=utf-8",
			"Content-Disposition": `attachment; filename="${fileName(session, "md")}"`,
			"Cache-Control": "no-store",
			...CORS,
		},
	});
}

function fileName({ title }: ApiSession, extension: string): string {
	const name = (title ?? "").slice(0, 60).replace(/[^a-z0-9]+/gi, "-");
	return `${name.replace(/^-|-$/g, "") || "session"}.${extension}`;
}

async function stats(ctx: ActionCtx, { userId }: ApiCall) {
	const sums = { sessionCount: 0, messageCount: 0, totalTokens: 0, totalCost: 0, totalDurationMs: 0 };
	const byModel = new Map<string, { tokens: number; cost: number; sessions: number }>();
	let after: string | null = null;
	do {
		const page: { uses: ModelUse[]; next: string | null } = await ctx.runQuery(
			internal.openSyncReading.uses,
			{
				userId,
				after,
			},
		);
		for (const { model, tokens, cost, durationMs, messages, sessions } of page.uses) {
			sums.sessionCount += sessions;
			sums.messageCount += messages;
			sums.totalTokens += tokens;
			sums.totalCost += cost;
			sums.totalDurationMs += durationMs;
			const known = byModel.get(model) ?? { tokens: 0, cost: 0, sessions: 0 };
			byModel.set(model, {
				tokens: known.tokens + tokens,
				cost: known.cost + cost,
				sessions: known.sessions + sessions,
			});
		}
		after = page.next;
	} while (after !== null);
	return { ...sums, modelUsage: Object.fromEntries(byModel) };
}

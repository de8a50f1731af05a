/**
 * Search for programs, in OpenSync's shapes. It is full-text search whatever `type` asks for: we make no
 * embeddings, and the answer says so.
 */
import type { HttpRouter } from "convex/server";
import { sourceName } from "../../src/protocol/opensync.ts";
import type { PassageKind } from "../../src/protocol/search.ts";
import { internal } from "../_generated/api.js";
import type { ActionCtx } from "../_generated/server.js";
import { promptWords } from "../model/promptWords.ts";
import type { Found } from "../search.ts";
import { type ApiCall, apiRoute } from "./api.ts";
import { choiceParam, countParam, neededParam, textParam } from "./params.ts";

const SEARCH_DEFAULT = 20;
const SEARCH_MOST = 100;
const SNIPPET_CHARS = 240;
const CONTEXT_DEFAULT = 5;
const CONTEXT_MOST = 20;
/** Enough to know what was said, short enough that some of them fit into a prompt. */
const CONTEXT_CHARS = 1500;
/** Passages of a session. */
const PER_SESSION = 3;

/** `GET /api/search` and `GET /api/context`. */
export function addSearchRoutes(http: HttpRouter): void {
	const call = { method: "GET", scope: "read", limit: "search" } as const;
	apiRoute(http, { path: "/api/search", ...call }, search);
	apiRoute(http, { path: "/api/context", ...call }, context);
}

/** Sessions, best first, each with `matches`: where the words stand. */
async function search(ctx: ActionCtx, { userId, params }: ApiCall) {
	const query = neededParam(params, "q");
	const limit = countParam(params, "limit", SEARCH_DEFAULT, SEARCH_MOST);
	choiceParam(params, "type", ["fulltext", "semantic", "hybrid"], "fulltext");
	const source = textParam(params, "source");
	const found: Found[] = await ctx.runQuery(internal.search.sessions, {
		userId,
		query,
		source: source === null ? null : sourceName(source),
		limit,
		...{ perSession: PER_SESSION, chars: SNIPPET_CHARS },
	});
	const results = found.map(({ session, passages }) => ({
		...session,
		matches: passages.map(({ entryId, kind, timestamp, snippet }) => ({
			...(entryId === "" ? {} : { messageExternalId: entryId }),
			kind,
			createdAt: timestamp,
			text: snippet.text,
			highlights: snippet.matches,
		})),
	}));
	return { results, type: "fulltext" };
}

/** Passages that have to do with a prompt, as one text or as messages. */
async function context(ctx: ActionCtx, { userId, params }: ApiCall) {
	const prompt = neededParam(params, "q");
	const limit = countParam(params, "limit", CONTEXT_DEFAULT, CONTEXT_MOST);
	const format = textParam(params, "format") ?? "text";
	const found: Found[] = await ctx.runQuery(internal.search.sessions, {
		...{ userId, query: promptWords(prompt), source: null, limit },
		...{ perSession: PER_SESSION, chars: CONTEXT_CHARS },
	});
	const sessionCount = found.length;
	if (format === "text") return { text: asText(found), sessionCount };
	return { messages: found.flatMap(asMessages), sessionCount };
}

function asText(found: readonly Found[]): string {
	const sessions = found.map(({ session, passages }) => {
		const head = [
			`--- Session: ${session.title ?? "Untitled"} ---`,
			`Agent: ${session.source}`,
			`Project: ${session.projectPath ?? session.projectName ?? "unknown"}`,
		];
		const said = passages.map(
			(passage) => `[${ROLES[passage.kind].toUpperCase()}${dayOf(passage.timestamp)}]\n${wholeOf(passage)}`,
		);
		return `${head.join("\n")}\n\n${said.join("\n\n")}`;
	});
	return sessions.join("\n\n\n");
}

/** Empty for a time that no calendar has: agents tell what they like. */
function dayOf(timestamp: number): string {
	const date = new Date(timestamp);
	return Number.isNaN(date.getTime()) ? "" : `, ${date.toISOString().slice(0, 10)}`;
}

function asMessages({ session, passages }: Found) {
	return passages.map((passage) => ({
		role: ROLES[passage.kind],
		content: wholeOf(passage),
		metadata: {
			sessionId: session.id,
			...(session.title === undefined ? {} : { sessionTitle: session.title }),
			externalId: session.externalId,
			source: session.source,
			kind: passage.kind,
			createdAt: passage.timestamp,
		},
	}));
}

const ROLES: Readonly<Record<PassageKind, "user" | "assistant" | "system" | "tool">> = {
	prompt: "user",
	answer: "assistant",
	thinking: "assistant",
	tool: "tool",
	summary: "system",
	title: "system",
};

function wholeOf({ snippet: { text, cutBefore, cutAfter } }: Found["passages"][number]): string {
	return `${cutBefore ? "… " : ""}${text.trim()}${cutAfter ? " …" : ""}`;
}

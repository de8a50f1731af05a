/** Full-text search over all that the user's sessions hold: see `model/searching.ts`. */
import { type Infer, v } from "convex/values";
import { vPassageKind, vSearch, vSearchPage, vSnippet } from "../src/protocol/search.ts";
import type { Doc } from "./_generated/dataModel.js";
import { internalQuery } from "./_generated/server.js";
import { readQuery } from "./access.ts";
import { apiSession, vApiSession } from "./model/openSync/apiSession.ts";
import { searchPassages, searchSessions } from "./model/searching.ts";
import { queryWords, snippetOf } from "./model/snippets.ts";

/** What a fork shares is found in the session that holds it, and in the fork when `sessionId` names that. */
export const passages = readQuery({
	args: vSearch.fields,
	returns: vSearchPage,
	handler: async (ctx, args) => await searchPassages(ctx, ctx.userId, args),
});

const vFound = v.object({
	session: vApiSession,
	/** Best first. */
	passages: v.array(
		v.object({ entryId: v.string(), kind: vPassageKind, timestamp: v.number(), snippet: vSnippet }),
	),
});
export type Found = Infer<typeof vFound>;

/** For the HTTP API, which knows the user by the key: the best sessions, each with snippets of so many characters. */
export const sessions = internalQuery({
	args: {
		userId: v.id("users"),
		query: v.string(),
		source: v.union(v.string(), v.null()),
		/** Sessions. */
		limit: v.number(),
		perSession: v.number(),
		chars: v.number(),
	},
	returns: v.array(vFound),
	handler: async (ctx, { userId, chars, ...wanted }) => {
		const found = await searchSessions(ctx, userId, wanted);
		const words = queryWords(wanted.query);
		return found.map(({ session, passages }) => ({
			session: apiSession(session),
			passages: passages.map((passage) => shown(passage, words, chars)),
		}));
	},
});

function shown({ entryId, kind, timestamp, text }: Doc<"passages">, words: readonly string[], chars: number) {
	return { entryId, kind, timestamp, snippet: snippetOf(text, words, chars) };
}

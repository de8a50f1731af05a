/**
 * Full-text search over a user's passages.
 *
 * The index ranks; what it cannot narrow (time, project, removed sessions) is left out while reading on, up
 * to a bound. Of an entry only its best passage is a hit. A cursor is the number of hits that were given:
 * each page reads from the best on again, so that no entry comes twice as long as nothing changes. What a
 * fork shares is found in the session that holds it; who asks for the fork alone is given that too, after
 * the fork's own.
 */
import { refusal } from "../../src/protocol/errors.ts";
import type { PassageKind, Search, SearchHit, SearchPage } from "../../src/protocol/search.ts";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";
import { utf8Bytes } from "./checks.ts";
import { holds, sharedSegments } from "./lineage.ts";
import { findSession, ownEntry } from "./sessions.ts";
import { queryWords, snippetOf } from "./snippets.ts";

type Ctx = Pick<QueryCtx, "db">;

const PAGE_MAX_HITS = 100;
/** Of one question: Convex gives no more than 1,024 for a search, and lets a query read 16 MiB. */
const mostReads = () => ({ passages: 1000, bytes: 8 * 1024 * 1024 });

/** Ancestors that are searched for what a fork shares with them: each is a search of its own. */
const ANCESTORS_MOST = 8;

/** One page, best first. */
export async function searchPassages(ctx: Ctx, userId: Id<"users">, search: Search): Promise<SearchPage> {
	const wanted = pageSize(search.limit);
	const skipped = placeOf(search.cursor);
	const words = queryWords(search.query);
	const session = search.sessionId === undefined ? null : await findSession(ctx, userId, search.sessionId);
	const none: SearchPage = { hits: [], cursor: null };
	if (words.length === 0 || (search.sessionId !== undefined && !session)) return none;
	const narrowed = { userId, text: words.join(" "), kind: search.kind, source: search.source };
	const found = session
		? hitsWithin(ctx, narrowed, search, session)
		: hitsOf(ctx, ranked(ctx, { ...narrowed, session: null }), search);
	const hits: SearchHit[] = [];
	let count = 0;
	for await (const { passage, session: of } of found) {
		if (hits.length === wanted) return { hits, cursor: String(skipped + wanted) };
		count += 1;
		if (count > skipped) hits.push(hitOf(passage, of, words));
	}
	return { hits, cursor: null };
}

export type FoundSession = { session: Doc<"sessions">; passages: Doc<"passages">[] };

/** The sessions with the best hits, each with its best passages, for the HTTP API. */
export async function searchSessions(
	ctx: Ctx,
	userId: Id<"users">,
	{
		query,
		source,
		limit,
		perSession,
	}: { query: string; source: string | null; limit: number; perSession: number },
): Promise<FoundSession[]> {
	const words = queryWords(query);
	if (words.length === 0) return [];
	const passages = ranked(ctx, { userId, text: words.join(" "), source: source ?? undefined, session: null });
	const found = new Map<Id<"sessions">, FoundSession>();
	for await (const { passage, session } of hitsOf(ctx, passages, {})) {
		const known = found.get(session._id);
		if (known && known.passages.length < perSession) known.passages.push(passage);
		if (!known && found.size === limit) break;
		if (!known) found.set(session._id, { session, passages: [passage] });
	}
	return [...found.values()];
}

type Hit = { passage: Doc<"passages">; session: Doc<"sessions"> };
type Wanted = Pick<Search, "after" | "before" | "project">;

/** The best passage of each entry that is wanted, in their order. */
async function* hitsOf(
	ctx: Ctx,
	passages: AsyncIterable<Doc<"passages">>,
	wanted: Wanted,
	left = mostReads(),
): AsyncGenerator<Hit> {
	const sessions = new Map<Id<"sessions">, Doc<"sessions"> | null>();
	const seen = new Set<string>();
	if (left.passages <= 0 || left.bytes <= 0) return;
	for await (const passage of passages) {
		left.passages -= 1;
		left.bytes -= utf8Bytes(passage.text);
		const entry = `${passage.session} ${passage.entryId}`;
		if (!seen.has(entry) && isInTime(passage, wanted)) {
			const known = sessions.get(passage.session);
			const session = known === undefined ? await ctx.db.get(passage.session) : known;
			sessions.set(passage.session, session);
			if (session && !session.removed && isOfProject(session, wanted.project)) {
				seen.add(entry);
				yield { passage, session };
			}
		}
		if (left.passages <= 0 || left.bytes <= 0) return;
	}
}

/** Hits of one session: its own, then those of the part that it shares with each ancestor. */
async function* hitsWithin(
	ctx: Ctx,
	narrowed: Omit<Narrowed, "session">,
	wanted: Wanted,
	session: Doc<"sessions">,
): AsyncGenerator<Hit> {
	const left = mostReads();
	yield* hitsOf(ctx, ranked(ctx, { ...narrowed, session }), wanted, left);
	const segments = await sharedSegments(ctx, session);
	const ancestors = new Map(segments.map((segment) => [segment.session._id, segment.session]));
	for (const ancestor of [...ancestors.values()].slice(0, ANCESTORS_MOST)) {
		const passages = ranked(ctx, { ...narrowed, session: ancestor });
		for await (const { passage } of hitsOf(ctx, passages, wanted, left)) {
			const entry = await ownEntry(ctx, ancestor, passage.entryId);
			if (entry && segments.some((segment) => holds(segment, entry))) yield { passage, session };
		}
	}
}

type Narrowed = {
	userId: Id<"users">;
	text: string;
	kind?: PassageKind | undefined;
	source: string | undefined;
	/** Owner of the passages; null for all sessions. */
	session: Doc<"sessions"> | null;
};

/** The most relevant first. */
function ranked(ctx: Ctx, { userId, text, kind, source, session }: Narrowed) {
	return ctx.db.query("passages").withSearchIndex("by_text", (q) => {
		let filtered = q.search("text", text).eq("userId", userId);
		if (kind !== undefined) filtered = filtered.eq("kind", kind);
		if (source !== undefined) filtered = filtered.eq("source", source);
		if (session) filtered = filtered.eq("session", session._id);
		return filtered;
	});
}

function isInTime(
	{ timestamp }: Doc<"passages">,
	{ after, before }: Pick<Search, "after" | "before">,
): boolean {
	return (after === undefined || timestamp >= after) && (before === undefined || timestamp < before);
}

function isOfProject({ projectPath, projectName }: Doc<"sessions">, part: string | undefined): boolean {
	if (part === undefined) return true;
	const wanted = part.toLowerCase();
	return projectPath.toLowerCase().includes(wanted) || projectName.toLowerCase().includes(wanted);
}

function hitOf(passage: Doc<"passages">, session: Doc<"sessions">, words: readonly string[]): SearchHit {
	return {
		sessionId: session.sessionId,
		entryId: passage.entryId,
		kind: passage.kind,
		timestamp: passage.timestamp,
		snippet: snippetOf(passage.text, words),
		title: session.name ?? session.firstPrompt,
		source: session.source,
		projectName: session.projectName,
		projectPath: session.projectPath,
	};
}

function pageSize(limit: number): number {
	if (!Number.isInteger(limit) || limit < 1) throw refusal("invalid", `A page of ${limit} hits cannot be.`);
	return Math.min(limit, PAGE_MAX_HITS);
}

function placeOf(cursor: string | null): number {
	if (cursor === null) return 0;
	if (!/^\d{1,4}$/.test(cursor)) throw refusal("invalid", "The cursor is none of a search.");
	return Number(cursor);
}

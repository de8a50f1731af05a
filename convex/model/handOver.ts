/**
 * Who gets what of a removed session.
 *
 * Each fork shares the way from its fork entry up to the root. Ways overlap near the root, so the first
 * fork claims its whole way, the next one only what is below the place where it joins a claimed one, and
 * its lineage then points there. As a way holds the front part of every chain it passes, what is claimed
 * of a chain is a front part too, and the plan is a few numbers however long the session is.
 */
import type { Lineage } from "../../src/protocol/session.ts";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";
import { chainStart, placeOn, segmentsWithin, sharedSegments } from "./lineage.ts";
import { ownEntry } from "./sessions.ts";

type Db = Pick<QueryCtx, "db">;
type Removal = Doc<"removals">["work"];
type Handing = Extract<Removal, { phase: "handing" }>;
type Claim = Handing["claims"][number];
type Where = { lineage: Lineage | null; parentRef: Id<"sessions"> | null };

const NOWHERE: Where = { lineage: null, parentRef: null };

/** Claimed so far of each chain: ends in rising order, each with the fork that has what is below it. */
type Claimed = Map<number, { end: number; fork: Doc<"sessions"> }[]>;

export async function planHandOver(
	ctx: Db,
	session: Doc<"sessions">,
): Promise<Pick<Handing, "claims" | "moves">> {
	const claimed: Claimed = new Map();
	const claims: Claim[] = [];
	const moves: Handing["moves"] = [];
	for (const fork of await forksInNeed(ctx, session)) {
		const { stretches, ...where } = await claimWay(ctx, session, fork, claimed);
		if (stretches.length > 0) claims.push({ heir: fork._id, stretches, ...where });
		else moves.push({ fork: fork._id, ...where });
	}
	return { claims, moves };
}

/** Live forks first; a removed one only when it still stands for forks of its own. */
async function forksInNeed(ctx: Db, session: Doc<"sessions">): Promise<Doc<"sessions">[]> {
	const forks = await childrenOf(ctx, session._id);
	const live = forks.filter((fork) => !fork.removed);
	const standing: Doc<"sessions">[] = [];
	for (const fork of forks) {
		if (fork.removed && (await childrenOf(ctx, fork._id)).length > 0) standing.push(fork);
	}
	return [...live, ...standing];
}

async function childrenOf(ctx: Db, parent: Id<"sessions">): Promise<Doc<"sessions">[]> {
	return await ctx.db
		.query("sessions")
		.withIndex("by_parentRef", (q) => q.eq("parentRef", parent))
		.collect();
}

async function claimWay(
	ctx: Db,
	session: Doc<"sessions">,
	fork: Doc<"sessions">,
	claimed: Claimed,
): Promise<Where & { stretches: Claim["stretches"] }> {
	const stretches: Claim["stretches"] = [];
	const forkEntryId = fork.lineage?.forkEntryId ?? null;
	if (forkEntryId === null || (await ownEntry(ctx, fork, forkEntryId))) return { stretches, ...NOWHERE };
	const { segments, exitId } = await segmentsWithin(ctx, session, forkEntryId);
	for (const { chain, upTo } of segments) {
		const owners = claimed.get(chain) ?? [];
		const owner = owners.find(({ end }) => upTo <= end);
		if (owner) return { stretches, ...(await pointTo(ctx, session, owner.fork, chain, upTo)) };
		const below = owners.at(-1);
		const start = (await chainStart(ctx, session, chain))?.seq ?? upTo;
		stretches.push({ chain, from: below ? below.end + 1 : start, to: upTo });
		claimed.set(chain, [...owners, { end: upTo, fork }]);
		if (below) return { stretches, ...(await pointTo(ctx, session, below.fork, chain, below.end)) };
	}
	return { stretches, ...(await pointBeyond(ctx, session, exitId)) };
}

/** Lineage of a fork that joins another one's way at that place. */
async function pointTo(
	ctx: Db,
	session: Doc<"sessions">,
	owner: Doc<"sessions">,
	chain: number,
	seq: number,
): Promise<Where> {
	const entry = await ctx.db
		.query("entries")
		.withIndex("by_session_chain_seq", (q) => q.eq("session", session._id).eq("chain", chain).eq("seq", seq))
		.first();
	if (!entry) return NOWHERE;
	return { lineage: { parentSessionId: owner.sessionId, forkEntryId: entry.entryId }, parentRef: owner._id };
}

/** Lineage of a fork whose way goes on above the removed session, in that session's own parent. */
async function pointBeyond(ctx: Db, session: Doc<"sessions">, exitId: string | null): Promise<Where> {
	const parent = session.parentRef && (await ctx.db.get(session.parentRef));
	if (!parent || exitId === null) return NOWHERE;
	if (!(await placeOn(ctx, await sharedSegments(ctx, session), exitId))) return NOWHERE;
	return { lineage: { parentSessionId: parent.sessionId, forkEntryId: exitId }, parentRef: parent._id };
}

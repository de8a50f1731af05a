/** What a fork shows before it has entries of its own: its name, first prompt and model stand in the part that it shares. */
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";
import { sharedSegments } from "./lineage.ts";
import { type Derived, derive, NOTHING_DERIVED } from "./totals.ts";

/** Rows looked at from either end of the shared part: only labels of lists depend on it. */
const LOOK_AT = 500;

/** What `session` lacks and its shared part says. */
export async function derivedFromShared(
	ctx: Pick<QueryCtx, "db">,
	session: Doc<"sessions">,
): Promise<Partial<Derived>> {
	const segments = await sharedSegments(ctx, session);
	const read = async (order: "asc" | "desc") => {
		const rows: Doc<"entries">[] = [];
		for (const { session: owner, chain, upTo } of order === "desc" ? segments : segments.toReversed()) {
			const range = ctx.db
				.query("entries")
				.withIndex("by_session_chain_seq", (q) =>
					q.eq("session", owner._id).eq("chain", chain).lte("seq", upTo),
				);
			rows.push(...(await range.order(order).take(LOOK_AT - rows.length)));
			if (rows.length >= LOOK_AT) break;
		}
		return rows;
	};
	const newest = (await read("desc")).reverse().reduce(derive, NOTHING_DERIVED);
	const { firstPrompt } = (await read("asc")).reduce(derive, NOTHING_DERIVED);
	const found: Derived = { ...newest, firstPrompt };
	const lacking = Object.entries(found).filter(
		([name, value]) => value !== null && session[name as keyof Derived] === null,
	);
	return Object.fromEntries(lacking);
}

/** Messages that are posted again, each made whole with what stands of it: see `agent-update.ts`. */
import type { AgentEntry } from "../../../src/protocol/agent-session.ts";
import { updatedEntry } from "../../../src/protocol/agent-update.ts";
import { INLINE_ENTRY_BYTES } from "../../../src/protocol/limits.ts";
import type { Id } from "../../_generated/dataModel.js";
import type { MutationCtx } from "../../_generated/server.js";
import { utf8Bytes } from "../checks.ts";
import { findSession, ownEntry } from "../sessions.ts";

/** A message that is a file, or would become one, is not put together: it replaces what stands. */
export async function overStanding(
	ctx: MutationCtx,
	userId: Id<"users">,
	sessionId: string,
	entries: readonly AgentEntry[],
): Promise<AgentEntry[]> {
	const session = await findSession(ctx, userId, sessionId);
	const standing = new Map<string, string>();
	if (session?.openSync) {
		const rows = await Promise.all(entries.map(({ entryId }) => ownEntry(ctx, session, entryId)));
		for (const row of rows) {
			const body = row?.body.kind === "inline" ? await ctx.db.get(row.body.id) : null;
			if (row && body) standing.set(row.entryId, body.json);
		}
	}
	return entries.map((entry) => {
		const { entryId, body } = entry;
		if (body.kind === "stored") return entry;
		const before = standing.get(entryId);
		const whole = before === undefined ? body.json : updatedEntry(before, body.json);
		const json = utf8Bytes(whole) <= INLINE_ENTRY_BYTES ? whole : body.json;
		// It may come once more in the same batch.
		standing.set(entryId, json);
		return { ...entry, body: { kind: "inline", json } };
	});
}

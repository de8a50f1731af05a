/** Messages that are posted again, each made whole with what stands of it: see `agent-update.ts`. */
import type { AgentEntry } from "../../../src/protocol/agent-session.ts";
import { updatedEntry } from "../../../src/protocol/agent-update.ts";
import { INLINE_ENTRY_BYTES } from "../../../src/protocol/limits.ts";
import type { Doc, Id } from "../../_generated/dataModel.js";
import type { MutationCtx } from "../../_generated/server.js";
import { utf8Bytes } from "../checks.ts";
import { findSession, ownEntry } from "../sessions.ts";

/** Of what stands that is read in one mutation, which reads some of it once more and may read 16 MiB in all. */
const STANDING_BYTES = 6 * 1024 * 1024;

/**
 * As many from the front as one mutation can put together; at least one, when there are any. A message that is
 * a file, or would become one, is not put together: it replaces what stands.
 */
export async function overStanding(
	ctx: MutationCtx,
	userId: Id<"users">,
	sessionId: string,
	entries: readonly AgentEntry[],
): Promise<AgentEntry[]> {
	const session = await findSession(ctx, userId, sessionId);
	const standing = new Map<string, string>();
	let count = entries.length;
	if (session?.openSync) {
		const rows = await Promise.all(entries.map(({ entryId }) => ownEntry(ctx, session, entryId)));
		count = fitting(rows);
		for (const row of rows.slice(0, count)) {
			const body = row?.body.kind === "inline" ? await ctx.db.get(row.body.id) : null;
			if (row && body) standing.set(row.entryId, body.json);
		}
	}
	return entries.slice(0, count).map((entry) => {
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

/** How many of these rows have no more text than one mutation reads; at least one. */
function fitting(rows: readonly (Doc<"entries"> | null)[]): number {
	let bytes = 0;
	const end = rows.findIndex((row, index) => {
		bytes += row?.body.kind === "inline" ? row.bytes : 0;
		return index > 0 && bytes > STANDING_BYTES;
	});
	return end === -1 ? rows.length : end;
}

/** Entries as they cross the wire. */
import type { EntryView } from "../../src/protocol/entry.ts";
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../_generated/server.js";

type Ctx = Pick<QueryCtx, "db" | "storage">;

/** Text in one answer: well under Convex's 16 MiB for a result and for what a query reads. */
const ANSWER_BYTES = 4 * 1024 * 1024;

export async function entryView(ctx: Ctx, sessionId: string, entry: Doc<"entries">): Promise<EntryView> {
	const { body } = entry;
	return {
		sessionId,
		entryId: entry.entryId,
		parentId: entry.parentId,
		seq: entry.seq,
		type: entry.type,
		timestamp: entry.timestamp,
		json: body.kind === "inline" ? ((await ctx.db.get(body.id))?.json ?? null) : null,
		url: body.kind === "stored" ? await ctx.storage.getUrl(body.storageId) : null,
		bytes: entry.bytes,
		columns: entry.columns,
	};
}

/** Of these, as many from the front as fit into one answer; at least one. */
export function fitting<T extends { entry: Doc<"entries"> }>(rows: readonly T[]): readonly T[] {
	let bytes = 0;
	for (const [index, { entry }] of rows.entries()) {
		bytes += entry.body.kind === "inline" ? entry.bytes : 0;
		if (bytes > ANSWER_BYTES && index > 0) return rows.slice(0, index);
	}
	return rows;
}

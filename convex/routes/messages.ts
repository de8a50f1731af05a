/**
 * A session's messages as OpenSync's API tells them, by time. Places are found from the rows alone, so a
 * page reads no more texts than it tells.
 */
import { openSyncMessage, type ToldMessage } from "../../src/protocol/opensync-message.ts";
import { internal } from "../_generated/api.js";
import type { Id } from "../_generated/dataModel.js";
import type { ActionCtx } from "../_generated/server.js";
import type { EntryKey } from "../openSyncReading.ts";

export type ApiMessage = Omit<ToldMessage, "entryId" | "createdAt"> & {
	id: Id<"entries">;
	externalId: string;
	createdAt: number;
};

/** Types of entries that somebody says. */
const SPOKEN = new Set(["message", "compaction", "branch_summary", "custom_message"]);
/** Texts read in one query: well under the 16 MiB that Convex lets one read. */
const QUERY_BYTES = 4 * 1024 * 1024;
const QUERY_ENTRIES = 200;

/** Where the messages of a session are, by time, and those of one time by arrival; with what a fork shares. */
export async function messageKeys(ctx: ActionCtx, session: Id<"sessions">): Promise<EntryKey[]> {
	const found: EntryKey[] = [];
	let after: string | null = null;
	do {
		const page: { keys: EntryKey[]; next: string | null } = await ctx.runQuery(
			internal.openSyncReading.keys,
			{ session, after },
		);
		found.push(...page.keys);
		after = page.next;
	} while (after !== null);
	return found
		.reverse()
		.filter(({ type }) => SPOKEN.has(type))
		.sort((a, b) => a.timestamp - b.timestamp);
}

/** As many keys from the front as have this many bytes; at least one. */
export function fitting(keys: readonly EntryKey[], most: number): readonly EntryKey[] {
	let bytes = 0;
	const end = keys.findIndex((key, index) => {
		bytes += key.bytes;
		return index > 0 && bytes > most;
	});
	return end === -1 ? keys : keys.slice(0, end);
}

/** In the order of the keys, without what turns out to be no message or has just gone. */
export async function messagesAt(ctx: ActionCtx, keys: readonly EntryKey[]): Promise<ApiMessage[]> {
	const messages: ApiMessage[] = [];
	for (let at = 0; at < keys.length; ) {
		const batch = fitting(keys.slice(at, at + QUERY_ENTRIES), QUERY_BYTES);
		at += batch.length;
		const lines = await linesAt(ctx, batch);
		for (const [index, { id, externalId, timestamp }] of batch.entries()) {
			const line = lines[index] ?? null;
			const told = line === null ? null : openSyncMessage(line);
			if (!told) continue;
			const { entryId: _entryId, createdAt, ...said } = told;
			messages.push({ id, externalId, ...said, createdAt: createdAt ?? timestamp });
		}
	}
	return messages;
}

async function linesAt(ctx: ActionCtx, keys: readonly EntryKey[]): Promise<(string | null)[]> {
	const inline = keys.filter(({ file }) => file === null).map(({ id }) => id);
	const texts = inline.length > 0 ? await ctx.runQuery(internal.openSyncReading.texts, { ids: inline }) : [];
	const byId = new Map(inline.map((id, index) => [id, texts[index] ?? null]));
	return await Promise.all(
		keys.map(async ({ id, file }) => {
			if (file === null) return byId.get(id) ?? null;
			return (await (await ctx.storage.get(file))?.text()) ?? null;
		}),
	);
}

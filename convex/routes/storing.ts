/** Posted messages on their way into a session: long ones as files, many in several pushes. */
import { type AgentMessage, agentEntry } from "../../src/protocol/agent-entry.ts";
import type { AgentEntry, AgentOutcome, AgentSession } from "../../src/protocol/agent-session.ts";
import { describeEntry } from "../../src/protocol/describe-entry.ts";
import { asRefusal } from "../../src/protocol/errors.ts";
import { APPEND_MAX_BYTES, APPEND_MAX_ENTRIES, INLINE_ENTRY_BYTES } from "../../src/protocol/limits.ts";
import { internal } from "../_generated/api.js";
import type { Id } from "../_generated/dataModel.js";
import type { ActionCtx } from "../_generated/server.js";
import { utf8Bytes } from "../model/checks.ts";

export type PushedNow = {
	session: AgentOutcome;
	/** The session's row. */
	id: Id<"sessions">;
	/** In the order of the messages; `id` is the entry's row. Null: Pi syncs the session and has no such entry. */
	messages: { outcome: AgentOutcome; id: Id<"entries"> | null }[];
};

/** Messages whose times are told keep them: they do not make the session look active now. */
export async function pushPosted(
	ctx: ActionCtx,
	userId: Id<"users">,
	session: AgentSession,
	messages: readonly AgentMessage[],
): Promise<PushedNow> {
	let pushed = null as PushedNow | null;
	for (const batch of batches(messages)) {
		const now = await pushBatch(ctx, userId, session, batch);
		pushed = { ...now, messages: [...(pushed?.messages ?? []), ...now.messages] };
	}
	return pushed ?? (await pushBatch(ctx, userId, session, []));
}

type Line = { entryId: string; json: string; timestamp: number | null; bytes: number };

function batches(messages: readonly AgentMessage[]): Line[][] {
	const made: Line[][] = [];
	let inline = 0;
	for (const message of messages) {
		const entry = agentEntry(message);
		const line = { ...entry, bytes: utf8Bytes(entry.json) };
		const more = line.bytes <= INLINE_ENTRY_BYTES ? line.bytes : 0;
		const last = made.at(-1);
		if (last && last.length < APPEND_MAX_ENTRIES && inline + more <= APPEND_MAX_BYTES) {
			last.push(line);
			inline += more;
		} else {
			made.push([line]);
			inline = more;
		}
	}
	return made;
}

async function pushBatch(
	ctx: ActionCtx,
	userId: Id<"users">,
	session: AgentSession,
	lines: readonly Line[],
): Promise<PushedNow> {
	const imported =
		lines.length > 0 ? lines.every(({ timestamp }) => timestamp !== null) : session.createdAt !== undefined;
	let entries = await Promise.all(lines.map((line) => agentEntryOf(ctx, line)));
	const messages: PushedNow["messages"] = [];
	try {
		for (;;) {
			const pushed: PushedNow = await ctx.runMutation(internal.openSync.pushFor, {
				...{ userId, session, entries, imported },
			});
			messages.push(...pushed.messages);
			const taken = entries.slice(0, pushed.messages.length);
			entries = entries.slice(taken.length);
			if (pushed.session === "kept") await deleteFiles(ctx, taken);
			if (entries.length === 0 || taken.length === 0) return { ...pushed, messages };
		}
	} catch (error) {
		// After any other error the push may have been taken all the same.
		if (asRefusal(error)) await deleteFiles(ctx, entries);
		throw error;
	}
}

async function agentEntryOf(ctx: ActionCtx, { entryId, json, timestamp, bytes }: Line): Promise<AgentEntry> {
	if (bytes <= INLINE_ENTRY_BYTES) return { entryId, timestamp, body: { kind: "inline", json } };
	const storageId = await ctx.storage.store(new Blob([json], { type: "application/json" }));
	const { columns } = describeEntry(json);
	return { entryId, timestamp, body: { kind: "stored", storageId, bytes, columns } };
}

/** Of a push that took nothing. */
async function deleteFiles(ctx: ActionCtx, entries: readonly AgentEntry[]): Promise<void> {
	for (const { body } of entries) {
		if (body.kind === "stored") await ctx.storage.delete(body.storageId as Id<"_storage">);
	}
}

/** Ending, failing and deleting prompts, from wherever it happens. */
import { PROMPT_WAIT_MS } from "../../src/protocol/limits.ts";
import type { PromptState } from "../../src/protocol/prompt.ts";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../_generated/server.js";
import { findPresent } from "./present.ts";

/** Ended prompts that are shown, and deleted at once. They have no text any more. */
export const ENDED_AT_ONCE = 200;

const FORGOTTEN = "Nobody drove the session for a long time, and where it was typed is gone: it was not run.";

export type Ended = Extract<PromptState, "done" | "failed" | "withdrawn" | "returned">;

export async function findPrompt(
	ctx: Pick<QueryCtx, "db">,
	userId: Id<"users">,
	promptId: string,
): Promise<Doc<"prompts"> | null> {
	const prompt = await ctx.db
		.query("prompts")
		.withIndex("by_promptId", (q) => q.eq("promptId", promptId))
		.first();
	return prompt?.userId === userId ? prompt : null;
}

/** Prompts of a session that have not ended, oldest first. `prompts:send` bounds how many there are, and their text. */
export async function openPrompts(
	ctx: Pick<QueryCtx, "db">,
	userId: Id<"users">,
	sessionId: string,
): Promise<Doc<"prompts">[]> {
	return await ctx.db
		.query("prompts")
		.withIndex("by_userId_sessionId_endedAt", (q) =>
			q.eq("userId", userId).eq("sessionId", sessionId).eq("endedAt", null),
		)
		.collect();
}

/** Its text goes at once: nobody needs it any more, for the author has it too. */
export async function endPrompt(
	ctx: MutationCtx,
	prompt: Doc<"prompts">,
	state: Ended,
	reason: string | null = null,
): Promise<void> {
	await dropFile(ctx, prompt);
	await ctx.db.patch(prompt._id, { state, reason, body: null, endedAt: Date.now() });
}

/** Fails what `lost` accepted, and may have run: it is not tried again. @returns what was open. */
export async function failAccepted(
	ctx: MutationCtx,
	{ userId, sessionId }: Pick<Doc<"sessions">, "userId" | "sessionId">,
	lost: (terminalId: string) => boolean,
	reason: string,
): Promise<Doc<"prompts">[]> {
	const open = await openPrompts(ctx, userId, sessionId);
	for (const prompt of open) {
		if (prompt.acceptedBy !== null && lost(prompt.acceptedBy)) await endPrompt(ctx, prompt, "failed", reason);
	}
	return open;
}

/** Those that nobody took were for a run that is over: the one that begins now is another. */
export async function dropOrdersToStop(ctx: MutationCtx, open: readonly Doc<"prompts">[]): Promise<void> {
	for (const prompt of open) {
		if (prompt.kind === "abort" && prompt.state === "queued") await endPrompt(ctx, prompt, "withdrawn");
	}
}

/** Those that waited long and whose author has left: who drives next did not ask for them. */
export async function failForgotten(
	ctx: MutationCtx,
	open: readonly Doc<"prompts">[],
	driver: string,
): Promise<void> {
	for (const prompt of open) {
		const { userId, kind, state, terminalId, _creationTime } = prompt;
		if (kind === "abort" || state !== "queued" || terminalId === driver) continue;
		if (_creationTime > Date.now() - PROMPT_WAIT_MS || (await findPresent(ctx, userId, terminalId))) continue;
		await endPrompt(ctx, prompt, "failed", FORGOTTEN);
	}
}

/** A batch of a removed session's prompts, the open ones first. True while there may be more. */
export async function deletePrompts(ctx: MutationCtx, session: Id<"sessions">): Promise<boolean> {
	const rows = await ctx.db
		.query("prompts")
		.withIndex("by_session_endedAt", (q) => q.eq("session", session))
		.take(ENDED_AT_ONCE);
	for (const row of rows) await deletePrompt(ctx, row);
	return rows.length === ENDED_AT_ONCE;
}

export async function deletePrompt(ctx: MutationCtx, prompt: Doc<"prompts">): Promise<void> {
	await dropFile(ctx, prompt);
	await ctx.db.delete(prompt._id);
}

async function dropFile(ctx: MutationCtx, { body }: Doc<"prompts">): Promise<void> {
	if (body?.kind !== "stored") return;
	// Deleting a file twice is an error; two prompts may have named one file.
	if (await ctx.db.system.get(body.storageId)) await ctx.storage.delete(body.storageId);
}

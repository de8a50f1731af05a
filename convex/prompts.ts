/**
 * Prompts on their way to whoever drives the session (see `src/protocol/prompt.ts` for their states).
 *
 * Guarantees: one row a prompt id (C1); only the holder of the turn lock accepts, under its epoch, and one
 * acceptance a prompt (C2), for both are looked at in the mutation that writes; states only go forwards.
 * A holder that is lost fails what it accepted (`model/holding.ts`). Not here: that an accepted prompt runs
 * at most once; that is its acceptor's business.
 */
import { v } from "convex/values";
import { refusal } from "../src/protocol/errors.ts";
import { INLINE_PROMPT_BYTES } from "../src/protocol/limits.ts";
import {
	type PromptState,
	type PromptView,
	type SendPrompt,
	vAccepted,
	vAcceptPrompt,
	vAdvancePrompt,
	vPromptState,
	vPromptView,
	vSendPrompt,
} from "../src/protocol/prompt.ts";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "./_generated/server.js";
import { controlMutation, readQuery, writeMutation } from "./access.ts";
import { asName, checked, utf8Bytes } from "./model/checks.ts";
import { lockOf } from "./model/fence.ts";
import { heldUntil } from "./model/holding.ts";
import { ENDED_AT_ONCE, endPrompt, findPrompt, openPrompts } from "./model/prompting.ts";
import { needSession } from "./model/sessions.ts";

/** Prompts of a session that have not ended. */
const OPEN_MAX = 100;
/** Their text in all, for every list carries it: well under Convex's limits for an answer. */
const OPEN_MAX_BYTES = 4 * 1024 * 1024;

/** Where the prompt stands, whether this call brought it or an earlier one. */
export const send = controlMutation({
	args: vSendPrompt,
	returns: vPromptState,
	handler: async (ctx, args): Promise<PromptState> => {
		checked("id", "prompt id", args.promptId);
		checked("id", "terminal id", args.terminalId);
		const session = await needSession(ctx, ctx.userId, args.sessionId);
		const known = await ctx.db
			.query("prompts")
			.withIndex("by_promptId", (q) => q.eq("promptId", args.promptId))
			.first();
		if (known?.session === session._id) {
			await dropRepeatedFile(ctx, known, args.body);
			return known.state;
		}
		if (known) throw refusal("invalid", `The prompt ${args.promptId} is of another session.`);
		const body = await storedBody(ctx, args);
		checkRoom(await openPrompts(ctx, ctx.userId, args.sessionId), body);
		await ctx.db.insert("prompts", {
			userId: ctx.userId,
			session: session._id,
			sessionId: args.sessionId,
			promptId: args.promptId,
			terminalId: args.terminalId,
			kind: args.kind,
			state: "queued",
			body,
			reason: null,
			acceptedBy: null,
			acceptedEpoch: null,
			createdAt: Date.now(),
			endedAt: null,
		});
		return "queued";
	},
});

/** Taken back by its author. Only while it is queued: the answer says where it stands. */
export const withdraw = controlMutation({
	args: { promptId: v.string() },
	returns: vPromptState,
	handler: async (ctx, { promptId }): Promise<PromptState> => {
		const prompt = await findPrompt(ctx, ctx.userId, promptId);
		if (!prompt) throw refusal("invalid", `There is no prompt ${promptId}.`);
		if (prompt.state !== "queued") return prompt.state;
		await endPrompt(ctx, prompt, "withdrawn");
		return "withdrawn";
	},
});

export const accept = writeMutation({
	args: vAcceptPrompt,
	returns: vAccepted,
	handler: async (ctx, { promptId, terminalId, epoch }) => {
		const prompt = await findPrompt(ctx, ctx.userId, promptId);
		if (!prompt) throw refusal("invalid", `There is no prompt ${promptId}.`);
		const lock = await lockOf(ctx, prompt.session);
		const held = lock && (await heldUntil(ctx, lock));
		if (held?.holder.terminalId !== terminalId || lock?.epoch !== epoch) {
			const counts = lock?.epoch ?? 0;
			throw refusal("stale_epoch", `The terminal does not hold the turn lock under epoch ${epoch}.`, {
				epoch: counts,
			});
		}
		if (prompt.state === "queued") {
			await ctx.db.patch(prompt._id, { state: "accepted", acceptedBy: terminalId, acceptedEpoch: epoch });
			return { kind: "accepted" as const };
		}
		const again = prompt.acceptedBy === terminalId && prompt.acceptedEpoch === epoch;
		if (prompt.state === "accepted" && again) return { kind: "accepted" as const };
		return { kind: "gone" as const, state: prompt.state };
	},
});

/** What became of it. From anybody but its acceptor, or backwards, it changes nothing. */
export const advance = writeMutation({
	args: vAdvancePrompt,
	returns: v.null(),
	handler: async (ctx, { promptId, terminalId, state, reason }) => {
		const prompt = await findPrompt(ctx, ctx.userId, promptId);
		if (!prompt || prompt.acceptedBy !== terminalId || prompt.endedAt !== null) return null;
		if (state !== "started")
			await endPrompt(ctx, prompt, state, reason === undefined ? null : asName(reason));
		else if (prompt.state === "accepted") await ctx.db.patch(prompt._id, { state });
		return null;
	},
});

/** Oldest first: all that are open, and the newest of those that have ended lately. */
export const list = readQuery({
	args: { sessionId: v.string() },
	returns: v.array(vPromptView),
	handler: async (ctx, { sessionId }) => {
		const open = await openPrompts(ctx, ctx.userId, sessionId);
		const ended = await ctx.db
			.query("prompts")
			.withIndex("by_userId_sessionId_endedAt", (q) =>
				q.eq("userId", ctx.userId).eq("sessionId", sessionId).gt("endedAt", null),
			)
			.order("desc")
			.take(ENDED_AT_ONCE);
		const rows = [...open, ...ended].sort((a, b) => a._creationTime - b._creationTime);
		return await Promise.all(rows.map((row) => promptView(ctx, row)));
	},
});

type Body = NonNullable<Doc<"prompts">["body"]>;

async function storedBody(ctx: MutationCtx, { promptId, body }: SendPrompt): Promise<Body> {
	if (body.kind === "stored") {
		const storageId = ctx.db.system.normalizeId("_storage", body.storageId);
		if (!storageId || !(await ctx.db.system.get(storageId))) {
			throw refusal("invalid", `The prompt ${promptId} names a file that was not uploaded.`);
		}
		return { kind: "stored", storageId };
	}
	const bytes = utf8Bytes(body.json);
	if (bytes > INLINE_PROMPT_BYTES) {
		throw refusal("too_large", `The prompt has ${bytes} bytes, and ${INLINE_PROMPT_BYTES} are allowed.`);
	}
	return { kind: "inline", json: body.json, bytes };
}

function checkRoom(open: readonly Doc<"prompts">[], body: Body): void {
	if (open.length >= OPEN_MAX) {
		throw refusal("too_large", `${open.length} prompts wait for the session, and no more are allowed.`);
	}
	const bytes = [...open.map((one) => one.body), body].reduce(
		(sum, one) => sum + (one?.kind === "inline" ? one.bytes : 0),
		0,
	);
	if (bytes > OPEN_MAX_BYTES) {
		throw refusal("too_large", `The prompts that wait for the session have ${bytes} bytes in all.`);
	}
}

/** A prompt that was sent again may have been uploaded again: nobody will ever name this copy. */
async function dropRepeatedFile(
	ctx: MutationCtx,
	{ body: before }: Doc<"prompts">,
	body: SendPrompt["body"],
): Promise<void> {
	const storageId = body.kind === "stored" ? ctx.db.system.normalizeId("_storage", body.storageId) : null;
	if (!storageId || (before?.kind === "stored" && before.storageId === storageId)) return;
	if (await ctx.db.system.get(storageId)) await ctx.storage.delete(storageId);
}

async function promptView(ctx: Pick<QueryCtx, "storage">, prompt: Doc<"prompts">): Promise<PromptView> {
	const { promptId, terminalId, kind, state, body, reason, acceptedBy, createdAt } = prompt;
	return {
		promptId,
		terminalId,
		kind,
		state,
		json: body?.kind === "inline" ? body.json : null,
		url: body?.kind === "stored" ? await ctx.storage.getUrl(body.storageId) : null,
		reason,
		acceptedBy,
		createdAt,
	};
}

/**
 * Dialogs that anybody at the session may answer (see `src/protocol/question.ts`).
 *
 * Guarantees: one row a question id; the first answer stays (C3). A question goes when who asked closes it,
 * loses the turn lock or is gone (`model/holding.ts`, `presence`).
 */
import { v } from "convex/values";
import { refusal } from "../src/protocol/errors.ts";
import { QUESTION_MAX_BYTES } from "../src/protocol/limits.ts";
import { type Ask, vAnswer, vAnswered, vAsk, vQuestionView } from "../src/protocol/question.ts";
import type { Doc } from "./_generated/dataModel.js";
import type { QueryCtx } from "./_generated/server.js";
import { controlMutation, readQuery, writeMutation } from "./access.ts";
import { questionsOf } from "./model/asking.ts";
import { checked, utf8Bytes } from "./model/checks.ts";
import { needSession } from "./model/sessions.ts";

/** At one session at a time: with their answers well under Convex's limits for an answer. */
const OPEN_MAX = 20;
/** Their text in all: what goes with a session or its holder is read twice over, in one mutation. */
const OPEN_MAX_BYTES = 1024 * 1024;

export const ask = writeMutation({
	args: vAsk,
	returns: v.null(),
	handler: async (ctx, args) => {
		checked("id", "question id", args.questionId);
		checked("id", "terminal id", args.terminalId);
		const session = await needSession(ctx, ctx.userId, args.sessionId);
		const known = await findQuestion(ctx, args.questionId);
		if (known?.session === session._id) return null;
		if (known) throw refusal("invalid", `The question ${args.questionId} is of another session.`);
		checkSize(textOf(args));
		const open = await questionsOf(ctx, ctx.userId, args.sessionId);
		if (open.length >= OPEN_MAX) {
			throw refusal(
				"too_large",
				`${open.length} questions are open at the session, and no more are allowed.`,
			);
		}
		const bytes = [...open, args].reduce((sum, one) => sum + utf8Bytes(textOf(one)), 0);
		if (bytes > OPEN_MAX_BYTES)
			throw refusal("too_large", `The questions that are open at the session have ${bytes} bytes in all.`);
		await ctx.db.insert("questions", {
			...args,
			userId: ctx.userId,
			session: session._id,
			answer: null,
			createdAt: Date.now(),
		});
		return null;
	},
});

/** The first counts; the same answer from the same terminal again is still the first. */
export const answer = controlMutation({
	args: vAnswer,
	returns: vAnswered,
	handler: async (ctx, { questionId, terminalId, value }) => {
		const question = await findQuestion(ctx, questionId);
		if (question?.userId !== ctx.userId) return { kind: "late" as const };
		if (question.answer) {
			const same = question.answer.terminalId === terminalId && question.answer.value === value;
			return { kind: same ? ("first" as const) : ("late" as const) };
		}
		checked("id", "terminal id", terminalId);
		checkSize(value ?? "");
		await ctx.db.patch(question._id, { answer: { value, terminalId } });
		return { kind: "first" as const };
	},
});

/** Nobody asks any more; again is fine. */
export const close = writeMutation({
	args: { questionId: v.string() },
	returns: v.null(),
	handler: async (ctx, { questionId }) => {
		const question = await findQuestion(ctx, questionId);
		if (question?.userId === ctx.userId) await ctx.db.delete(question._id);
		return null;
	},
});

export const list = readQuery({
	args: { sessionId: v.string() },
	returns: v.array(vQuestionView),
	handler: async (ctx, { sessionId }) => {
		const questions = await questionsOf(ctx, ctx.userId, sessionId);
		return questions.map(({ _id, _creationTime, userId: _userId, session: _session, ...view }) => view);
	},
});

async function findQuestion(ctx: Pick<QueryCtx, "db">, questionId: string): Promise<Doc<"questions"> | null> {
	return await ctx.db
		.query("questions")
		.withIndex("by_questionId", (q) => q.eq("questionId", questionId))
		.first();
}

const textOf = ({ title, message, options, placeholder, prefill }: Ask): string =>
	[title, message, placeholder, prefill, ...(options ?? [])].join("\n");

function checkSize(text: string): void {
	const bytes = utf8Bytes(text);
	if (bytes > QUESTION_MAX_BYTES) {
		throw refusal("too_large", `The dialog has ${bytes} bytes, and ${QUESTION_MAX_BYTES} are allowed.`);
	}
}

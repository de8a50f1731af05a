/**
 * Dialogs of Pi's extensions (`select`, `confirm`, `input`, `editor`) that anybody at the session may answer.
 * The first answer counts (C3); who asked takes it and closes the question. A question goes with the
 * terminal that asked it.
 */
import { type Infer, v } from "convex/values";

export const vQuestionKind = v.union(
	v.literal("select"),
	v.literal("confirm"),
	v.literal("input"),
	v.literal("editor"),
);
export type QuestionKind = Infer<typeof vQuestionKind>;

/** `questions:ask`. Asking the same again is one question. */
export const vAsk = v.object({
	sessionId: v.string(),
	/** Made by the sender, 12 or more random characters. */
	questionId: v.string(),
	/** Who asks. */
	terminalId: v.string(),
	kind: vQuestionKind,
	title: v.string(),
	/** Of a `confirm`. */
	message: v.optional(v.string()),
	/** Of a `select`. */
	options: v.optional(v.array(v.string())),
	/** Of an `input`. */
	placeholder: v.optional(v.string()),
	/** Of an `editor`. */
	prefill: v.optional(v.string()),
});
export type Ask = Infer<typeof vAsk>;

/** `questions:answer`. Value: the option, the text, `yes` or `no`; null when the dialog was given up. */
export const vAnswer = v.object({
	questionId: v.string(),
	terminalId: v.string(),
	value: v.union(v.string(), v.null()),
});
export type Answer = Infer<typeof vAnswer>;

/** `late`: another answer was first, or nobody asks any more. */
export const vAnswered = v.object({ kind: v.union(v.literal("first"), v.literal("late")) });
export type Answered = Infer<typeof vAnswered>;

/** `questions:list`: a session's open and just answered questions, oldest first. */
export const vQuestionView = v.object({
	...vAsk.fields,
	answer: v.union(v.object({ value: v.union(v.string(), v.null()), terminalId: v.string() }), v.null()),
	createdAt: v.number(),
});
export type QuestionView = Infer<typeof vQuestionView>;

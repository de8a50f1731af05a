/** Finding and deleting questions, from wherever it happens. */
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../_generated/server.js";

/** Questions of a session, oldest first. `questions:ask` bounds how many there are. */
export async function questionsOf(
	ctx: Pick<QueryCtx, "db">,
	userId: Id<"users">,
	sessionId: string,
): Promise<Doc<"questions">[]> {
	return await ctx.db
		.query("questions")
		.withIndex("by_userId_sessionId", (q) => q.eq("userId", userId).eq("sessionId", sessionId))
		.collect();
}

/** Deletes what terminals ask at a session; all of it when no `gone` chooses them. */
export async function deleteQuestions(
	ctx: MutationCtx,
	{ userId, sessionId }: Pick<Doc<"sessions">, "userId" | "sessionId">,
	gone: (terminalId: string) => boolean = () => true,
): Promise<void> {
	for (const question of await questionsOf(ctx, userId, sessionId)) {
		if (gone(question.terminalId)) await ctx.db.delete(question._id);
	}
}

/** Deletes what a terminal asks, wherever. */
export async function deleteQuestionsOfTerminal(
	ctx: MutationCtx,
	userId: Id<"users">,
	terminalId: string,
): Promise<void> {
	const questions = await ctx.db
		.query("questions")
		.withIndex("by_userId_terminalId", (q) => q.eq("userId", userId).eq("terminalId", terminalId))
		.collect();
	for (const question of questions) await ctx.db.delete(question._id);
}

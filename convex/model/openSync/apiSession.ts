/** A session as OpenSync's API tells it. */
import { type Infer, v } from "convex/values";
import type { Doc } from "../../_generated/dataModel.js";

export const vApiSession = v.object({
	id: v.id("sessions"),
	externalId: v.string(),
	source: v.string(),
	title: v.optional(v.string()),
	projectPath: v.optional(v.string()),
	projectName: v.optional(v.string()),
	model: v.optional(v.string()),
	provider: v.optional(v.string()),
	/** Caches included. */
	promptTokens: v.number(),
	completionTokens: v.number(),
	totalTokens: v.number(),
	/** US dollars. */
	cost: v.number(),
	durationMs: v.optional(v.number()),
	isPublic: v.boolean(),
	messageCount: v.number(),
	createdAt: v.number(),
	updatedAt: v.number(),
});
export type ApiSession = Infer<typeof vApiSession>;

export function apiSession(session: Doc<"sessions">): ApiSession {
	const { input, output, cacheRead, cacheWrite } = session.tokens;
	const promptTokens = input + cacheRead + cacheWrite;
	const title = session.name ?? session.firstPrompt;
	const { projectPath, projectName, model, provider } = session;
	const durationMs = session.openSync?.durationMs ?? null;
	return {
		id: session._id,
		externalId: session.sessionId,
		source: session.source,
		...(title === null ? {} : { title }),
		...(projectPath === "" ? {} : { projectPath }),
		...(projectName === "" ? {} : { projectName }),
		...(model === null ? {} : { model }),
		...(provider === null ? {} : { provider }),
		promptTokens,
		completionTokens: output,
		totalTokens: promptTokens + output,
		cost: session.cost,
		...(durationMs === null ? {} : { durationMs }),
		isPublic: false,
		messageCount: session.messageCount,
		createdAt: session.startedAt,
		updatedAt: session.updatedAt,
	};
}

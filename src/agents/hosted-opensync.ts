/**
 * A session as a hosted OpenSync's `GET /api/sessions/get` tells it (github.com/waynesutton/opensync,
 * convex/api.ts). Ids stay as they are. It does not tell which agent a session is of; where the ids that
 * the known plugins make say it, that is taken, else the session is of the source `opensync`.
 */

import { type Json, objects } from "../lib/json.ts";
import type { AgentMessage } from "../protocol/agent-entry.ts";
import type { AgentSession } from "../protocol/agent-session.ts";
import { OPENSYNC_ROLES, type OpenSyncPart, type OpenSyncRole, sourceName } from "../protocol/opensync.ts";
import { amount, defined, type Read, type Skipped, text, time } from "./history.ts";

/** Never fails. A session without messages is told too: OpenSync counts it. */
export function readHostedSession(session: Json, messages: readonly Json[]): Read {
	const skipped: Skipped[] = [];
	const externalId = text(session.externalId);
	if (externalId === undefined)
		return { histories: [], skipped: [{ line: null, why: "A session has no id; it was skipped." }] };
	const told = messages.flatMap((message, at) => {
		const id = text(message.externalId);
		if (id !== undefined) return [messageOf(id, message)];
		skipped.push({ line: null, why: `Message ${at + 1} has no id; it was skipped.` });
		return [];
	});
	// The order of times, and of arrival where they are the same.
	told.sort((a, b) => (a.createdAt ?? 0) - (b.createdAt ?? 0));
	const history: AgentSession = {
		externalId,
		source: sourceName(text(session.source) ?? sourceByIds(externalId, told)),
		...defined({
			title: text(session.title),
			projectPath: text(session.projectPath),
			projectName: text(session.projectName),
			model: text(session.model),
			provider: text(session.provider),
			tokens: tokensOf(session),
			cost: amount(session.cost),
			durationMs: amount(session.durationMs),
			createdAt: time(session.createdAt),
		}),
	};
	return { histories: [{ session: history, messages: told }], skipped };
}

function tokensOf(session: Json): AgentSession["tokens"] {
	const [input, output] = [amount(session.promptTokens), amount(session.completionTokens)];
	return input === undefined && output === undefined
		? undefined
		: { input: input ?? 0, output: output ?? 0, cacheRead: 0, cacheWrite: 0 };
}

function messageOf(externalId: string, message: Json): AgentMessage {
	const role = OPENSYNC_ROLES.find((one) => one === message.role) ?? ("unknown" satisfies OpenSyncRole);
	const parts = objects(message.parts).flatMap(({ type, content }): OpenSyncPart[] =>
		typeof type === "string" ? [{ type, content: content ?? null }] : [],
	);
	return {
		externalId,
		role,
		parts,
		...defined({
			textContent: text(message.textContent),
			model: text(message.model),
			promptTokens: amount(message.promptTokens),
			completionTokens: amount(message.completionTokens),
			durationMs: amount(message.durationMs),
			createdAt: time(message.createdAt),
		}),
	};
}

/** The shapes of ids that plugins make. */
function sourceByIds(sessionId: string, messages: readonly AgentMessage[]): string {
	const some = (test: (id: string) => boolean): boolean =>
		messages.some(({ externalId }) => test(externalId));
	const ending = (id: string): string => (id.startsWith(sessionId) ? id.slice(sessionId.length) : "");
	if (some((id) => id.startsWith("pi:"))) return "pi";
	if (sessionId.startsWith("ses_")) return "opencode";
	// Claude Code's plugin ends the ids of prompts with the time in ms, pi-opensync-plugin those of all with a count.
	if (some((id) => id.startsWith("toolu_") || /^-user-\d{12,}$/.test(ending(id)))) return "claude-code";
	if (some((id) => /^-(user|assistant)-\d{1,9}$/.test(ending(id)))) return "pi";
	return "opensync";
}

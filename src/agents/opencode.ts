/**
 * OpenCode's history, from its JSON files (`storage/{session,message,part}`) or the rows of `opencode.db`.
 *
 * Known, after github.com/anomalyco/opencode: messages of the second kind (`packages/opencode/src/session/
 * message-v2.ts`), which every version since mid-2025 writes, each with its parts apart; their files as
 * `storage/json-migration.ts` reads them, and the tables `session`, `message` and `part` of
 * `session/session.sql.ts`, whose `data` holds the same JSON. Messages of the first kind (parts inside, with
 * `metadata`) are named and left.
 */

import { type Json, object } from "../lib/json.ts";
import type { AgentMessage } from "../protocol/agent-entry.ts";
import type { AgentSession } from "../protocol/agent-session.ts";
import type { OpenSyncPart } from "../protocol/opensync.ts";
import {
	amount,
	callPart,
	defined,
	projectOf,
	type Read,
	resultPart,
	type Skipped,
	text,
	textPart,
	time,
} from "./history.ts";

/** What was read of a session. The ids are those of the files or rows, which count. */
export type OpenCodeSession = {
	id: string;
	info: Json;
	messages: readonly { id: string; info: Json; parts: readonly { id: string; part: Json }[] }[];
};

/** Marks of steps and of the state of files: nothing was said. */
const BOOK_KEEPING = new Set(["step-start", "step-finish", "snapshot", "patch"]);

/** Never fails. A session in which nothing was said is left out. */
export function readOpenCode({ id, info, messages }: OpenCodeSession): Read {
	const skipped: Skipped[] = [];
	const told = messages
		.toSorted((a, b) => createdOf(a.info) - createdOf(b.info) || (a.id < b.id ? -1 : 1))
		.flatMap((one) => {
			const why = refusal(one.info);
			if (why !== null) skipped.push({ line: null, why: `Message ${one.id}: ${why}` });
			return why === null ? [{ one, message: messageOf(one) }] : [];
		})
		.filter(({ message }) => message.parts.length > 0);
	if (told.length === 0) return { histories: [], skipped };
	const infos = told.map(({ one }) => one.info);
	const answer = infos.findLast(({ role }) => role === "assistant");
	const folder =
		text(info.directory) ?? infos.map((one) => text(object(one.path).cwd)).find((cwd) => cwd !== undefined);
	const session: AgentSession = {
		externalId: id,
		source: "opencode",
		...projectOf(folder),
		...defined({
			title: text(info.title),
			model: text(answer?.modelID),
			provider: text(answer?.providerID),
			createdAt: time(object(info.time).created) ?? time(info.time_created) ?? told[0]?.message.createdAt,
		}),
	};
	return { histories: [{ session, messages: told.map(({ message }) => message) }], skipped };
}

const createdOf = (info: Json): number => time(object(info.time).created) ?? 0;

function refusal(info: Json): string | null {
	if (Array.isArray(info.parts) || info.metadata !== undefined)
		return "it is of OpenCode's first format, which is not known well enough; it was skipped.";
	if (info.role !== "user" && info.role !== "assistant")
		return `the role "${text(info.role) ?? ""}" is not known; it was skipped.`;
	return null;
}

function messageOf({ id, info, parts }: OpenCodeSession["messages"][number]): AgentMessage & {
	parts: OpenSyncPart[];
} {
	const isAnswer = info.role === "assistant";
	const created = time(object(info.time).created);
	const completed = time(object(info.time).completed);
	const ordered = parts.toSorted((a, b) => (a.id < b.id ? -1 : 1));
	const error = text(object(object(info.error).data).message) ?? text(object(info.error).name);
	return {
		externalId: id,
		// A summary is put in the model's place by OpenCode itself, but the model wrote it.
		role: isAnswer ? "assistant" : "user",
		parts: [
			...ordered.flatMap(({ part }) => partsOf(part)),
			...(error === undefined ? [] : [{ type: "error", content: info.error }]),
		],
		...defined({ createdAt: created }),
		...(isAnswer ? answerFields(info, created, completed) : {}),
	};
}

function answerFields(
	info: Json,
	created: number | undefined,
	completed: number | undefined,
): Partial<AgentMessage> {
	const tokens = object(info.tokens);
	const cache = object(tokens.cache);
	const [output, reasoning] = [amount(tokens.output), amount(tokens.reasoning)];
	return defined({
		model: text(info.modelID),
		provider: text(info.providerID),
		promptTokens: amount(tokens.input),
		// Reasoning is counted apart there, and paid for as output.
		completionTokens: output === undefined ? undefined : output + (reasoning ?? 0),
		cacheReadTokens: amount(cache.read),
		cacheWriteTokens: amount(cache.write),
		cost: amount(info.cost),
		durationMs:
			created !== undefined && completed !== undefined ? Math.max(0, completed - created) : undefined,
	});
}

function partsOf(part: Json): OpenSyncPart[] {
	const type = text(part.type);
	if (type === undefined || BOOK_KEEPING.has(type)) return [];
	switch (type) {
		case "text": {
			const said = text(part.text);
			if (said === undefined) return [];
			// What OpenCode adds to a prompt, such as the content of files, nobody typed.
			return [part.synthetic === true ? { type: "synthetic", content: said } : textPart(said)];
		}
		case "reasoning": {
			const thought = text(part.text);
			return thought === undefined ? [] : [{ type: "thinking", content: thought }];
		}
		case "tool":
			return toolParts(part);
		default:
			return [{ type, content: withoutIds(part) }];
	}
}

function toolParts(part: Json): OpenSyncPart[] {
	const state = object(part.state);
	const [name, id] = [text(part.tool) ?? "tool", text(part.callID) ?? ""];
	const call = callPart(name, id, state.input ?? {});
	switch (state.status) {
		case "completed":
			return [
				call,
				resultPart(name, id, state.output ?? "", false),
				...(Array.isArray(state.attachments) ? state.attachments : []).map((file) => ({
					type: "file",
					content: withoutIds(object(file)),
				})),
			];
		case "error":
			return [call, resultPart(name, id, state.error ?? "", true)];
		default:
			return [call];
	}
}

const withoutIds = (part: Json): Json =>
	Object.fromEntries(
		Object.entries(part).filter(([key]) => !["id", "sessionID", "messageID", "type"].includes(key)),
	);

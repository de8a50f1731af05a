/**
 * A message of another agent as an entry: the shape of Pi's message entries, so that lists, totals, search
 * and pages treat all agents alike, with nothing of what was posted lost.
 *
 * `content` holds Pi's blocks `text`, `thinking` and `toolCall`, and two of ours: `toolResult` (Pi has an
 * entry of its own for it) and `part` (a type that is unknown to us). What is not plain text keeps what was
 * posted as `posted`. The same message always gives the same line: that is how a repeat is known. Its
 * `parentId` stands in the entry's row alone, for a message does not know what came before it.
 */
import { isObject } from "../lib/json.ts";
import type { OpenSyncMessage, OpenSyncPart, OpenSyncRole } from "./opensync.ts";

/** What an importer knows besides of a message. */
export type AgentMessage = Omit<OpenSyncMessage, "sessionExternalId" | "source"> & {
	provider?: string;
	/** US dollars. */
	cost?: number;
	cacheReadTokens?: number;
	cacheWriteTokens?: number;
};

export type AgentBlock =
	| { type: "text"; text: string /** There was no part for it. */; only?: "textContent" }
	| { type: "thinking"; thinking: string; posted?: unknown }
	| { type: "toolCall"; id: string; name: string; arguments: unknown; posted: unknown }
	| {
			type: "toolResult";
			toolCallId: string;
			toolName: string;
			text: string;
			isError: boolean;
			posted: unknown;
	  }
	| { type: "part"; partType: string; posted: unknown };

export type MadeEntry = {
	entryId: string;
	/** One line of JSON. */
	json: string;
	/** ms since the epoch; null when the message tells none. */
	timestamp: number | null;
};

/** Never fails: whatever the parts hold is kept. A time that no date can hold is none. */
export function agentEntry(message: AgentMessage): MadeEntry {
	const { externalId, role, model, provider, durationMs } = message;
	const createdAt = isTime(message.createdAt) ? message.createdAt : undefined;
	const parts = message.parts ?? [];
	const content = parts.map((part, index) => blockOf(part, `${externalId}#${index}`));
	const spoken = content.filter((block) => block.type === "text").map((block) => block.text);
	const said = message.textContent;
	if (said !== undefined && said !== "" && spoken.length === 0)
		content.unshift({ type: "text", text: said, only: "textContent" });
	const usage = usageOf(message);
	const entry = {
		type: "message",
		id: externalId,
		parentId: null,
		...(createdAt === undefined ? {} : { timestamp: new Date(createdAt).toISOString() }),
		message: {
			role: piRole(role),
			...(piRole(role) === role ? {} : { postedRole: role }),
			content,
			...(said !== undefined && spoken.length > 0 && said !== spoken.join("\n") ? { textContent: said } : {}),
			...(model === undefined ? {} : { model }),
			...(provider === undefined ? {} : { provider }),
			...(durationMs === undefined ? {} : { durationMs }),
			...(usage ? { usage } : {}),
		},
	};
	return { entryId: externalId, json: JSON.stringify(entry), timestamp: createdAt ?? null };
}

/** What a date can hold. */
const isTime = (value: number | undefined): value is number =>
	value !== undefined && Math.abs(value) <= LATEST_MS;
const LATEST_MS = 8.64e15;

/** Who says it, in Pi's words: what an agent's tool says stands in blocks of its own, so it is the agent's. */
const piRole = (role: OpenSyncRole): string => (role === "tool" || role === "unknown" ? "assistant" : role);

function usageOf(message: AgentMessage): object | null {
	const { promptTokens, completionTokens, cacheReadTokens, cacheWriteTokens, cost } = message;
	const told = [promptTokens, completionTokens, cacheReadTokens, cacheWriteTokens, cost];
	if (told.every((one) => one === undefined)) return null;
	return {
		input: promptTokens ?? 0,
		output: completionTokens ?? 0,
		cacheRead: cacheReadTokens ?? 0,
		cacheWrite: cacheWriteTokens ?? 0,
		cost: { total: cost ?? 0 },
	};
}

function blockOf({ type, content }: OpenSyncPart, fallbackId: string): AgentBlock {
	const fields = isObject(content) ? content : {};
	switch (type) {
		case "text":
			if (typeof content === "string") return { type: "text", text: content };
			if (typeof fields.text === "string" && Object.keys(fields).length === 1)
				return { type: "text", text: fields.text };
			break;
		case "thinking":
		case "reasoning":
			if (typeof content === "string" && type === "thinking") return { type: "thinking", thinking: content };
			return {
				type: "thinking",
				thinking: textOf(content),
				posted: { type, content },
			};
		case "tool-call":
		case "tool_call":
		case "tool_use":
			return {
				type: "toolCall",
				id: firstText(fields, ["toolCallId", "toolUseId", "callId", "id"]) ?? fallbackId,
				name: firstText(fields, ["toolName", "name", "tool"]) ?? "tool",
				arguments: first(fields, ["args", "input", "arguments", "parameters"]) ?? {},
				posted: { type, content },
			};
		case "tool-result":
		case "tool_result":
			return {
				type: "toolResult",
				toolCallId: firstText(fields, ["toolCallId", "toolUseId", "tool_use_id", "callId", "id"]) ?? "",
				toolName: firstText(fields, ["toolName", "name", "tool"]) ?? "tool",
				text: textOf(first(fields, ["result", "output", "content", "text"]) ?? content),
				isError: fields.isError === true || fields.is_error === true || typeof fields.error === "string",
				posted: { type, content },
			};
	}
	return { type: "part", partType: type, posted: content };
}

/** The part that a block was made of; null for what no part told. */
export function partOf(block: AgentBlock): OpenSyncPart | null {
	switch (block.type) {
		case "text":
			return block.only ? null : { type: "text", content: block.text };
		case "thinking":
			return (block.posted as OpenSyncPart | undefined) ?? { type: "thinking", content: block.thinking };
		case "toolCall":
		case "toolResult":
			return block.posted as OpenSyncPart;
		case "part":
			return { type: block.partType, content: block.posted };
	}
}

/** Text as people would read it: blocks of text joined, anything else as JSON. */
function textOf(value: unknown): string {
	if (typeof value === "string") return value;
	if (Array.isArray(value)) {
		const texts = value.map((one) => (typeof one === "string" ? one : isObject(one) ? one.text : undefined));
		if (texts.length > 0 && texts.every((one) => typeof one === "string")) return texts.join("\n");
	}
	if (isObject(value) && typeof value.text === "string") return value.text;
	if (isObject(value) && typeof value.output === "string") return value.output;
	return value === undefined || value === null ? "" : JSON.stringify(value, null, 2);
}

const first = (fields: Record<string, unknown>, names: readonly string[]): unknown =>
	names.map((name) => fields[name]).find((value) => value !== undefined && value !== null);

function firstText(fields: Record<string, unknown>, names: readonly string[]): string | undefined {
	const found = names.map((name) => fields[name]).find((value) => typeof value === "string" && value !== "");
	return found as string | undefined;
}

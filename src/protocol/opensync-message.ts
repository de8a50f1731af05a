/**
 * An entry of Pi's or of another agent as OpenSync's API tells messages: for posting to a hosted OpenSync,
 * and for our own answers in its shapes. Entries that nobody says (labels, names, model changes, other
 * extensions' own) are no messages. Pure and total.
 */
import { type Json, object, objects, parsedObject, text } from "../lib/json.ts";
import { type AgentBlock, partOf } from "./agent-entry.ts";
import type { OpenSyncPart, OpenSyncRole } from "./opensync.ts";

export type ToldMessage = {
	entryId: string;
	role: OpenSyncRole;
	/** What a person would read; absent when there is no text. */
	textContent?: string;
	parts: OpenSyncPart[];
	model?: string;
	/** Input and cache tokens together: what was sent to the model. */
	promptTokens?: number;
	completionTokens?: number;
	/** US dollars. */
	cost?: number;
	durationMs?: number;
	/** ms since the epoch; null when the entry tells none. */
	createdAt: number | null;
};

/** Null when the line is no message. @param json one line of a session file. */
export function openSyncMessage(json: string): ToldMessage | null {
	const entry = parsedObject(json) ?? {};
	const entryId = text(entry.id);
	if (entryId === undefined) return null;
	const told = toldBy(entry);
	if (!told) return null;
	const message = object(entry.message);
	const at = Date.parse(String(entry.timestamp));
	return {
		entryId,
		...told,
		...(told.textContent === undefined ? said(told.parts) : {}),
		...usage(message.usage),
		...(text(message.model) === undefined ? {} : { model: text(message.model) as string }),
		...(typeof message.durationMs === "number" ? { durationMs: message.durationMs } : {}),
		createdAt: Number.isFinite(at) ? at : null,
	};
}

type Told = Pick<ToldMessage, "role" | "parts" | "textContent">;

function toldBy(entry: Json): Told | null {
	switch (entry.type) {
		case "message":
			return messageTold(object(entry.message));
		case "compaction":
		case "branch_summary":
			return { role: "system", parts: textParts(text(entry.summary)) };
		case "custom_message":
			return entry.display === false ? null : { role: "system", parts: contentParts(entry.content) };
		default:
			return null;
	}
}

function messageTold(message: Json): Told | null {
	const posted = text(message.postedRole);
	const whole = text(message.textContent);
	const parts = contentParts(message.content);
	const spoken = whole === undefined ? onlySaid(message.content) : { textContent: whole };
	switch (message.role) {
		case "user":
		case "system":
			return { role: message.role, parts, ...spoken };
		case "assistant": {
			const failure = parts.length === 0 ? textParts(text(message.errorMessage)) : [];
			return {
				role: posted === "tool" || posted === "unknown" ? posted : "assistant",
				parts: [...parts, ...failure],
				...spoken,
			};
		}
		case "toolResult":
			return { role: "tool", parts: [toolResult(message)] };
		case "bashExecution":
			return {
				role: "user",
				parts: textParts(`$ ${text(message.command) ?? ""}\n${text(message.output) ?? ""}`.trimEnd()),
			};
		case "custom":
			return message.display === false ? null : { role: "system", parts };
		default:
			return null;
	}
}

/** A text that no part told. */
function onlySaid(content: unknown): { textContent?: string } {
	const block = objects(content).find((one) => one.type === "text" && one.only === "textContent");
	return block ? { textContent: String(block.text) } : {};
}

function contentParts(content: unknown): OpenSyncPart[] {
	if (typeof content === "string") return textParts(content);
	return objects(content).flatMap((block): OpenSyncPart[] => {
		switch (block.type) {
			case "text":
				return block.only ? [] : textParts(text(block.text));
			case "thinking":
				return block.posted ? own(block) : [{ type: "thinking", content: text(block.thinking) ?? "" }];
			case "toolCall":
				return block.posted ? own(block) : [toolCall(block)];
			case "toolResult":
			case "part":
				return own(block);
			case "image":
				return textParts(`[image ${text(block.mimeType) ?? ""}]`.replace(" ]", "]"));
			default:
				return [];
		}
	});
}

function own(block: Json): OpenSyncPart[] {
	const part = partOf(block as unknown as AgentBlock);
	return part ? [part] : [];
}

const toolCall = (block: Json): OpenSyncPart => ({
	type: "tool-call",
	content: {
		toolName: text(block.name) ?? "",
		name: text(block.name) ?? "",
		toolCallId: text(block.id) ?? "",
		args: block.arguments ?? {},
	},
});

const toolResult = (message: Json): OpenSyncPart => ({
	type: "tool-result",
	content: {
		toolName: text(message.toolName) ?? "",
		toolCallId: text(message.toolCallId) ?? "",
		result: contentParts(message.content)
			.map(({ content }) => String(content))
			.join("\n"),
		isError: message.isError === true,
	},
});

const textParts = (value: string | undefined): OpenSyncPart[] =>
	value === undefined || value === "" ? [] : [{ type: "text", content: value }];

function said(parts: readonly OpenSyncPart[]): { textContent?: string } {
	const texts = parts.filter(({ type }) => type === "text").map(({ content }) => String(content));
	return texts.length === 0 ? {} : { textContent: texts.join("\n") };
}

function usage(value: unknown): Pick<ToldMessage, "promptTokens" | "completionTokens" | "cost"> {
	const told = object(value);
	const [input, output, read, write] = [told.input, told.output, told.cacheRead, told.cacheWrite].map(amount);
	const cost = amount(object(told.cost).total);
	if (value === undefined || input === undefined) return {};
	return {
		promptTokens: input + (read ?? 0) + (write ?? 0),
		completionTokens: output ?? 0,
		...(cost === undefined ? {} : { cost }),
	};
}

/** So small that any sum of them is a number. */
const amount = (value: unknown): number | undefined =>
	typeof value === "number" && value >= 0 ? Math.min(value, Number.MAX_SAFE_INTEGER) : undefined;

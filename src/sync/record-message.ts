/**
 * One entry as the message that a hosted OpenSync gets. Each is posted once, final, so everything about it
 * is settled here: what was not wanted is left out, thinking is text (its page shows no other), and
 * nothing is in it that Convex would not store: sizes, names of fields, halves of characters. Pure.
 */
import { cutText } from "../lib/plain-text.ts";
import type { OpenSyncMessage, OpenSyncPart } from "../protocol/opensync.ts";
import { openSyncMessage } from "../protocol/opensync-message.ts";

/** What goes along. */
export type RecordKept = { toolCalls: boolean; thinking: boolean };

/** Characters of a tool's result, and of the arguments of a call. */
const TOOL_CHARS = 20_000;
/** Characters of one text. */
const TEXT_CHARS = 100_000;
/** Characters of all parts of a message: far from the 1 MiB that Convex stores, whatever the alphabet. */
const MESSAGE_CHARS = 200_000;
const MOST_PARTS = 500;
/** Fields of an object, or elements of a list: Convex stores 1,024 and 8,192. */
const MOST_FIELDS = 1_000;

/** One for all users of an OpenSync, and the same whenever the entry is posted. */
export const recordMessageId = (sessionId: string, entryId: string): string => `pi:${sessionId}:${entryId}`;

/** Whether entries of this type can be messages: others need not be looked at. */
export const mayBeMessage = (type: string): boolean =>
	type === "message" || type === "custom_message" || type === "compaction" || type === "branch_summary";

/** Null when there is nothing in it that anybody would read. @param json the entry's line, redacted. */
export function recordMessage(sessionId: string, json: string, kept: RecordKept): OpenSyncMessage | null {
	const told = openSyncMessage(json);
	if (!told) return null;
	const parts = withinBounds(told.parts.flatMap((part) => recordPart(part, kept)));
	const textContent = cut(told.textContent ?? "", TEXT_CHARS);
	if (parts.length === 0 && textContent === "") return null;
	return {
		sessionExternalId: sessionId,
		externalId: recordMessageId(sessionId, told.entryId),
		role: told.role,
		source: "pi",
		...(textContent === "" ? {} : { textContent }),
		...(told.model === undefined ? {} : { model: cut(told.model, TOOL_CHARS) }),
		...(told.promptTokens === undefined ? {} : { promptTokens: told.promptTokens }),
		...(told.completionTokens === undefined ? {} : { completionTokens: told.completionTokens }),
		...(told.durationMs === undefined ? {} : { durationMs: told.durationMs }),
		...(told.createdAt === null ? {} : { createdAt: told.createdAt }),
		// Always there: an update without parts would erase them.
		parts,
	};
}

function recordPart({ type, content }: OpenSyncPart, kept: RecordKept): OpenSyncPart[] {
	const fields = (typeof content === "object" && content !== null ? content : {}) as Record<string, unknown>;
	const name = cut(String(fields.toolName ?? ""), TOOL_CHARS);
	const toolCallId = cut(String(fields.toolCallId ?? ""), TOOL_CHARS);
	switch (type) {
		case "text":
			return textPart(String(content));
		case "thinking":
			return kept.thinking && content !== "" ? textPart(`<thinking>\n${String(content)}\n</thinking>`) : [];
		case "tool-call":
			if (!kept.toolCalls) return [];
			return [{ type, content: { toolName: name, name, toolCallId, args: safeArgs(fields.args) } }];
		case "tool-result": {
			if (!kept.toolCalls) return [];
			const result = cut(String(fields.result ?? ""), TOOL_CHARS);
			return [{ type, content: { toolName: name, toolCallId, result, isError: fields.isError === true } }];
		}
		default:
			return [];
	}
}

const textPart = (text: string): OpenSyncPart[] => [{ type: "text", content: cut(text, TEXT_CHARS) }];

/** The parts that fit, and a word about the rest. */
function withinBounds(parts: OpenSyncPart[]): OpenSyncPart[] {
	let chars = 0;
	const fits = parts.findIndex((part, index) => {
		chars += JSON.stringify(part).length;
		return chars > MESSAGE_CHARS || index >= MOST_PARTS;
	});
	if (fits < 0) return parts;
	return [...parts.slice(0, fits), { type: "text", content: `[cut: ${parts.length - fits} more parts]` }];
}

/** Half characters are replaced: Convex stores none. */
export const wellFormed = (text: string): string => text.replace(LONE_SURROGATES, "\ufffd");

/** Well formed, and marked where it was cut. */
function cut(text: string, most: number): string {
	const { shown, hidden } = cutText(text, most);
	const whole = wellFormed(shown);
	return hidden === 0 ? whole : `${whole}\n[cut: ${hidden} more characters]`;
}

const LONE_SURROGATES = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Arguments as they are where Convex can store them, else as text. */
function safeArgs(args: unknown): unknown {
	const given = args ?? {};
	const json = JSON.stringify(given);
	return json.length <= TOOL_CHARS && isStorable(given, 8) ? given : cut(json, TOOL_CHARS);
}

function isStorable(value: unknown, depth: number): boolean {
	if (typeof value === "string") return value.search(LONE_SURROGATES) < 0;
	if (typeof value === "boolean" || typeof value === "number") return true;
	if (typeof value !== "object" || value === null || depth === 0) return false;
	if (Array.isArray(value))
		return value.length <= MOST_FIELDS && value.every((one) => isStorable(one, depth - 1));
	const fields = Object.entries(value);
	if (fields.length > MOST_FIELDS) return false;
	return fields.every(([key, one]) => /^(?![$_])[\x20-\x7e]{1,64}$/.test(key) && isStorable(one, depth - 1));
}

/**
 * What the page shows of an entry, read from its JSON. Total: whatever does not have the shape that Pi
 * gives it becomes `unknown` and is shown raw, never an error and never nothing.
 */
import { type Json, object, parsedObject } from "../../../lib/json.ts";
import type { EntryView } from "../../../protocol/entry.ts";

export type ContentPart =
	| { kind: "text"; text: string }
	/** `url` is a `data:` address of a picture type that browsers draw without running anything. */
	| { kind: "image"; url: string }
	| { kind: "other"; json: string };

export type AssistantPart =
	| ContentPart
	| { kind: "thinking"; text: string; redacted: boolean }
	| { kind: "toolCall"; toolCallId: string; toolName: string; args: string }
	/** Other agents tell results within their messages; Pi has an entry for each. */
	| { kind: "toolResult"; result: ToolResult }
	/** What another agent posted under a type that is unknown to us. */
	| { kind: "posted"; title: string; json: string };

export type ToolResult = {
	toolCallId: string;
	toolName: string;
	parts: readonly ContentPart[];
	isError: boolean;
};

export type EntryModel =
	| { kind: "user"; parts: readonly AssistantPart[] }
	| {
			kind: "assistant";
			parts: readonly AssistantPart[];
			model: string | null;
			error: string | null;
			aborted: boolean;
	  }
	| { kind: "toolResult"; result: ToolResult }
	| {
			kind: "bash";
			command: string;
			output: string;
			exitCode: number | null;
			cancelled: boolean;
			truncated: boolean;
			excluded: boolean;
	  }
	| { kind: "summary"; of: "compaction" | "branch"; text: string; tokensBefore: number | null }
	| { kind: "custom"; name: string; parts: readonly ContentPart[] }
	/** Folded: long and seldom wanted, such as a system prompt. */
	| { kind: "folded"; title: string; text: string }
	/** What an agent calls a system's message, when it is more than text. */
	| { kind: "system"; parts: readonly AssistantPart[] }
	/** A change of something, in a few words. */
	| { kind: "note"; text: string }
	| { kind: "unknown"; type: string; json: string };

/** Reads an entry's line. */
export function readEntry(json: string, type: string): EntryModel {
	const entry = parsedObject(json);
	const model = entry && (type === "message" ? readMessage(object(entry.message)) : readOther(entry, type));
	return model ?? { kind: "unknown", type, json };
}

/** The model of a row whose JSON is here; null when it is stored elsewhere and must be fetched. */
export function readView(view: EntryView): EntryModel | null {
	return view.json === null ? null : readEntry(view.json, view.type);
}

function readMessage(message: Json): EntryModel | null {
	switch (message.role) {
		case "user":
			return { kind: "user", parts: messageParts(message) };
		case "assistant":
			return readAssistant(message);
		case "toolResult":
			return { kind: "toolResult", result: readResult(message) };
		case "bashExecution":
			return readBash(message);
		case "custom":
			return {
				kind: "custom",
				name: text(message.customType) ?? "custom",
				parts: contentParts(message.content),
			};
		case "branchSummary":
		case "compactionSummary":
			return readSummary(message, message.role === "branchSummary" ? "branch" : "compaction");
		case "system":
			return readSystem(message);
		default:
			return null;
	}
}

function readOther(entry: Json, type: string): EntryModel | null {
	switch (type) {
		case "compaction":
			return readSummary(entry, "compaction");
		case "branch_summary":
			return readSummary(entry, "branch");
		case "custom_message":
			return { kind: "custom", name: text(entry.customType) ?? "custom", parts: contentParts(entry.content) };
		case "model_change":
			return note("Model", [text(entry.provider), text(entry.modelId)].filter(Boolean).join("/"));
		case "thinking_level_change":
			return note("Thinking level", text(entry.thinkingLevel));
		case "session_info":
			return note("Session named", text(entry.name) ?? "nothing");
		case "label":
			return typeof entry.label === "string"
				? note("Label", entry.label)
				: { kind: "note", text: "Label removed" };
		default:
			return null;
	}
}

function note(what: string, value: string | null): EntryModel | null {
	return value ? { kind: "note", text: `${what}: ${value}` } : null;
}

function readAssistant(message: Json): EntryModel {
	const stop = text(message.stopReason);
	const error = text(message.errorMessage);
	return {
		kind: "assistant",
		parts: messageParts(message),
		model: text(message.model),
		error: stop === "error" ? (error ?? "The model reported an error.") : null,
		aborted: stop === "aborted",
	};
}

/** The blocks of a message, and its text when that says something else than they do. */
function messageParts(message: Json): AssistantPart[] {
	const { content, textContent } = message;
	const parts = typeof content === "string" ? contentParts(content) : listOf(content).map(assistantPart);
	if (typeof textContent !== "string") return parts;
	return [...parts, { kind: "posted", title: "The same as plain text", json: textContent }];
}

function assistantPart(block: unknown): AssistantPart {
	const { type, ...rest } = object(block);
	if (type === "thinking" && typeof rest.thinking === "string") {
		return { kind: "thinking", text: rest.thinking, redacted: rest.redacted === true };
	}
	if (type === "toolCall" && typeof rest.name === "string") {
		return {
			kind: "toolCall",
			toolCallId: text(rest.id) ?? "",
			toolName: rest.name,
			args: pretty(rest.arguments ?? {}),
		};
	}
	if (type === "toolResult" && typeof rest.text === "string")
		return { kind: "toolResult", result: { ...readResult(rest), parts: contentParts(rest.text) } };
	if (type === "part" && typeof rest.partType === "string")
		return { kind: "posted", title: `Part of type ${rest.partType}`, json: pretty(rest.posted) };
	return contentPart(block);
}

function readResult(message: Json): ToolResult {
	return {
		toolCallId: text(message.toolCallId) ?? "",
		toolName: text(message.toolName) ?? "tool",
		parts: contentParts(message.content),
		isError: message.isError === true,
	};
}

function readBash(message: Json): EntryModel {
	return {
		kind: "bash",
		command: text(message.command) ?? "",
		output: text(message.output) ?? "",
		exitCode: typeof message.exitCode === "number" ? message.exitCode : null,
		cancelled: message.cancelled === true,
		truncated: message.truncated === true,
		excluded: message.excludeFromContext === true,
	};
}

function readSummary(entry: Json, of: "compaction" | "branch"): EntryModel | null {
	const summary = text(entry.summary);
	if (summary === null) return null;
	return {
		kind: "summary",
		of,
		text: summary,
		tokensBefore: typeof entry.tokensBefore === "number" ? entry.tokensBefore : null,
	};
}

function readSystem(message: Json): EntryModel {
	const parts = messageParts(message);
	if (parts.some(({ kind }) => kind !== "text" && kind !== "image" && kind !== "other"))
		return { kind: "system", parts };
	return { kind: "folded", title: "System prompt", text: systemText(message) };
}

function systemText(message: Json): string {
	const sections = Object.values(object(message.sections)).filter((value) => typeof value === "string");
	const own = contentParts(message.content).map((part) => (part.kind === "text" ? part.text : ""));
	return [...own, ...sections].filter(Boolean).join("\n\n");
}

/** The blocks of a message's content; a bare string is one text. */
export function contentParts(content: unknown): ContentPart[] {
	if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
	return listOf(content).map(contentPart);
}

const PICTURES = /^image\/(png|jpeg|gif|webp)$/;

function contentPart(block: unknown): ContentPart {
	const { type, text: said, data, mimeType } = object(block);
	if (type === "text" && typeof said === "string") return { kind: "text", text: said };
	if (
		type === "image" &&
		typeof data === "string" &&
		typeof mimeType === "string" &&
		PICTURES.test(mimeType)
	) {
		return { kind: "image", url: `data:${mimeType};base64,${data}` };
	}
	return { kind: "other", json: pretty(block) };
}

/** JSON as people read it. */
export function pretty(value: unknown): string {
	return JSON.stringify(value, null, 2) ?? "";
}

function listOf(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | null {
	return typeof value === "string" ? value : null;
}

/**
 * What lists and totals need of an entry, read from its line. Pure and total: a type unknown to us, a
 * payload of another shape or a line that is no JSON gives fewer columns, never an error, for entries
 * are relayed whatever they are (X1).
 */
import { isObject, type Json, object, objects, parsedObject, text } from "../lib/json.ts";
import type { EntryColumns } from "./entry.ts";
import { PREVIEW_CHARS } from "./limits.ts";
import type { Tokens } from "./session.ts";

export type DescribedEntry = {
	/** Empty when the line has none, as in session format 1. */
	entryId: string;
	parentId: string | null;
	/** `unknown` when the line names none. */
	type: string;
	/** ms since the epoch; 0 when the line tells no time. */
	timestamp: number;
	columns: EntryColumns;
};

/** Reads one line of a session file. */
export function describeEntry(json: string): DescribedEntry {
	const entry = parsedObject(json) ?? {};
	const type = text(entry.type) ?? "unknown";
	const message = object(entry.message);
	return {
		entryId: wellFormed(text(entry.id) ?? ""),
		parentId: typeof entry.parentId === "string" ? wellFormed(entry.parentId) : null,
		type: wellFormed(type),
		timestamp: time(entry.timestamp) ?? time(message.timestamp) ?? 0,
		columns: clean(type === "message" ? messageColumns(message) : otherColumns(type, entry)),
	};
}

function messageColumns(message: Json): EntryColumns {
	const role = text(message.role);
	const columns: EntryColumns = {
		role,
		preview: preview(readable(message.content)),
		...usageColumns(message.usage),
	};
	if (role === "assistant") {
		const calls = objects(message.content).filter((block) => block.type === "toolCall");
		columns.model = text(message.model);
		columns.provider = text(message.provider);
		if (calls.length > 0) columns.toolCallCount = calls.length;
		if (message.stopReason === "error") columns.isError = true;
		columns.preview ??= preview(text(message.errorMessage)) ?? preview(text(calls[0]?.name));
	}
	if (role === "toolResult") {
		columns.toolName = text(message.toolName);
		columns.toolCallId = text(message.toolCallId);
		if (typeof message.isError === "boolean") columns.isError = message.isError;
	}
	if (role === "bashExecution") {
		columns.preview = preview(text(message.command));
		if (typeof message.exitCode === "number") columns.isError = message.exitCode !== 0;
	}
	return columns;
}

function otherColumns(type: string, entry: Json): EntryColumns {
	const columns: EntryColumns = usageColumns(entry.usage);
	switch (type) {
		case "model_change":
			columns.model = text(entry.modelId);
			columns.provider = text(entry.provider);
			columns.preview = preview(columns.model);
			break;
		case "usage":
			columns.model = text(entry.model);
			columns.provider = text(entry.provider);
			columns.preview = preview(text(entry.note) ?? text(entry.kind));
			break;
		case "thinking_level_change":
			columns.preview = preview(text(entry.thinkingLevel));
			break;
		case "compaction":
		case "branch_summary":
			columns.preview = preview(text(entry.summary));
			break;
		case "session_info":
			columns.preview = preview(text(entry.name));
			break;
		case "label":
			columns.preview = preview(text(entry.label));
			break;
		case "custom_message":
			columns.preview = preview(readable(entry.content));
			break;
		case "custom":
			columns.preview = preview(text(entry.customType));
			break;
	}
	return columns;
}

/** Pi's `usage`: counts by kind and the cost in US dollars. */
function usageColumns(value: unknown): EntryColumns {
	if (!isObject(value)) return {};
	const tokens: Tokens = {
		input: amount(value.input),
		output: amount(value.output),
		cacheRead: amount(value.cacheRead),
		cacheWrite: amount(value.cacheWrite),
	};
	return { tokens, cost: amount(object(value.cost).total) };
}

/** The text blocks of a message's content, joined. */
function readable(content: unknown): string | undefined {
	if (typeof content === "string") return content;
	const parts = objects(content)
		.filter((block) => block.type === "text")
		.map((block) => text(block.text) ?? "");
	return parts.length > 0 ? parts.join("\n") : undefined;
}

/** Its first characters, trimmed, with no half of a surrogate pair; undefined when nothing is left. */
function preview(value: string | undefined): string | undefined {
	if (value === undefined) return undefined;
	// Cut first with room to spare: a text of megabytes must not be walked by code points.
	const head = value.trimStart().slice(0, PREVIEW_CHARS * 2);
	const cut = Array.from(head).slice(0, PREVIEW_CHARS).join("").trimEnd();
	return cut === "" ? undefined : cut;
}

/** Convex takes no lone surrogates in strings. */
function wellFormed(value: string): string {
	return value.replace(/\p{Surrogate}/gu, "\uFFFD");
}

function amount(value: unknown): number {
	return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

/** ISO text or ms since the epoch. */
function time(value: unknown): number | undefined {
	const ms = typeof value === "string" ? Date.parse(value) : value;
	return typeof ms === "number" && Number.isFinite(ms) ? ms : undefined;
}

function clean(columns: EntryColumns): EntryColumns {
	const known = Object.entries(columns).filter(([, value]) => value !== undefined);
	return Object.fromEntries(
		known.map(([name, value]) => [name, typeof value === "string" ? wellFormed(value) : value]),
	);
}

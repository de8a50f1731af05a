/** Parts of Pi's events and what puts them together with entries. */
import type { KnownEntry, PiEvent, Tool } from "./pi-events.ts";

type Json = Record<string, unknown>;

/** A message from its beginning to where it is. */
export const wholeOf = (message: Json): PiEvent[] => [
	{ type: "message_start", message },
	{ type: "message_update", message, assistantMessageEvent: { type: "start", partial: message } },
];

const NO_USAGE = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, totalTokens: 0 };
export const NO_MODEL = {
	api: "",
	provider: "",
	model: "",
	stopReason: "stop",
	usage: { ...NO_USAGE, cost: { ...NO_USAGE, total: 0 } },
};

export function resultOf(tool: Tool): Json {
	return {
		content: tool.output === "" ? [] : [{ type: "text", text: tool.output }],
		...(tool.hasDetails ? { details: tool.details } : {}),
	};
}

/** By what an entry and the ops that told it are put together; null for what ops never tell. */
export function kindOf(entry: KnownEntry): string | null {
	if (entry.type === "compaction") return "compaction";
	if (entry.type === "custom_message") return "custom";
	if (entry.type !== "message") return null;
	const message = asObject(entry.message);
	if (message?.role === "toolResult") return `tool:${String(message.toolCallId)}`;
	return message?.role === "user" || message?.role === "assistant" ? message.role : null;
}

export function bump(counts: Map<string, number>, kind: string, by: number): void {
	const count = (counts.get(kind) ?? 0) + by;
	if (count > 0) counts.set(kind, count);
	else counts.delete(kind);
}

export function take(counts: Map<string, number>, kind: string): boolean {
	if ((counts.get(kind) ?? 0) === 0) return false;
	bump(counts, kind, -1);
	return true;
}

export function parseEvent(json: string): PiEvent | null {
	try {
		const value = asObject(JSON.parse(json));
		return typeof value?.type === "string" ? (value as PiEvent) : null;
	} catch {
		// Counted by the caller.
		return null;
	}
}

export function asObject(value: unknown): Json | null {
	return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

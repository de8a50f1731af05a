/**
 * Leaves out what is not wanted on the backend. The tree stays whole: every entry is still there, a call
 * keeps its id and name and a result its call's, and what was taken away is marked `leftOut: true` (A5).
 */
import type { DeltaOp } from "../protocol/stream.ts";

/** What stays. */
export type Kept = { toolCalls: boolean; thinking: boolean };

type Json = Record<string, unknown>;

/** What stands in place of a tool's result. */
export const LEFT_OUT_TEXT = "[left out]";

/** An entry's JSON without what is not kept; the same line when all of it is. */
export function leaveOut(json: string, kept: Kept): string {
	if (kept.toolCalls && kept.thinking) return json;
	const entry = parse(json);
	const message = entry?.type === "message" && isObject(entry.message) ? entry.message : null;
	if (!entry || !message) return json;
	const changed = message.role === "toolResult" ? withoutResult(message, kept) : withoutBlocks(message, kept);
	return changed === message ? json : JSON.stringify({ ...entry, message: changed });
}

function withoutResult(message: Json, kept: Kept): Json {
	if (kept.toolCalls) return message;
	const { details: _details, structuredContent: _structured, ...rest } = message;
	return { ...rest, content: [{ type: "text", text: LEFT_OUT_TEXT }], leftOut: true };
}

function withoutBlocks(message: Json, kept: Kept): Json {
	if (!Array.isArray(message.content)) return message;
	const content = message.content.map((block) => {
		if (!isObject(block)) return block;
		if (block.type === "thinking" && !kept.thinking) return { type: "thinking", thinking: "", leftOut: true };
		if (block.type === "toolCall" && !kept.toolCalls) {
			return { type: "toolCall", id: block.id, name: block.name, arguments: {}, leftOut: true };
		}
		return block;
	});
	return content.some((block, index) => block !== (message.content as unknown[])[index])
		? { ...message, content }
		: message;
}

/** The same for a delta; null when nothing of it stays. */
export function leaveOutOp(op: DeltaOp, kept: Kept): DeltaOp | null {
	if (op[0] === "h") return kept.thinking ? op : null;
	if (kept.toolCalls) return op;
	if (op[0] === "v") return isOfTool(op[2]) ? null : op;
	if (op[0] === "a" || op[0] === "o") return null;
	return op[0] === "x" ? ["x", op[1], op[2], ""] : op;
}

/** Whether a whole event is one of a tool's run, with what it printed. */
const isOfTool = (json: string): boolean => String(parse(json)?.type).startsWith("tool_execution_");

function parse(json: string): Json | null {
	try {
		const value: unknown = JSON.parse(json);
		return isObject(value) ? value : null;
	} catch {
		// Not ours to judge: it goes as it is, like any payload that we do not know.
		return null;
	}
}

const isObject = (value: unknown): value is Json =>
	typeof value === "object" && value !== null && !Array.isArray(value);

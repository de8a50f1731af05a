/** Content blocks of Anthropic's Messages API, as Claude Code stores them, as parts. Nothing is lost. */

import { isObject, type Json } from "../lib/json.ts";
import type { OpenSyncPart } from "../protocol/opensync.ts";
import { callPart, resultPart, text, textPart } from "./history.ts";

/** @param toolNames by the call's id: told by the calls, asked for by their results. */
export function claudeParts(content: unknown, toolNames: Map<string, string>): OpenSyncPart[] {
	if (typeof content === "string") return content === "" ? [] : [textPart(content)];
	if (!Array.isArray(content)) return [];
	return content.flatMap((block) =>
		typeof block === "string" ? [textPart(block)] : isObject(block) ? partOf(block, toolNames) : [],
	);
}

function partOf(block: Json, toolNames: Map<string, string>): OpenSyncPart[] {
	const { type, ...rest } = block;
	switch (type) {
		case "text":
			return text(block.text) === undefined ? [] : [textPart(block.text as string)];
		case "thinking":
			// The signature is for the model's provider alone.
			return text(block.thinking) === undefined
				? []
				: [{ type: "thinking", content: block.thinking as string }];
		case "redacted_thinking":
			return [];
		case "tool_use":
		case "server_tool_use": {
			const [id, name] = [text(block.id) ?? "", text(block.name) ?? "tool"];
			toolNames.set(id, name);
			return [callPart(name, id, block.input ?? {})];
		}
		case "tool_result": {
			const id = text(block.tool_use_id) ?? "";
			return [resultPart(toolNames.get(id) ?? "tool", id, block.content ?? "", block.is_error === true)];
		}
		default:
			// Pictures, documents and what else there may be.
			return [{ type: typeof type === "string" && type !== "" ? type : "unknown", content: rest }];
	}
}

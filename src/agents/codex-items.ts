/** One item of Codex's conversation (`ResponseItem` in codex-rs/protocol/src/models.rs) as parts. */

import { isObject, type Json, object, objects } from "../lib/json.ts";
import type { OpenSyncPart } from "../protocol/opensync.ts";
import { callPart, resultPart, text, textPart } from "./history.ts";

export type CodexItem =
	/** A message of its own. */
	| { kind: "said"; role: "user" | "system" | "tool"; parts: OpenSyncPart[] }
	/** Of the model; several in a row are one message. */
	| { kind: "answer"; parts: OpenSyncPart[] }
	/** Book-keeping, or for the model's provider alone. */
	| { kind: "nothing" }
	| { kind: "unknown"; type: string };

/** @param toolNames by the call's id: told by the calls, asked for by their outputs. */
export function codexItem(item: Json, toolNames: Map<string, string>): CodexItem {
	switch (item.type) {
		case "message":
			return messageItem(item);
		case "agent_message":
			return { kind: "answer", parts: [{ type: "agent-message", content: without(item, "type") }] };
		case "reasoning":
			return { kind: "answer", parts: thoughts(item) };
		case "function_call":
			return call(item, toolNames, parsedOrText(item.arguments));
		case "custom_tool_call":
			return call(item, toolNames, item.input ?? "");
		case "local_shell_call":
			return call(item, toolNames, item.action ?? {}, "shell");
		case "web_search_call":
			return call(item, toolNames, item.action ?? {}, "web_search");
		case "tool_search_call":
			return call(item, toolNames, item.arguments ?? {}, "tool_search");
		case "image_generation_call":
			return call(item, toolNames, without(item, "type"), "image_generation");
		case "function_call_output":
		case "custom_tool_call_output":
		case "local_shell_call_output":
			return output(item, toolNames, item.output);
		case "tool_search_output":
			return output(item, toolNames, item.tools, "tool_search");
		case "additional_tools":
		case "ghost_snapshot":
		case "compaction":
		case "compaction_summary":
		case "context_compaction":
		case "other":
			return { kind: "nothing" };
		default:
			return { kind: "unknown", type: text(item.type) ?? "" };
	}
}

/** What Codex itself puts before a person's prompt, in the person's name. */
export const isInjected = (said: string): boolean =>
	/^\s*(<(environment_context|user_instructions|permissions instructions|turn_aborted|user_shell_command|skill|subagent_notification)\b|# AGENTS\.md instructions)/.test(
		said,
	);

function messageItem(item: Json): CodexItem {
	const parts = contentParts(item.content);
	if (item.role === "assistant") return { kind: "answer", parts };
	const first = parts.find(({ type }) => type === "text")?.content;
	const injected = item.role !== "user" || (typeof first === "string" && isInjected(first));
	return { kind: "said", role: injected ? "system" : "user", parts };
}

function contentParts(content: unknown): OpenSyncPart[] {
	if (typeof content === "string") return content === "" ? [] : [textPart(content)];
	return objects(content).flatMap((block): OpenSyncPart[] => {
		switch (block.type) {
			case "input_text":
			case "output_text":
			case "text":
			case "refusal": {
				const said = text(block.text) ?? text(block.refusal);
				return said === undefined ? [] : [textPart(said)];
			}
			case "input_image":
				return [{ type: "image", content: without(block, "type") }];
			default:
				return [{ type: text(block.type) ?? "unknown", content: without(block, "type") }];
		}
	});
}

/** What of it can be read; the rest is encrypted. */
function thoughts(item: Json): OpenSyncPart[] {
	const said = [...objects(item.summary), ...objects(item.content)].flatMap(
		(block) => text(block.text) ?? [],
	);
	return said.length === 0 ? [] : [{ type: "thinking", content: said.join("\n\n") }];
}

function call(item: Json, toolNames: Map<string, string>, args: unknown, name = "tool"): CodexItem {
	const id = text(item.call_id) ?? text(item.id) ?? "";
	const toolName = text(item.name) ?? name;
	toolNames.set(id, toolName);
	return { kind: "answer", parts: [callPart(toolName, id, args)] };
}

function output(item: Json, toolNames: Map<string, string>, told: unknown, name = "tool"): CodexItem {
	const id = text(item.call_id) ?? "";
	// Some versions wrap the text and say whether it went well.
	const wrapped = isObject(told) && "content" in told ? told : null;
	const result = wrapped ? wrapped.content : (told ?? "");
	const failed = wrapped?.success === false || exitCode(result) > 0;
	return {
		kind: "said",
		role: "tool",
		parts: [resultPart(toolNames.get(id) ?? name, id, shown(result), failed)],
	};
}

/** Outputs of commands are JSON in a text: `{output, metadata: {exit_code}}`. */
function shown(result: unknown): unknown {
	const inner = typeof result === "string" ? object(parsedOrText(result)) : {};
	return typeof inner.output === "string" && isObject(inner.metadata) ? inner.output : result;
}

function exitCode(result: unknown): number {
	const inner = typeof result === "string" ? object(parsedOrText(result)) : {};
	const code = object(inner.metadata).exit_code;
	return typeof code === "number" ? code : 0;
}

function parsedOrText(value: unknown): unknown {
	if (typeof value !== "string") return value ?? {};
	if (!/^\s*[{[]/.test(value)) return value;
	try {
		return JSON.parse(value);
	} catch {
		return value;
	}
}

const without = (value: Json, name: string): Json =>
	Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));

/**
 * The running turn as delta ops, from Pi's events.
 *
 * `message_update` carries the whole partial message, which the provider goes on changing: only the delta
 * in it is used, so the work is that of the delta and nothing is said twice. A block's end is compared by
 * length alone, to send what a provider said without deltas. The entry that follows is the truth.
 */
import type { DeltaOp } from "../protocol/stream.ts";
import { resultText, ToolOutput } from "./tool-output.ts";

/** Arguments up to this length are sent again with the start of the tool; longer ones the reader has from the call. */
const REPEATED_ARGS_CHARS = 1024;

type Block = {
	/** Characters said so far. */
	sent: number;
	named: boolean;
	/** Arguments that came before the call had a name. */
	early: string;
};

type CallBlock = { type?: string; id?: string; name?: string } | undefined;

/** The part of Pi's `assistantMessageEvent` that is used. */
export type AssistantEvent = {
	type: string;
	contentIndex?: number;
	delta?: string;
	content?: string;
	toolCall?: { id: string; name: string; arguments: unknown };
	partial?: { content?: unknown };
};

export class StreamOps {
	readonly #emit: (op: DeltaOp) => void;
	readonly #outputs = new ToolOutput();
	/** Characters of arguments sent for a call. */
	readonly #args = new Map<string, number>();
	#blocks = new Map<number, Block>();
	#open = false;

	constructor(emit: (op: DeltaOp) => void) {
		this.#emit = emit;
	}

	/** A run begins: nothing of the last one matters. */
	reset(): void {
		this.#outputs.clear();
		this.#args.clear();
		this.#blocks.clear();
		this.#open = false;
	}

	messageStart(role: string): void {
		if (role !== "assistant") return;
		this.#blocks = new Map();
		this.#open = true;
		this.#emit(["m", role]);
	}

	/** True when the message had been started: its entry follows. */
	messageEnd(role: string): boolean {
		if (role !== "assistant" || !this.#open) return false;
		this.#open = false;
		this.#emit(["e"]);
		return true;
	}

	update(event: AssistantEvent): void {
		const index = event.contentIndex;
		if (index === undefined || !this.#open) return;
		switch (event.type) {
			case "text_delta":
				return this.#say("t", index, event.delta ?? "");
			case "thinking_delta":
				return this.#say("h", index, event.delta ?? "");
			case "text_end":
				return this.#complete("t", index, event.content ?? "");
			case "thinking_end":
				return this.#complete("h", index, event.content ?? "");
			case "toolcall_start":
				return this.#nameCall(index, callAt(event, index));
			case "toolcall_delta":
				this.#nameCall(index, callAt(event, index));
				return this.#argue(index, event.delta ?? "", callAt(event, index)?.id);
			case "toolcall_end":
				return this.#endCall(index, event.toolCall);
		}
	}

	toolStart(toolCallId: string, toolName: string, args: unknown): void {
		const known = (this.#args.get(toolCallId) ?? 0) > REPEATED_ARGS_CHARS;
		this.#emit(["x", toolCallId, toolName, known ? "" : stringify(args)]);
	}

	toolUpdate(toolCallId: string, partialResult: unknown): void {
		const op = this.#outputs.report(toolCallId, resultText(partialResult));
		if (op) this.#emit(op);
	}

	toolEnd(toolCallId: string, result: unknown, isError: boolean): void {
		this.toolUpdate(toolCallId, result);
		this.#outputs.forget(toolCallId);
		this.#emit(["d", toolCallId, isError ? 1 : 0]);
	}

	/** Something for whoever watches that is in no entry, such as a retry. */
	note(text: string): void {
		this.#emit(["n", text]);
	}

	#say(kind: "t" | "h", index: number, text: string): void {
		if (text === "") return;
		this.#block(index).sent += text.length;
		this.#emit([kind, index, text]);
	}

	#complete(kind: "t" | "h", index: number, content: string): void {
		const sent = this.#block(index).sent;
		if (content.length > sent) this.#say(kind, index, content.slice(sent));
	}

	#nameCall(index: number, call: CallBlock): void {
		const block = this.#block(index);
		if (block.named || !call?.id || !call.name) return;
		block.named = true;
		this.#emit(["c", index, call.id, call.name]);
		if (block.early) this.#argue(index, block.early, call.id);
	}

	#argue(index: number, json: string, toolCallId: string | undefined): void {
		const block = this.#block(index);
		if (json === "") return;
		if (!block.named) {
			block.early += json;
			return;
		}
		block.sent += json.length;
		if (toolCallId) this.#args.set(toolCallId, block.sent);
		this.#emit(["a", index, json]);
	}

	#endCall(index: number, call: AssistantEvent["toolCall"]): void {
		this.#nameCall(index, call);
		if (call && this.#block(index).sent === 0) this.#argue(index, stringify(call.arguments), call.id);
	}

	#block(index: number): Block {
		let block = this.#blocks.get(index);
		if (!block) {
			block = { sent: 0, named: false, early: "" };
			this.#blocks.set(index, block);
		}
		return block;
	}
}

function callAt(event: AssistantEvent, index: number): CallBlock {
	const content = event.partial?.content;
	return Array.isArray(content) ? (content[index] as CallBlock) : undefined;
}

function stringify(value: unknown): string {
	try {
		return JSON.stringify(value) ?? "";
	} catch {
		return "";
	}
}

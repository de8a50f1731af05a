/**
 * What another terminal's run says, above the editor: for a Pi whose screen cannot be told events. The
 * transcript is drawn anew when the entries are there.
 */
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import type { PiEvent } from "../session/pi-events.ts";

type Json = Record<string, unknown>;

const NAME = "opensync.live";
const LINES = 12;

export class LiveWidget {
	readonly #ctx: ExtensionContext;
	#said = "";
	#tool = "";

	constructor(ctx: ExtensionContext) {
		this.#ctx = ctx;
	}

	show(event: PiEvent): void {
		if (!this.#ctx.hasUI) return;
		const message = event.message as Json | undefined;
		switch (event.type) {
			case "message_start":
				if (message?.role === "user") this.#said = `> ${textOf(message.content)}`;
				break;
			case "message_update":
			case "message_end":
				if (message?.role === "assistant") this.#said = textOf(message.content);
				break;
			case "tool_execution_start":
				this.#tool = `${String(event.toolName)} …`;
				break;
			case "tool_execution_update":
				this.#tool = `${String(event.toolName)}\n${textOf((event.partialResult as Json | undefined)?.content)}`;
				break;
			case "tool_execution_end":
				this.#tool = "";
				break;
			case "agent_settled":
				return this.clear();
			default:
				return;
		}
		const lines = [this.#said, this.#tool].filter(Boolean).join("\n").split("\n").slice(-LINES);
		this.#ctx.ui.setWidget(NAME, lines);
	}

	clear(): void {
		this.#said = "";
		this.#tool = "";
		if (this.#ctx.hasUI) this.#ctx.ui.setWidget(NAME, undefined);
	}
}

/** Texts and thinking of a message or result, readable. */
function textOf(content: unknown): string {
	if (typeof content === "string") return content;
	if (!Array.isArray(content)) return "";
	return (content as Json[])
		.map((block) => (block?.type === "thinking" ? block.thinking : block?.type === "text" ? block.text : ""))
		.filter((text): text is string => typeof text === "string" && text !== "")
		.join("\n");
}

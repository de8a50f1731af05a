/**
 * The model of the terminal tests, loaded into Pi with `-e`: it says what the test tells it to, step by
 * step over a loopback socket (`scripted-model.ts` is the other end). Also a few commands that make
 * entries which only extensions can make.
 */
import { connect } from "node:net";
import {
	type AssistantMessage,
	type Context,
	createAssistantMessageEventStream,
	type Model,
} from "@earendil-works/pi-ai";
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";

type Step =
	| { kind: "text"; delta: string }
	| { kind: "thinking"; delta: string }
	| { kind: "tool"; id: string; name: string; args: Record<string, unknown>; chunk: number }
	| { kind: "finish"; usage: { input: number; output: number } }
	| { kind: "fail"; message: string };

type Stream = ReturnType<typeof createAssistantMessageEventStream>;

function emptyMessage(model: Model<string>): AssistantMessage {
	return {
		role: "assistant",
		content: [],
		api: model.api,
		provider: model.provider,
		model: model.id,
		usage: {
			input: 0,
			output: 0,
			cacheRead: 0,
			cacheWrite: 0,
			totalTokens: 0,
			cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 },
		},
		stopReason: "stop",
		timestamp: Date.now(),
	};
}

/** Applies steps to the message in the making, as a provider would. */
class Speaker {
	readonly #stream: Stream;
	readonly #message: AssistantMessage;
	#open: "text" | "thinking" | null = null;
	/** Pi has the message now: it is not to be touched any more, as by an abort that comes late. */
	#over = false;

	constructor(stream: Stream, message: AssistantMessage) {
		this.#stream = stream;
		this.#message = message;
		stream.push({ type: "start", partial: message });
	}

	step(step: Step): void {
		if (this.#over) return;
		if (step.kind === "text" || step.kind === "thinking") return this.#say(step.kind, step.delta);
		this.#close();
		if (step.kind === "tool") return this.#call(step);
		if (step.kind === "fail") return this.fail("error", step.message);
		this.#over = true;
		const { input, output } = step.usage;
		Object.assign(this.#message.usage, { input, output, totalTokens: input + output });
		this.#message.usage.cost = {
			input: input / 1000,
			output: output / 1000,
			cacheRead: 0,
			cacheWrite: 0,
			total: (input + output) / 1000,
		};
		this.#stream.push({
			type: "done",
			reason: this.#message.stopReason === "toolUse" ? "toolUse" : "stop",
			message: this.#message,
		});
		this.#stream.end();
	}

	fail(reason: "error" | "aborted", message: string): void {
		if (this.#over) return;
		this.#over = true;
		this.#message.stopReason = reason;
		this.#message.errorMessage = message;
		this.#stream.push({ type: "error", reason, error: this.#message });
		this.#stream.end();
	}

	#say(kind: "text" | "thinking", delta: string): void {
		if (this.#open !== kind) {
			this.#close();
			this.#open = kind;
			this.#message.content.push(
				kind === "text" ? { type: "text", text: "" } : { type: "thinking", thinking: "" },
			);
			this.#stream.push({ type: `${kind}_start`, contentIndex: this.#last, partial: this.#message });
		}
		const block = this.#message.content[this.#last];
		if (block?.type === "text") block.text += delta;
		if (block?.type === "thinking") block.thinking += delta;
		this.#stream.push({ type: `${kind}_delta`, contentIndex: this.#last, delta, partial: this.#message });
	}

	#close(): void {
		const block = this.#message.content[this.#last];
		const content = block?.type === "text" ? block.text : block?.type === "thinking" ? block.thinking : "";
		if (this.#open) {
			this.#stream.push({
				type: `${this.#open}_end`,
				contentIndex: this.#last,
				content,
				partial: this.#message,
			});
		}
		this.#open = null;
	}

	#call(step: Extract<Step, { kind: "tool" }>): void {
		const toolCall = { type: "toolCall" as const, id: step.id, name: step.name, arguments: {} };
		this.#message.content.push(toolCall);
		const contentIndex = this.#last;
		this.#stream.push({ type: "toolcall_start", contentIndex, partial: this.#message });
		const json = JSON.stringify(step.args);
		for (let at = 0; at < json.length; at += step.chunk) {
			const delta = json.slice(at, at + step.chunk);
			this.#stream.push({ type: "toolcall_delta", contentIndex, delta, partial: this.#message });
		}
		toolCall.arguments = step.args;
		this.#message.stopReason = "toolUse";
		this.#stream.push({ type: "toolcall_end", contentIndex, toolCall, partial: this.#message });
	}

	get #last(): number {
		return this.#message.content.length - 1;
	}
}

function streamScripted(model: Model<string>, context: Context, options?: { signal?: AbortSignal }): Stream {
	const stream = createAssistantMessageEventStream();
	const speaker = new Speaker(stream, emptyMessage(model));
	const socket = connect(Number(process.env.SCRIPTED_MODEL_PORT), "127.0.0.1");
	let rest = "";
	socket.setEncoding("utf8");
	socket.setNoDelay(true);
	socket.write(`${JSON.stringify({ model: model.id, messages: context.messages })}\n`);
	socket.on("data", (text: string) => {
		const lines = (rest + text).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines) speaker.step(JSON.parse(line) as Step);
	});
	socket.on("error", (error) => speaker.fail("error", `the test is gone: ${error.message}`));
	options?.signal?.addEventListener("abort", () => {
		socket.destroy();
		speaker.fail("aborted", "Request was aborted");
	});
	return stream;
}

const model = (id: string) => ({
	id,
	name: id,
	reasoning: true,
	input: ["text" as const, "image" as const],
	cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
	contextWindow: 128_000,
	maxTokens: 8192,
});

export default function scriptedProvider(pi: ExtensionAPI): void {
	pi.registerProvider("scripted", {
		name: "Scripted",
		baseUrl: "http://127.0.0.1:9",
		apiKey: "none",
		api: "scripted",
		models: [model("scripted-1"), model("scripted-2")],
		streamSimple: streamScripted as never,
	});
	pi.registerCommand("test:custom", {
		description: "a custom entry and a custom message",
		handler: async (args) => {
			pi.appendEntry("test.custom", { args, nested: { list: [1, "two", null] } });
			pi.sendMessage({ customType: "test.message", content: `custom: ${args}`, display: true });
		},
	});
	pi.registerCommand("test:label", {
		description: "labels the leaf",
		handler: async (args, ctx) => {
			const leaf = ctx.sessionManager.getLeafId();
			if (leaf) pi.setLabel(leaf, args);
		},
	});
	pi.registerCommand("test:model", {
		description: "changes the model",
		handler: async (args, ctx) => {
			const wanted = ctx.modelRegistry.find("scripted", args);
			if (wanted) await pi.setModel(wanted);
		},
	});
	pi.registerCommand("test:tree", {
		description: "goes back to the last answer; with the word summary, summing up what is left",
		handler: async (args, ctx) => {
			const branch = ctx.sessionManager.getBranch();
			const answer = branch.findLast(
				(entry) => entry.type === "message" && entry.message.role === "assistant",
			);
			if (answer) await ctx.navigateTree(answer.id, { summarize: args === "summary" });
		},
	});
}

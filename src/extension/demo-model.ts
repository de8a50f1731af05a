/**
 * A scripted model for the demo session of `npm start`: provider `demo`, model `demo-1`. It speaks word by
 * word, thinks, and calls one real tool, so that every kind of live content can be seen without an account.
 * Loaded only where it is named with `-e`.
 */
import {
	type AssistantMessage,
	type Context,
	createAssistantMessageEventStream,
	type Model,
} from "@earendil-works/pi-ai";
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";

/** As fast as a person reads; with its pauses the demo then lasts about a minute. */
const WORD_MS = 140;

type Step = { kind: "thinking" | "text"; words: string } | { kind: "read"; path: string };

const ABOUT: Step[] = [
	{
		kind: "thinking",
		words: "This is the demo. I should say plainly that I am a script, and show what the page does.",
	},
	{
		kind: "text",
		words: `**This is a demo session.** The Pi behind it is real, the model is a script.

What you see:

- every word arrives while it is being said, as a *delta* that a Convex mutation has committed;
- when the message is complete, its entry takes the place of the stream, under Pi's own id;
- sessions on the left are in the order of their last activity.

Start Pi with the extension, and your own sessions show up here in the same way.`,
	},
];
const READING: Step[] = [
	{ kind: "thinking", words: "I will read the file with the real tool." },
	{ kind: "text", words: "Let me look." },
	{ kind: "read", path: "README.md" },
];
const AFTER_READING: Step[] = [
	{
		kind: "text",
		words:
			"The README says: start Pi with the extension, type a prompt, and watch the answer arrive here. The tool call above was a real one; open it to see what came back.",
	},
];

const TRAVEL: Step[] = [
	{ kind: "thinking", words: "I follow one word from the model to the page." },
	{
		kind: "text",
		words: `A word of this answer goes through five hands:

1. the model says it, and Pi tells its extensions;
2. the extension puts it into the next push. Only one push is under way at a time, so a slow network makes pushes larger, not more;
3. a mutation stores the push as a row of the running *stream*;
4. the live query of this page reads the newest rows, and the backend runs it again when they change;
5. the page folds what is new into the message you are reading.

When the message is complete, its entry and the end of its stream are stored in **one** transaction. So you see the one or the other, never both, and never neither. Pi itself waits for nothing of this: stop the backend in the middle of a word, and Pi goes on; start it again, and the rest comes after.`,
	},
];
const FAREWELL: Step[] = [
	{
		kind: "text",
		words: `This was the demo. Now yours: start Pi with the line that the terminal shows, type a prompt, and your session is on top of the list. Fork it, and the fork knows its parent. Close Pi, and the session stays here to be read.`,
	},
];

/** By what the last prompt asks for. */
function stepsFor(context: Context): Step[] {
	const last = context.messages.at(-1);
	if (last?.role === "toolResult") return AFTER_READING;
	const asked = JSON.stringify(last?.content ?? "");
	if (asked.includes("README")) return READING;
	if (asked.includes("way here")) return TRAVEL;
	return asked.includes("Thank you") ? FAREWELL : ABOUT;
}

export function streamDemo(model: Model<string>, context: Context, options?: { signal?: AbortSignal }) {
	const stream = createAssistantMessageEventStream();
	const message: AssistantMessage = {
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
	const pause = () =>
		new Promise<void>((resolve, reject) => {
			if (options?.signal?.aborted) return reject(new Error("Request was aborted"));
			setTimeout(resolve, WORD_MS);
		});
	const speak = async () => {
		stream.push({ type: "start", partial: message });
		for (const step of stepsFor(context)) {
			const contentIndex = message.content.length;
			if (step.kind === "read") {
				const toolCall = {
					type: "toolCall" as const,
					id: `demo_${Date.now()}`,
					name: "read",
					arguments: { path: step.path },
				};
				message.content.push(toolCall);
				stream.push({ type: "toolcall_start", contentIndex, partial: message });
				stream.push({
					type: "toolcall_delta",
					contentIndex,
					delta: JSON.stringify(toolCall.arguments),
					partial: message,
				});
				stream.push({ type: "toolcall_end", contentIndex, toolCall, partial: message });
				message.stopReason = "toolUse";
				continue;
			}
			await say(step.kind, step.words, contentIndex);
		}
		const words = JSON.stringify(message.content).split(" ").length;
		Object.assign(message.usage, { input: 120, output: words, totalTokens: 120 + words });
		stream.push({ type: "done", reason: message.stopReason === "toolUse" ? "toolUse" : "stop", message });
		stream.end();
	};
	const say = async (kind: "thinking" | "text", words: string, contentIndex: number) => {
		const block =
			kind === "text" ? { type: "text" as const, text: "" } : { type: "thinking" as const, thinking: "" };
		message.content.push(block);
		stream.push({ type: `${kind}_start`, contentIndex, partial: message });
		for (const delta of words.match(/\S+\s*/g) ?? []) {
			await pause();
			if (block.type === "text") block.text += delta;
			else block.thinking += delta;
			stream.push({ type: `${kind}_delta`, contentIndex, delta, partial: message });
		}
		stream.push({ type: `${kind}_end`, contentIndex, content: words, partial: message });
	};
	speak().catch((error: unknown) => {
		message.stopReason = options?.signal?.aborted ? "aborted" : "error";
		message.errorMessage = error instanceof Error ? error.message : String(error);
		stream.push({ type: "error", reason: message.stopReason, error: message });
		stream.end();
	});
	return stream;
}

export default function demoModel(pi: ExtensionAPI): void {
	pi.registerProvider("demo", {
		name: "Demo (scripted)",
		baseUrl: "http://127.0.0.1:9",
		apiKey: "none",
		api: "demo",
		models: [
			{
				id: "demo-1",
				name: "Scripted demo",
				reasoning: true,
				input: ["text"],
				cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
				contextWindow: 128_000,
				maxTokens: 8192,
			},
		],
		streamSimple: streamDemo as never,
	});
}

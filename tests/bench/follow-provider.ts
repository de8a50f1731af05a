/**
 * A model for the benchmark of screens, loaded into Pi with `-e`. Prompt `follow MARK COUNT RATE` answers with
 * COUNT words, RATE a second: MARK (a capital letter), then the word's number in four digits, so each word is on a
 * screen once. Any other prompt is answered with `heard` and the prompt's last word. FOLLOW_LOG gets a line
 * when the provider is called and one when it has said all, times by the monotonic clock in ns.
 */
import { appendFileSync } from "node:fs";
import {
	type AssistantMessage,
	type Context,
	createAssistantMessageEventStream,
	type Model,
} from "@earendil-works/pi-ai";
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";

const LOG = process.env.FOLLOW_LOG ?? "/dev/null";
const log = (line: object) => appendFileSync(LOG, `${JSON.stringify({ pid: process.pid, ...line })}\n`);
const now = () => process.hrtime.bigint().toString();

function lastPrompt(context: Context): string {
	const content = context.messages.findLast((message) => message.role === "user")?.content ?? "";
	if (typeof content === "string") return content;
	return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function emptyMessage(model: Model<string>): AssistantMessage {
	const cost = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 };
	return {
		role: "assistant",
		content: [{ type: "text", text: "" }],
		api: model.api,
		provider: model.provider,
		model: model.id,
		usage: { input: 10, output: 10, cacheRead: 0, cacheWrite: 0, totalTokens: 20, cost },
		stopReason: "stop",
		timestamp: Date.now(),
	};
}

/** Words with the milliseconds after the start at which each is due. */
function wordsFor(prompt: string): { text: string; dueMs: number }[] {
	const [, mark = "", count, rate] = /follow ([A-Z]) (\d+) (\d+)/.exec(prompt) ?? [];
	if (mark === "") return [{ text: `heard ${prompt.split(/\s+/).at(-1)} `, dueMs: 0 }];
	return Array.from({ length: Number(count) }, (_, index) => ({
		text: `${mark}${String(index).padStart(4, "0")} `,
		dueMs: (index * 1000) / Number(rate),
	}));
}

function streamWords(model: Model<string>, context: Context, options?: { signal?: AbortSignal }) {
	const prompt = lastPrompt(context);
	log({ kind: "called", at: now(), prompt });
	const stream = createAssistantMessageEventStream();
	const message = emptyMessage(model);
	const block = message.content[0] as { type: "text"; text: string };
	const saidAt: string[] = [];
	const say = async () => {
		stream.push({ type: "start", partial: { ...message, content: [] } });
		stream.push({ type: "text_start", contentIndex: 0, partial: message });
		const started = performance.now();
		for (const { text, dueMs } of wordsFor(prompt)) {
			const wait = started + dueMs - performance.now();
			if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
			if (options?.signal?.aborted) break;
			block.text += text;
			saidAt.push(now());
			stream.push({ type: "text_delta", contentIndex: 0, delta: text, partial: message });
		}
		stream.push({ type: "text_end", contentIndex: 0, content: block.text, partial: message });
		stream.push({ type: "done", reason: "stop", message });
		stream.end();
		log({ kind: "said", prompt, saidAt });
	};
	void say();
	return stream;
}

export default function followProvider(pi: ExtensionAPI): void {
	pi.registerProvider("bench", {
		name: "Bench",
		baseUrl: "http://127.0.0.1:9",
		apiKey: "none",
		api: "bench",
		models: [
			{
				id: "bench-1",
				name: "bench-1",
				reasoning: false,
				input: ["text"],
				cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
				contextWindow: 1_000_000,
				maxTokens: 8192,
			},
		],
		streamSimple: streamWords as never,
	});
}

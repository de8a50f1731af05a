/**
 * A model for the benchmark, loaded into Pi with `-e`: prompt `bench COUNT RATE` answers with COUNT tokens of
 * 5 characters, RATE a second, and writes when it said each (monotonic clock, ns) to BENCH_LOG. Any other
 * prompt is answered at once. Token `n` is `n` in base 36, padded: a reader finds its number in its text.
 */
import { appendFileSync } from "node:fs";
import {
	type AssistantMessage,
	type Context,
	createAssistantMessageEventStream,
	type Model,
} from "@earendil-works/pi-ai";
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";

const LOG = process.env.BENCH_LOG ?? "/dev/null";
const log = (line: object) => appendFileSync(LOG, `${JSON.stringify(line)}\n`);

function lastPrompt(context: Context): string {
	const user = context.messages.findLast((message) => message.role === "user");
	return typeof user?.content === "string" ? user.content : JSON.stringify(user?.content ?? "");
}

/** When Pi took the prompt; this extension is loaded first, so nobody else's handlers have run by then. */
let inputAt = 0n;

function streamBench(model: Model<string>, context: Context) {
	const calledAt = process.hrtime.bigint();
	const stream = createAssistantMessageEventStream();
	const [, count = "1", rate = "1000"] = /bench (\d+) (\d+)/.exec(lastPrompt(context)) ?? [];
	const block = { type: "text" as const, text: "" };
	const message: AssistantMessage = {
		role: "assistant",
		content: [block],
		api: model.api,
		provider: model.provider,
		model: model.id,
		usage: {
			input: 10,
			output: 10,
			cacheRead: 0,
			cacheWrite: 0,
			totalTokens: 20,
			cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 },
		},
		stopReason: "stop",
		timestamp: Date.now(),
	};
	const saidAt: string[] = [];
	const say = async () => {
		stream.push({ type: "start", partial: { ...message, content: [] } });
		stream.push({ type: "text_start", contentIndex: 0, partial: message });
		const started = performance.now();
		for (let token = 0; token < Number(count); token++) {
			const wait = started + (token * 1000) / Number(rate) - performance.now();
			if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
			const delta = `${token.toString(36).padStart(4, "0")} `;
			block.text += delta;
			saidAt.push(process.hrtime.bigint().toString());
			stream.push({ type: "text_delta", contentIndex: 0, delta, partial: message });
		}
		stream.push({ type: "text_end", contentIndex: 0, content: block.text, partial: message });
		stream.push({ type: "done", reason: "stop", message });
		stream.end();
		log({ inputToProviderMs: Number(calledAt - inputAt) / 1e6, saidAt });
	};
	void say();
	return stream;
}

export default function benchProvider(pi: ExtensionAPI): void {
	pi.on("input", () => {
		inputAt = process.hrtime.bigint();
	});
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
		streamSimple: streamBench as never,
	});
}

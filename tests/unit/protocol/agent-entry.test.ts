/** Messages of other agents as entries, and entries as messages of OpenSync's API. */
import { describe, expect, test } from "bun:test";
import { agentEntry } from "../../../src/protocol/agent-entry.ts";
import { describeEntry } from "../../../src/protocol/describe-entry.ts";
import type { OpenSyncPart } from "../../../src/protocol/opensync.ts";
import { openSyncMessage } from "../../../src/protocol/opensync-message.ts";

const AT = Date.UTC(2026, 10, 21, 8, 0, 0);
const message = (parts: OpenSyncPart[], textContent?: string) => ({
	...{ externalId: "m1", role: "assistant" as const, parts, createdAt: AT },
	...(textContent === undefined ? {} : { textContent }),
});
const contentOf = (json: string) => (JSON.parse(json) as { message: { content: unknown[] } }).message.content;

describe("a message of another agent as an entry", () => {
	test("has the text that was posted without a part, once", () => {
		const made = agentEntry(message([], "said"));
		expect(contentOf(made.json)).toEqual([{ type: "text", text: "said", only: "textContent" }]);
		expect(openSyncMessage(made.json)).toMatchObject({ parts: [], textContent: "said" });
		const both = agentEntry(message([{ type: "text", content: "said" }], "said"));
		expect(contentOf(both.json)).toEqual([{ type: "text", text: "said" }]);
		expect(openSyncMessage(both.json)).toMatchObject({
			parts: [{ type: "text", content: "said" }],
			textContent: "said",
		});
	});

	test("has a call and its result under one id, whatever the plugin calls it", () => {
		const call = {
			type: "tool-call",
			content: { toolName: "Bash", toolUseId: "t1", args: { command: "ls" } },
		};
		const result = { type: "tool-result", content: { toolName: "Bash", toolUseId: "t1", result: "a\nb" } };
		expect(contentOf(agentEntry(message([call, result])).json)).toEqual([
			{ type: "toolCall", id: "t1", name: "Bash", arguments: { command: "ls" }, posted: call },
			{
				type: "toolResult",
				toolCallId: "t1",
				toolName: "Bash",
				text: "a\nb",
				isError: false,
				posted: result,
			},
		]);
	});

	test("is counted and described as Pi's are", () => {
		const made = agentEntry({
			...message([{ type: "tool-call", content: { name: "Read", args: {} } }], "looks"),
			...{ model: "claude", promptTokens: 7, completionTokens: 3, cacheReadTokens: 5, cost: 0.25 },
		});
		expect(describeEntry(made.json)).toEqual({
			...{ entryId: "m1", parentId: null, type: "message", timestamp: AT },
			columns: {
				...{ role: "assistant", preview: "looks", toolCallCount: 1, model: "claude", cost: 0.25 },
				tokens: { input: 7, output: 3, cacheRead: 5, cacheWrite: 0 },
			},
		});
		expect(openSyncMessage(made.json)).toMatchObject({ promptTokens: 12, completionTokens: 3, cost: 0.25 });
	});

	test("without a time has none, so that posting it again is a repeat", () => {
		const { createdAt: _, ...timeless } = message([], "x");
		expect(agentEntry(timeless)).toEqual(agentEntry(timeless));
		expect(agentEntry(timeless).timestamp).toBeNull();
		expect(openSyncMessage(agentEntry(timeless).json)?.createdAt).toBeNull();
	});
});

describe("an entry of Pi as a message", () => {
	const line = (entry: object) =>
		JSON.stringify({ id: "e1", parentId: null, timestamp: new Date(AT), ...entry });
	const told = (content: unknown, rest: object = {}) =>
		openSyncMessage(line({ type: "message", message: { role: "assistant", content, ...rest } }));

	test("has text, thinking and calls as parts of two keys", () => {
		expect(
			told([
				{ type: "thinking", thinking: "hm" },
				{ type: "text", text: "I look." },
				{ type: "toolCall", id: "c1", name: "bash", arguments: { command: "ls" } },
			]),
		).toEqual({
			...{ entryId: "e1", role: "assistant", textContent: "I look.", createdAt: AT },
			parts: [
				{ type: "thinking", content: "hm" },
				{ type: "text", content: "I look." },
				{
					type: "tool-call",
					content: { toolName: "bash", name: "bash", toolCallId: "c1", args: { command: "ls" } },
				},
			],
		});
	});

	test("that is a tool's result is told with the call that it belongs to", () => {
		const result = { role: "toolResult", toolCallId: "c1", toolName: "bash", isError: true };
		const content = [{ type: "text", text: "no" }];
		expect(openSyncMessage(line({ type: "message", message: { ...result, content } }))).toMatchObject({
			role: "tool",
			parts: [
				{
					type: "tool-result",
					content: { toolName: "bash", toolCallId: "c1", result: "no", isError: true },
				},
			],
		});
	});

	test("that nobody says is none", () => {
		for (const entry of [
			{ type: "session_info", name: "n" },
			{ type: "label", label: "l" },
			{ type: "model_change", modelId: "m" },
			{ type: "custom", customType: "c" },
			{ type: "custom_message", content: "hidden", display: false },
		])
			expect(openSyncMessage(line(entry))).toBeNull();
		expect(openSyncMessage("no json")).toBeNull();
	});

	test("that failed says why", () => {
		expect(told([], { errorMessage: "overloaded" })).toMatchObject({ textContent: "overloaded" });
	});
});

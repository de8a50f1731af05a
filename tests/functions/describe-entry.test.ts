import { expect, test } from "bun:test";
import { describeEntry } from "../../src/protocol/describe-entry.ts";
import { PREVIEW_CHARS } from "../../src/protocol/limits.ts";
import { recorded } from "./stories.ts";

const line = (fields: Record<string, unknown>) =>
	JSON.stringify({ id: "a1", parentId: "p1", timestamp: "2026-01-02T03:04:05.000Z", ...fields });
const message = (fields: Record<string, unknown>) =>
	describeEntry(line({ type: "message", message: fields })).columns;

test("an envelope is read from the line", () => {
	expect(describeEntry(line({ type: "label", label: "here" }))).toEqual({
		entryId: "a1",
		parentId: "p1",
		type: "label",
		timestamp: Date.parse("2026-01-02T03:04:05.000Z"),
		columns: { preview: "here" },
	});
});

test("every entry of a recorded session is described, and those that people read have a preview", () => {
	const all = recorded("session-1.5.2-all-entry-types.jsonl").lines.map(describeEntry);
	expect(all.every(({ entryId, timestamp }) => entryId.length === 8 && timestamp > 0)).toBe(true);
	const previews = all.map(
		({ type, columns }) => `${columns.role ?? type}: ${columns.preview?.slice(0, 20) ?? "-"}`,
	);
	expect([...new Set(previews)]).toEqual([
		"model_change: fake-1",
		"thinking_level_change: medium",
		"system: -",
		"user: hello one",
		"assistant: You said: hello one\n",
		"bashExecution: echo bash-hi; sleep ",
		"bashExecution: echo secret",
		"custom: card",
		"custom_message: custom message conte",
		"label: checkpoint-1",
		"session_info: my session",
		"thinking_level_change: high",
		"model_change: fake-2",
		"thinking_level_change: off",
		"user: hello two",
		"assistant: You said: hello two\n",
		"user: hello three",
		"assistant: You said: hello thre",
		"user: hello four after nav",
		"assistant: You said: hello four",
	]);
});

test("an answer tells its model, its use and its tool calls", () => {
	const usage = {
		input: 5,
		output: 6,
		cacheRead: 7,
		cacheWrite: 8,
		totalTokens: 26,
		cost: { input: 1, total: 1.5 },
	};
	const content = [
		{ type: "thinking", thinking: "hm" },
		{ type: "toolCall", id: "c", name: "bash", arguments: {} },
	];
	expect(
		message({ role: "assistant", content, usage, model: "m", provider: "p", stopReason: "error" }),
	).toEqual({
		role: "assistant",
		preview: "bash",
		model: "m",
		provider: "p",
		tokens: { input: 5, output: 6, cacheRead: 7, cacheWrite: 8 },
		cost: 1.5,
		toolCallCount: 1,
		isError: true,
	});
});

test("a tool result tells its call and whether it failed", () => {
	const content = [{ type: "text", text: "no such file" }];
	expect(message({ role: "toolResult", toolName: "read", toolCallId: "c", content, isError: true })).toEqual({
		role: "toolResult",
		toolName: "read",
		toolCallId: "c",
		preview: "no such file",
		isError: true,
	});
});

test("compactions, branch summaries and usage entries tell what they used", () => {
	const usage = { input: 5, output: 1, cost: { total: 2 } };
	for (const type of ["compaction", "branch_summary", "usage"]) {
		const { tokens, cost } = describeEntry(line({ type, summary: "s", usage })).columns;
		expect({ tokens, cost }).toEqual({
			tokens: { input: 5, output: 1, cacheRead: 0, cacheWrite: 0 },
			cost: 2,
		});
	}
});

test("a preview is short, whole characters, and well-formed", () => {
	expect(message({ role: "user", content: "x".repeat(5000) }).preview).toHaveLength(PREVIEW_CHARS);
	const emoji = message({ role: "user", content: "🙂".repeat(500) }).preview as string;
	expect(emoji).toBe("🙂".repeat(PREVIEW_CHARS));
	expect(message({ role: "user", content: "a\ud83d" }).preview).toBe("a\ufffd");
	expect(message({ role: "user", content: " \n " }).preview).toBeUndefined();
});

test("what is malformed or unknown gives fewer columns and no error", () => {
	const bad = ["", "{", "null", "[]", "7", '"text"', "{}", '{"type":7,"id":7,"timestamp":"never"}'];
	for (const one of bad) {
		expect(describeEntry(one)).toEqual({
			entryId: "",
			parentId: null,
			type: "unknown",
			timestamp: 0,
			columns: {},
		});
	}
	const shapes = [null, 7, "text", [], [null, 7, [], { type: "text" }], { type: "text" }];
	for (const shape of shapes) {
		for (const role of ["user", "assistant", "toolResult", "bashExecution", "system", 7, undefined]) {
			expect(() =>
				message({ role, content: shape, usage: shape, model: shape, toolName: shape, command: shape }),
			).not.toThrow();
		}
		for (const type of [
			"message",
			"usage",
			"model_change",
			"session_info",
			"custom_message",
			"label",
			"compaction",
		]) {
			expect(() =>
				describeEntry(line({ type, message: shape, usage: shape, name: shape, content: shape })),
			).not.toThrow();
		}
	}
	expect(
		describeEntry(line({ type: "usage", usage: { input: "many", cost: 3 } })).columns.tokens?.input,
	).toBe(0);
});

test("a line of session format 1 has no id and takes its time from the message", () => {
	const old = JSON.stringify({ type: "message", message: { role: "user", content: "hi", timestamp: 5 } });
	expect(describeEntry(old)).toMatchObject({ entryId: "", parentId: null, type: "message", timestamp: 5 });
});

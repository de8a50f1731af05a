import { expect, test } from "bun:test";
import { LEFT_OUT_TEXT, leaveOut, leaveOutOp } from "../../../src/redaction/leave-out.ts";

const line = (message: unknown) =>
	JSON.stringify({ type: "message", id: "a1", parentId: "a0", timestamp: "t", message });
const ASSISTANT = line({
	role: "assistant",
	content: [
		{ type: "thinking", thinking: "hm", thinkingSignature: "sig" },
		{ type: "text", text: "yes" },
		{ type: "toolCall", id: "c1", name: "bash", arguments: { command: "ls" } },
	],
	usage: { input: 1 },
});
const RESULT = line({
	role: "toolResult",
	toolCallId: "c1",
	toolName: "bash",
	content: [{ type: "text", text: "out" }],
	details: { x: 1 },
	isError: false,
});
const ALL = { toolCalls: true, thinking: true };

test("with everything kept the very same line comes back", () => {
	expect(leaveOut(ASSISTANT, ALL)).toBe(ASSISTANT);
	expect(leaveOut(RESULT, ALL)).toBe(RESULT);
});

test("left out tool calls keep id, name and place, and are marked", () => {
	const kept = { toolCalls: false, thinking: true };
	const call = JSON.parse(leaveOut(ASSISTANT, kept));
	expect(call).toMatchObject({ id: "a1", parentId: "a0" });
	expect(call.message.content[2]).toEqual({
		type: "toolCall",
		id: "c1",
		name: "bash",
		arguments: {},
		leftOut: true,
	});
	expect(call.message.content[0].thinking).toBe("hm");
	const result = JSON.parse(leaveOut(RESULT, kept)).message;
	expect(result).toEqual({
		role: "toolResult",
		toolCallId: "c1",
		toolName: "bash",
		content: [{ type: "text", text: LEFT_OUT_TEXT }],
		isError: false,
		leftOut: true,
	});
});

test("left out thinking is an empty, marked block without its signature", () => {
	const { content } = JSON.parse(leaveOut(ASSISTANT, { toolCalls: true, thinking: false })).message;
	expect(content[0]).toEqual({ type: "thinking", thinking: "", leftOut: true });
	expect(content.slice(1)).toEqual(JSON.parse(ASSISTANT).message.content.slice(1));
});

test("what is no message, or no JSON, passes as it is", () => {
	for (const other of ['{"type":"custom","id":"1"}', "{half", line("text")]) {
		expect(leaveOut(other, { toolCalls: false, thinking: false })).toBe(other);
	}
});

test("deltas leave out the same", () => {
	const none = { toolCalls: false, thinking: false };
	expect(leaveOutOp(["h", 0, "hm"], none)).toBeNull();
	expect(leaveOutOp(["o", "1", 0, "out"], none)).toBeNull();
	expect(leaveOutOp(["a", 1, "{"], none)).toBeNull();
	expect(leaveOutOp(["x", "1", "bash", "{}"], none)).toEqual(["x", "1", "bash", ""]);
	expect(leaveOutOp(["t", 0, "yes"], none)).toEqual(["t", 0, "yes"]);
	expect(leaveOutOp(["h", 0, "hm"], ALL)).toEqual(["h", 0, "hm"]);
});

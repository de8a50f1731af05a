import { describe, expect, test } from "bun:test";
import { StreamOps } from "../../../src/extension/stream-ops.ts";
import type { DeltaOp } from "../../../src/protocol/stream.ts";
import { emptyView, foldOps } from "../../../src/session/fold.ts";

function recorder() {
	const ops: DeltaOp[] = [];
	return { ops, stream: new StreamOps((op) => ops.push(op)) };
}

const CALL = { type: "toolCall", id: "call_1", name: "bash" };
const withCall = { content: [CALL] };

describe("a streamed message", () => {
	test("becomes a start, its deltas and an end", () => {
		const { ops, stream } = recorder();
		stream.messageStart("assistant");
		stream.update({ type: "thinking_delta", contentIndex: 0, delta: "Hm. " });
		stream.update({ type: "thinking_end", contentIndex: 0, content: "Hm. " });
		stream.update({ type: "text_delta", contentIndex: 1, delta: "Hello" });
		stream.update({ type: "text_delta", contentIndex: 1, delta: " you" });
		stream.update({ type: "text_end", contentIndex: 1, content: "Hello you" });
		expect(stream.messageEnd("assistant")).toBe(true);
		expect(ops).toEqual([["m", "assistant"], ["h", 0, "Hm. "], ["t", 1, "Hello"], ["t", 1, " you"], ["e"]]);
	});

	test("said without deltas is told at its blocks' ends", () => {
		const { ops, stream } = recorder();
		stream.messageStart("assistant");
		stream.update({ type: "text_start", contentIndex: 0 });
		stream.update({ type: "text_end", contentIndex: 0, content: "All at once" });
		stream.update({
			type: "toolcall_end",
			contentIndex: 1,
			toolCall: { id: "c", name: "read", arguments: { path: "a" } },
		});
		expect(ops.slice(1)).toEqual([
			["t", 0, "All at once"],
			["c", 1, "c", "read"],
			["a", 1, '{"path":"a"}'],
		]);
	});

	test("with a tool call tells its name once and its arguments as they come", () => {
		const { ops, stream } = recorder();
		stream.messageStart("assistant");
		stream.update({ type: "toolcall_start", contentIndex: 0, partial: withCall });
		stream.update({ type: "toolcall_delta", contentIndex: 0, delta: '{"command"', partial: withCall });
		stream.update({ type: "toolcall_delta", contentIndex: 0, delta: ':"ls"}', partial: withCall });
		stream.update({
			type: "toolcall_end",
			contentIndex: 0,
			toolCall: { id: "call_1", name: "bash", arguments: { command: "ls" } },
			partial: withCall,
		});
		expect(ops.slice(1)).toEqual([
			["c", 0, "call_1", "bash"],
			["a", 0, '{"command"'],
			["a", 0, ':"ls"}'],
		]);
	});

	test("whose tool call gets its name late loses no argument", () => {
		const { ops, stream } = recorder();
		stream.messageStart("assistant");
		stream.update({
			type: "toolcall_start",
			contentIndex: 0,
			partial: { content: [{ type: "toolCall", id: "", name: "" }] },
		});
		stream.update({ type: "toolcall_delta", contentIndex: 0, delta: '{"a"', partial: { content: [] } });
		stream.update({ type: "toolcall_delta", contentIndex: 0, delta: ":1}", partial: withCall });
		expect(ops.slice(1)).toEqual([
			["c", 0, "call_1", "bash"],
			["a", 0, '{"a"'],
			["a", 0, ":1}"],
		]);
	});

	test("of the user or the system tells nothing: its entry comes at once", () => {
		const { ops, stream } = recorder();
		for (const role of ["user", "system", "toolResult", "custom"]) {
			stream.messageStart(role);
			expect(stream.messageEnd(role)).toBe(false);
		}
		expect(ops).toEqual([]);
	});

	test("never touches the whole partial message", () => {
		const { ops, stream } = recorder();
		const partial = {
			get content(): unknown {
				throw new Error("the partial was read");
			},
		};
		stream.messageStart("assistant");
		stream.update({ type: "text_delta", contentIndex: 0, delta: "a", partial });
		stream.update({ type: "thinking_delta", contentIndex: 1, delta: "b", partial });
		expect(ops).toHaveLength(3);
	});
});

describe("a running tool", () => {
	test("tells its start, what its output gained, and its end", () => {
		const { ops, stream } = recorder();
		const text = (value: string) => ({ content: [{ type: "text", text: value }] });
		stream.toolStart("c", "bash", { command: "ls" });
		stream.toolUpdate("c", { content: [] });
		stream.toolUpdate("c", text("a\n"));
		stream.toolUpdate("c", text("a\nb\n"));
		stream.toolEnd("c", text("a\nb\nc"), true);
		expect(ops).toEqual([
			["x", "c", "bash", '{"command":"ls"}'],
			["o", "c", 0, "a\n"],
			["o", "c", 2, "b\n"],
			["o", "c", 4, "c"],
			["d", "c", 1],
		]);
	});

	test("does not tell long arguments twice", () => {
		const { ops, stream } = recorder();
		const content = "x".repeat(5000);
		stream.messageStart("assistant");
		stream.update({
			type: "toolcall_delta",
			contentIndex: 0,
			delta: JSON.stringify({ content }),
			partial: withCall,
		});
		stream.toolStart("call_1", "write", { content });
		expect(ops.at(-1)).toEqual(["x", "call_1", "write", ""]);
	});

	test("folds to what the person at the terminal sees", () => {
		const { ops, stream } = recorder();
		stream.messageStart("assistant");
		stream.update({ type: "text_delta", contentIndex: 0, delta: "Looking." });
		stream.update({
			type: "toolcall_end",
			contentIndex: 1,
			toolCall: { id: "c", name: "ls", arguments: {} },
		});
		stream.messageEnd("assistant");
		stream.toolStart("c", "ls", {});
		stream.toolEnd("c", { content: [{ type: "text", text: "README.md" }] }, false);
		const folded = foldOps(emptyView(0), 0, ops);
		if (folded.kind === "gap") throw new Error("gap");
		expect(folded.view.messages[0]?.blocks).toEqual([
			{ kind: "text", text: "Looking." },
			{ kind: "toolCall", toolCallId: "c", toolName: "ls", args: "{}" },
		]);
		expect(folded.view.tools[0]).toMatchObject({ output: "README.md", ended: true, isError: false });
	});
});

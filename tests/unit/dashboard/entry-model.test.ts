import { expect, test } from "bun:test";
import fc from "fast-check";
import { readEntry } from "../../../src/dashboard/features/transcript/entry-model.ts";

const read = (entry: object, type = "message") => readEntry(JSON.stringify(entry), type);

test("what was said is read part by part", () => {
	const content = [
		{ type: "thinking", thinking: "hm" },
		{ type: "text", text: "hello" },
		{ type: "toolCall", id: "c1", name: "read", arguments: { path: "a" } },
	];
	expect(read({ message: { role: "assistant", content, model: "m", stopReason: "toolUse" } })).toEqual({
		kind: "assistant",
		parts: [
			{ kind: "thinking", text: "hm", redacted: false },
			{ kind: "text", text: "hello" },
			{ kind: "toolCall", toolCallId: "c1", toolName: "read", args: '{\n  "path": "a"\n}' },
		],
		model: "m",
		error: null,
		aborted: false,
	});
	expect(read({ message: { role: "user", content: "hi" } })).toEqual({
		kind: "user",
		parts: [{ kind: "text", text: "hi" }],
	});
});

test("errors and stops of an answer are kept apart", () => {
	const answer = (rest: object) => read({ message: { role: "assistant", content: [], ...rest } });
	expect(answer({ stopReason: "error", errorMessage: "overloaded" })).toMatchObject({
		error: "overloaded",
		aborted: false,
	});
	expect(answer({ stopReason: "error" })).toMatchObject({ error: "The model reported an error." });
	expect(answer({ stopReason: "aborted", errorMessage: "Request was aborted" })).toMatchObject({
		error: null,
		aborted: true,
	});
});

test("pictures are drawn only from data of a picture type that runs nothing", () => {
	const parts = (image: object) =>
		read({ message: { role: "user", content: [{ type: "image", ...image }] } });
	expect(parts({ data: "AAAA", mimeType: "image/png" })).toMatchObject({
		parts: [{ kind: "image", url: "data:image/png;base64,AAAA" }],
	});
	for (const mimeType of ["image/svg+xml", "text/html", "image/png;x=<script>", 5]) {
		expect(parts({ data: "AAAA", mimeType })).toMatchObject({ parts: [{ kind: "other" }] });
	}
});

test("commands, summaries, messages of extensions and changes have their own forms", () => {
	expect(
		read({
			message: { role: "bashExecution", command: "ls", output: "a", exitCode: 2, excludeFromContext: true },
		}),
	).toMatchObject({
		kind: "bash",
		exitCode: 2,
		excluded: true,
		cancelled: false,
	});
	expect(read({ summary: "so far", tokensBefore: 7 }, "compaction")).toEqual({
		kind: "summary",
		of: "compaction",
		text: "so far",
		tokensBefore: 7,
	});
	expect(read({ summary: "left" }, "branch_summary")).toMatchObject({ kind: "summary", of: "branch" });
	expect(read({ customType: "note", content: "x" }, "custom_message")).toMatchObject({
		kind: "custom",
		name: "note",
	});
	expect(read({ provider: "p", modelId: "m" }, "model_change")).toEqual({ kind: "note", text: "Model: p/m" });
	expect(read({ thinkingLevel: "high" }, "thinking_level_change")).toEqual({
		kind: "note",
		text: "Thinking level: high",
	});
	expect(read({ targetId: "e1" }, "label")).toEqual({ kind: "note", text: "Label removed" });
	expect(read({ message: { role: "system", content: "", sections: { a: "You are", b: "Tools" } } })).toEqual({
		kind: "folded",
		title: "System prompt",
		text: "You are\n\nTools",
	});
});

test("unknown types, unknown roles and lines that are no JSON are shown raw", () => {
	expect(read({ x: 1 }, "hologram")).toEqual({ kind: "unknown", type: "hologram", json: '{"x":1}' });
	expect(read({ message: { role: "oracle" } })).toMatchObject({ kind: "unknown" });
	expect(readEntry("{half", "message")).toEqual({ kind: "unknown", type: "message", json: "{half" });
	expect(readEntry("[1]", "message")).toMatchObject({ kind: "unknown" });
});

test("no entry, however misshapen, is an error", () => {
	const types = fc.constantFrom(
		"message",
		"compaction",
		"branch_summary",
		"custom_message",
		"model_change",
		"label",
		"session_info",
		"x",
	);
	const roles = fc.constantFrom(
		"user",
		"assistant",
		"toolResult",
		"bashExecution",
		"custom",
		"system",
		"branchSummary",
		7,
		null,
	);
	const body = fc.record({
		message: fc.oneof(
			fc.jsonValue(),
			fc.record({ role: roles, content: fc.jsonValue(), sections: fc.jsonValue() }),
		),
		summary: fc.jsonValue(),
	});
	fc.assert(
		fc.property(
			types,
			fc.oneof(body, fc.jsonValue()),
			(type, entry) => readEntry(JSON.stringify(entry), type).kind.length > 0,
		),
	);
});

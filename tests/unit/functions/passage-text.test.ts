import { expect, test } from "bun:test";
import fc from "fast-check";
import { PASSAGE_CHARS, PASSAGE_TEXT_MAX, passagesOf } from "../../../convex/model/passageText.ts";
import { agentEntry } from "../../../src/protocol/agent-entry.ts";
import type { OpenSyncPart } from "../../../src/protocol/opensync.ts";
import { runs } from "../../support/arbitraries.ts";

const message = (fields: Record<string, unknown>) =>
	passagesOf(JSON.stringify({ type: "message", id: "a", message: fields }), "message");
const wordsIn = (text: string): string[] => text.match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu) ?? [];
const prompt = (text: string) => message({ role: "user", content: [{ type: "text", text }] });

test("a prompt, an answer, thinking and tool calls are passages of their kinds, each once", () => {
	expect(message({ role: "user", content: "plain words" })).toEqual([
		{ kind: "prompt", text: "plain words" },
	]);
	const content = [
		{ type: "thinking", thinking: "hmm" },
		{ type: "text", text: "first" },
		{ type: "toolCall", id: "c1", name: "bash", arguments: { command: "ls -la\ncd x", deep: [{ n: 7 }] } },
		{ type: "text", text: "second" },
	];
	expect(message({ role: "assistant", content })).toEqual([
		{ kind: "thinking", text: "hmm" },
		{ kind: "answer", text: "first\nsecond" },
		{ kind: "tool", text: "bash\ncommand:\nls -la\ncd x\ndeep:\nn:\n7" },
	]);
});

test("results of tools, commands of `!`, summaries, names and labels are found", () => {
	const content = [{ type: "text", text: "the output" }];
	expect(message({ role: "toolResult", toolName: "read", content })).toEqual([
		{ kind: "tool", text: "read\nthe output" },
	]);
	expect(message({ role: "bashExecution", command: "git log", output: "commit 1" })).toEqual([
		{ kind: "tool", text: "git log\ncommit 1" },
	]);
	const one = (fields: Record<string, unknown>) => passagesOf(JSON.stringify(fields), String(fields.type));
	expect(one({ type: "compaction", summary: "so far" })).toEqual([{ kind: "summary", text: "so far" }]);
	expect(one({ type: "branch_summary", summary: "aside" })).toEqual([{ kind: "summary", text: "aside" }]);
	expect(one({ type: "session_info", name: "Parser" })).toEqual([{ kind: "title", text: "Parser" }]);
	expect(one({ type: "label", label: "here" })).toEqual([{ kind: "title", text: "here" }]);
	expect(one({ type: "custom_message", content: "told" })).toEqual([{ kind: "prompt", text: "told" }]);
	expect(one({ type: "model_change", modelId: "m" })).toEqual([]);
});

test("what cannot be read holds nothing, and nothing makes it fail", () => {
	fc.assert(
		fc.property(fc.oneof(fc.json(), fc.string()), fc.string(), (json, type) => {
			const anyType = [type, "message", "compaction", "label"];
			for (const one of anyType) expect(Array.isArray(passagesOf(json, one))).toBe(true);
		}),
		runs(200),
	);
	expect(passagesOf(`${"[".repeat(100_000)}`, "message")).toEqual([]);
	const deep = `${'{"a":'.repeat(3000)}"bottom"${"}".repeat(3000)}`;
	const line = `{"message":{"role":"assistant","content":[{"type":"toolCall","arguments":${deep}}]}}`;
	expect(passagesOf(line, "message").at(-1)?.text.slice(-10)).toEndWith("bottom");
});

test("images and other base64 are left out, and paths are not taken for it", () => {
	const picture = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) % 251)).toString("base64");
	const content = [
		{ type: "image", data: picture, mimeType: "image/png" },
		{ type: "text", text: `before data:image/png;base64,${picture} after` },
	];
	expect(message({ role: "user", content })).toEqual([{ kind: "prompt", text: "before   after" }]);
	const path = "src/some/folder/".repeat(30);
	expect(prompt(path)).toEqual([{ kind: "prompt", text: path }]);
});

test("what a tool coloured is found by its words, and what a line showed before it was rewritten", () => {
	expect(prompt("\u001b[32mok\u001b[0m 5 \u001b[1mtests\u001b[22m\r\nfirst 10%\rthen 20%")).toEqual([
		{ kind: "prompt", text: "ok 5 tests\n\nfirst 10%\nthen 20%" },
	]);
});

test("parts of other agents' tools read as what they say, without their wrapping", () => {
	const parts: OpenSyncPart[] = [
		{ type: "tool-call", content: { toolName: "Bash", toolCallId: "c1", args: { command: "npm test" } } },
		{ type: "tool-result", content: { toolCallId: "c1", output: "all passed", exit: 0 } },
	];
	const { json } = agentEntry({ externalId: "m", role: "assistant", parts });
	expect(passagesOf(json, "message")).toEqual([
		{ kind: "tool", text: "Bash\ncommand:\nnpm test\nall passed\nexit:\n0" },
	]);
});

test("a long text is cut between words, and no word of it is lost", () => {
	const piece = fc.oneof(
		fc.string({ unit: "grapheme", maxLength: 30 }),
		fc.constantFrom("word", "naïve", "\n", "😀", ".", "x".repeat(200)),
	);
	fc.assert(
		fc.property(fc.array(piece, { maxLength: 200 }), fc.integer({ min: 1, max: 60 }), (pieces, times) => {
			const text = `${pieces.join(" ")} `.repeat(times).toWellFormed();
			const parts = prompt(text);
			for (const part of parts) {
				expect(part.text.length).toBeLessThanOrEqual(PASSAGE_CHARS);
				expect(part.text.isWellFormed()).toBe(true);
			}
			if (text.length < PASSAGE_TEXT_MAX)
				expect(parts.flatMap((part) => wordsIn(part.text))).toEqual(wordsIn(text.normalize("NFC")));
		}),
		runs(60),
	);
});

test("a run without a word's end is cut all the same, never in the midst of a character", () => {
	const parts = prompt("😀".repeat(20_000)).map(({ text }) => text);
	expect(parts.join("")).toBe("😀".repeat(20_000));
	expect(parts.every((part) => part.isWellFormed() && part.length <= PASSAGE_CHARS)).toBe(true);
});

test("an entry's text is searched up to its limit", () => {
	const parts = prompt("word ".repeat(PASSAGE_TEXT_MAX));
	const chars = parts.reduce((sum, { text }) => sum + text.length, 0);
	expect(chars).toBeLessThanOrEqual(PASSAGE_TEXT_MAX);
	expect(chars).toBeGreaterThan(PASSAGE_TEXT_MAX * 0.9);
});

test("every word of another agent's message is in a passage, whatever its parts are", () => {
	const text = fc.stringMatching(/^[a-z]{1,12}( [a-z]{1,12}){0,5}$/);
	const part: fc.Arbitrary<OpenSyncPart> = fc.record({
		type: fc.constantFrom("text", "thinking", "reasoning", "tool-call", "tool_use", "tool-result", "patch"),
		content: fc.oneof(
			text,
			fc.record({ text }),
			fc.record({ toolName: text, args: fc.record({ path: text, many: fc.array(text, { maxLength: 3 }) }) }),
			fc.record({
				name: text,
				result: fc.oneof(text, fc.array(text), fc.record({ output: text, more: text })),
			}),
		),
	});
	const arbitrary = fc.record({ textContent: text, parts: fc.array(part, { maxLength: 5 }) });
	fc.assert(
		fc.property(arbitrary, fc.constantFrom("user", "assistant", "tool"), (told, role) => {
			const { json } = agentEntry({ externalId: "m", role: role as "user", ...told });
			const found = new Set(passagesOf(json, "message").flatMap((passage) => wordsIn(passage.text)));
			const leaves = JSON.stringify([told.textContent, told.parts.map(({ content }) => valuesOf(content))]);
			expect(wordsIn(leaves).filter((word) => !found.has(word))).toEqual([]);
		}),
		runs(150),
	);
});

function valuesOf(value: unknown): unknown {
	if (typeof value !== "object" || value === null) return value;
	return Object.values(value).map(valuesOf);
}

/** An entry as a hosted OpenSync gets it. */
import { describe, expect, test } from "bun:test";
import { recordMessage } from "../../../src/sync/record-message.ts";

const ALL = { toolCalls: true, thinking: true };
const TIMESTAMP = "2026-11-21T08:00:00.000Z";

const line = (message: Record<string, unknown>) =>
	JSON.stringify({ type: "message", id: "e1", parentId: null, timestamp: TIMESTAMP, message });
const assistant = (...content: unknown[]) => line({ role: "assistant", content });
const partsOf = (json: string, kept = ALL) => recordMessage("s", json, kept)?.parts ?? [];

describe("a message", () => {
	test("has text both as a part and as the text that is searched", () => {
		const message = recordMessage("s", line({ role: "user", content: "hello" }), ALL);
		expect(message).toEqual({
			sessionExternalId: "s",
			externalId: "pi:s:e1",
			role: "user",
			source: "pi",
			textContent: "hello",
			createdAt: Date.parse(TIMESTAMP),
			parts: [{ type: "text", content: "hello" }],
		});
	});

	test("shows thinking as text, for OpenSync shows no other, and only where it is wanted", () => {
		const json = assistant({ type: "thinking", thinking: "hm" }, { type: "text", text: "so" });
		expect(partsOf(json)).toEqual([
			{ type: "text", content: "<thinking>\nhm\n</thinking>" },
			{ type: "text", content: "so" },
		]);
		expect(recordMessage("s", json, ALL)?.textContent).toBe("so");
		expect(partsOf(json, { ...ALL, thinking: false })).toEqual([{ type: "text", content: "so" }]);
	});

	test("that would be blank is none", () => {
		expect(recordMessage("s", assistant(), ALL)).toBeNull();
		const call = assistant({ type: "toolCall", id: "c", name: "bash", arguments: {} });
		expect(recordMessage("s", call, { ...ALL, toolCalls: false })).toBeNull();
		const result = line({ role: "toolResult", toolCallId: "c", toolName: "bash", content: "x" });
		expect(recordMessage("s", result, { ...ALL, toolCalls: false })).toBeNull();
		expect(
			recordMessage("s", JSON.stringify({ type: "label", id: "l", timestamp: TIMESTAMP }), ALL),
		).toBeNull();
		expect(recordMessage("s", "no JSON", ALL)).toBeNull();
	});

	test("names a tool's result by the call it answers", () => {
		const result = line({
			role: "toolResult",
			toolCallId: "c1",
			toolName: "bash",
			content: "out",
			isError: true,
		});
		expect(recordMessage("s", result, ALL)).toMatchObject({
			role: "tool",
			parts: [
				{
					type: "tool-result",
					content: { toolName: "bash", toolCallId: "c1", result: "out", isError: true },
				},
			],
		});
	});

	test("has no part with other keys than type and content", () => {
		const json = assistant(
			{ type: "text", text: "a", extra: 1 },
			{ type: "toolCall", id: "c", name: "bash", arguments: { command: "ls" }, extra: 1 },
			{ type: "image", data: "aGk=", mimeType: "image/png" },
		);
		for (const part of partsOf(json)) expect(Object.keys(part).sort()).toEqual(["content", "type"]);
	});
});

describe("what Convex would not store", () => {
	test("is cut and says so", () => {
		const long = "x".repeat(30_000);
		const [result] = partsOf(line({ role: "toolResult", toolCallId: "c", toolName: "bash", content: long }));
		const { result: text } = result?.content as { result: string };
		expect(text.length).toBeLessThan(20_100);
		expect(text).toEndWith("[cut: 10000 more characters]");
	});

	test("is cut between characters, and half characters are replaced", () => {
		const [part] = partsOf(line({ role: "user", content: `a${"🎉".repeat(60_000)}` }));
		expect(String(part?.content).isWellFormed()).toBe(true);
		const [half] = partsOf(line({ role: "user", content: "a\ud83c b" }));
		expect(half?.content).toBe("a\ufffd b");
	});

	test("stays far below a megabyte however much there is of it", () => {
		const many = Array.from({ length: 40 }, () => ({ type: "text", text: "é".repeat(90_000) }));
		const message = recordMessage("s", assistant(...many), ALL);
		expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(1 << 20);
		expect(JSON.stringify(message)).toContain("more parts]");
	});

	test.each([
		[{ $schema: "x" }],
		[{ _id: 1 }],
		[{ naïve: 1 }],
		[{ "": 1 }],
		[{ a: null }],
		[{ deep: { deeper: { $x: 1 } } }],
		[{ text: "\ud83c" }],
	])("of a call's arguments %j becomes text", (args) => {
		const [part] = partsOf(assistant({ type: "toolCall", id: "c", name: "t", arguments: args }));
		expect(typeof (part?.content as { args: unknown }).args).toBe("string");
	});

	test.each([
		["elements", { list: Array.from({ length: 9_000 }, () => 1) }],
		["fields", Object.fromEntries(Array.from({ length: 1_100 }, (_, at) => [`k${at}`, 1]))],
	])("arguments with more %s than Convex stores become text", (_what, args) => {
		const [part] = partsOf(assistant({ type: "toolCall", id: "c", name: "t", arguments: args }));
		expect((part?.content as { args: unknown }).args).toBe(JSON.stringify(args));
	});

	test("of ordinary arguments nothing", () => {
		const args = { command: "ls", list: [1, { a: true }] };
		const [part] = partsOf(assistant({ type: "toolCall", id: "c", name: "t", arguments: args }));
		expect(part?.content).toEqual({ toolName: "t", name: "t", toolCallId: "c", args });
	});
});

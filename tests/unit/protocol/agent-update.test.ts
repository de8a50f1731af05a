import { expect, test } from "bun:test";
import fc from "fast-check";
import { type AgentMessage, agentEntry } from "../../../src/protocol/agent-entry.ts";
import { updatedEntry } from "../../../src/protocol/agent-update.ts";
import { openSyncMessage } from "../../../src/protocol/opensync-message.ts";

const line = (fields: Partial<AgentMessage>) =>
	agentEntry({ externalId: "m", role: "assistant", ...fields }).json;
const after = (...posts: Partial<AgentMessage>[]) => openSyncMessage(posts.map(line).reduce(updatedEntry));

const call = { type: "tool-call", content: { name: "bash", args: {} } };
const result = { type: "tool-result", content: "ok" };
const said = (content: string) => ({ type: "text", content });

test("text and parts that come one after the other are both there", () => {
	expect(after({ textContent: "hi" }, { parts: [call] })).toMatchObject({ textContent: "hi", parts: [call] });
	expect(after({ parts: [call] }, { textContent: "hi" })).toMatchObject({ textContent: "hi", parts: [call] });
});

test("parts that are posted take the place of all parts", () => {
	expect(after({ parts: [said("a"), call] }, { parts: [result] })).toMatchObject({ parts: [result] });
	expect(after({ textContent: "a", parts: [said("a")] }, { parts: [said("b")] })).toMatchObject({
		textContent: "b",
		parts: [said("b")],
	});
});

test("text that is posted takes the place of all text, and tools stay", () => {
	expect(after({ parts: [said("half"), call] }, { textContent: "whole" })).toMatchObject({
		textContent: "whole",
		parts: [call],
	});
	expect(after({ parts: [said("same"), call] }, { textContent: "same" })).toMatchObject({
		textContent: "same",
		parts: [said("same"), call],
	});
	expect(
		after({ textContent: "old", parts: [said("a")] }, { textContent: "new", parts: [said("b")] }),
	).toMatchObject({
		textContent: "new",
		parts: [said("b")],
	});
});

test("counts, model, time and duration stay when they are not posted, and 0 lowers nothing", () => {
	const first = { createdAt: 1000, model: "m", provider: "p", durationMs: 5, promptTokens: 7, cost: 1 };
	expect(
		after(first, { textContent: "hi", promptTokens: 0, completionTokens: 2, durationMs: 0 }),
	).toMatchObject({
		createdAt: 1000,
		model: "m",
		durationMs: 5,
		promptTokens: 7,
		completionTokens: 2,
		cost: 1,
	});
	expect(after(first, { createdAt: 2000, model: "n" })).toMatchObject({ createdAt: 2000, model: "n" });
});

test("a line of another shape is replaced", () => {
	for (const odd of ["", "null", "{}", '{"message":{"content":"text"}}'])
		expect(updatedEntry(odd, line({ textContent: "hi" }))).toBe(line({ textContent: "hi" }));
});

const anyText = fc.constantFrom("", "a", "b", "a\nb");
const anyPart = fc.oneof(
	fc.record({
		type: fc.constantFrom("text", "thinking", "tool-call", "tool-result", "odd"),
		content: anyText,
	}),
	fc.constant(call),
);
const anyMessage: fc.Arbitrary<Partial<AgentMessage>> = fc.record(
	{
		role: fc.constantFrom("user", "assistant", "tool", "unknown"),
		textContent: anyText,
		parts: fc.array(anyPart, { maxLength: 3 }),
		model: fc.constantFrom("m", "n"),
		promptTokens: fc.nat(3),
		cost: fc.constantFrom(0, 0.5),
		durationMs: fc.nat(2),
		createdAt: fc.nat(5000),
	},
	{ requiredKeys: [] },
);

test("posting the same again changes nothing, whatever was there before", () => {
	fc.assert(
		fc.property(fc.array(anyMessage, { maxLength: 3 }), anyMessage, (before, last) => {
			const once = [...before, last].map(line).reduce(updatedEntry);
			expect(updatedEntry(once, line(last))).toBe(once);
			expect(updatedEntry(line(last), line(last))).toBe(line(last));
		}),
	);
});

/** Messages of other agents, as the page reads them: from what is posted to what is drawn. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { agentClass, agentName } from "../../../src/dashboard/agent-name.ts";
import { inOrderOfTime } from "../../../src/dashboard/features/transcript/branch.ts";
import { readEntry } from "../../../src/dashboard/features/transcript/entry-model.ts";
import { loneRow, type Row, rowsOf } from "../../../src/dashboard/features/transcript/transcript-rows.ts";
import { type AgentMessage, agentEntry } from "../../../src/protocol/agent-entry.ts";
import { OPENSYNC_ROLES } from "../../../src/protocol/opensync.ts";
import { agentView, entryView } from "./entry-views.ts";

const read = (message: Omit<AgentMessage, "externalId">) =>
	readEntry(agentEntry({ externalId: "m1", ...message }).json, "message");
const always = () => true;
const NONE: ReadonlyMap<string, Row> = new Map();
const rows = (...messages: AgentMessage[]) =>
	rowsOf(
		messages.map((message, at) => agentView(message, at + 1)),
		always,
		NONE,
	);
const call = (toolCallId: string) => ({
	type: "tool-call",
	content: { toolName: "Bash", args: { command: "ls" }, ...(toolCallId ? { toolCallId } : {}) },
});
const result = (toolCallId: string, said: string) => ({
	type: "tool-result",
	content: { toolName: "Bash", result: said, ...(toolCallId ? { toolCallId } : {}) },
});
const text = (said: string) => ({ type: "text", content: said });

test("every part of a message has a form, and what is unknown is kept as JSON", () => {
	const parts = [
		{ type: "reasoning", content: "hm" },
		text("hello"),
		call("c1"),
		result("c1", "out"),
		{ type: "hologram", content: { depth: 3 } },
	];
	expect(read({ role: "assistant", parts })).toMatchObject({
		kind: "assistant",
		parts: [
			{ kind: "thinking", text: "hm" },
			{ kind: "text", text: "hello" },
			{ kind: "toolCall", toolCallId: "c1", toolName: "Bash" },
			{
				kind: "toolResult",
				result: { toolCallId: "c1", parts: [{ kind: "text", text: "out" }], isError: false },
			},
			{ kind: "posted", title: "Part of type hologram", json: '{\n  "depth": 3\n}' },
		],
	});
});

test("text that says something else than its parts is shown besides them", () => {
	expect(read({ role: "user", textContent: "short", parts: [text("the long one")] })).toMatchObject({
		kind: "user",
		parts: [{ kind: "text" }, { kind: "posted", json: "short" }],
	});
	expect(read({ role: "user", textContent: "same", parts: [text("same")] })).toMatchObject({
		parts: [{ kind: "text", text: "same" }],
	});
});

test("a system's message is folded text, or drawn part by part when it is more", () => {
	expect(read({ role: "system", textContent: "You are" })).toMatchObject({ kind: "folded", text: "You are" });
	expect(read({ role: "system", parts: [text("a"), call("c1")] })).toMatchObject({
		kind: "system",
		parts: [{ kind: "text" }, { kind: "toolCall" }],
	});
});

test("a result stands with its call, in its own message, in a later one, and in a person's", () => {
	const own = rows({ externalId: "a", role: "assistant", parts: [call("c1"), result("c1", "out")] });
	expect(own).toHaveLength(1);
	expect(own[0]?.results.get("c1")?.parts).toEqual([{ kind: "text", text: "out" }]);
	expect(own[0]?.model).toMatchObject({ parts: [{ kind: "toolCall" }] });

	const later = rows(
		{ externalId: "a", role: "assistant", parts: [call("c1"), call("c2")] },
		{ externalId: "b", role: "tool", parts: [result("c2", "two")] },
		{ externalId: "c", role: "user", parts: [result("c1", "one"), text("go on")] },
	);
	expect(later.map((row) => row.entry.entryId)).toEqual(["a", "c"]);
	expect(later[0]?.holds).toEqual(["b", "c"]);
	expect([...(later[0]?.results.keys() ?? [])].sort()).toEqual(["c1", "c2"]);
	expect(later[1]?.model).toMatchObject({ kind: "user", parts: [{ kind: "text", text: "go on" }] });
});

test("a result that names no call belongs to the one before it in its message", () => {
	const [row] = rows({
		externalId: "a",
		role: "assistant",
		parts: [call(""), result("", "one"), call(""), result("", "two")],
	});
	expect([...(row?.results.values() ?? [])].map(({ parts }) => parts[0])).toEqual([
		{ kind: "text", text: "one" },
		{ kind: "text", text: "two" },
	]);
});

test("results without a call, and a second one for the same call, are shown on their own", () => {
	const lone = rows({ externalId: "a", role: "tool", parts: [result("nowhere", "x"), result("", "y")] });
	expect(lone[0]?.model).toMatchObject({ parts: [{ kind: "toolResult" }, { kind: "toolResult" }] });
	const twice = rows(
		{ externalId: "a", role: "assistant", parts: [call("c1"), result("c1", "first")] },
		{ externalId: "b", role: "assistant", parts: [result("c1", "second")] },
	);
	expect(twice).toHaveLength(2);
	expect(twice[0]?.results.get("c1")?.parts).toEqual([{ kind: "text", text: "first" }]);
});

test("a message that holds nothing has a row", () => {
	expect(rows({ externalId: "a", role: "assistant" })).toHaveLength(1);
	expect(rows({ externalId: "a", role: "user", parts: [] })).toHaveLength(1);
});

test("a message fetched from where it is stored pairs the results that it holds", () => {
	const message: AgentMessage = {
		externalId: "a",
		role: "assistant",
		parts: [call("c1"), result("c1", "out")],
	};
	const view = agentView(message, 1);
	const row = loneRow({ ...view, json: null, url: "http://x.test/a" }, readEntry(view.json ?? "", "message"));
	expect(row?.model).toMatchObject({ parts: [{ kind: "toolCall" }] });
	expect(row?.results.size).toBe(1);
});

test("rows keep their identity until what they draw changes", () => {
	const a = agentView({ externalId: "a", role: "assistant", parts: [call("c1"), result("c1", "out")] }, 1);
	const b = agentView({ externalId: "b", role: "assistant", parts: [text("x"), result("c0", "late")] }, 2);
	const first = rowsOf([a, b], always, NONE);
	const byKey = new Map(first.map((row) => [row.key, row]));
	expect(rowsOf([a, b], always, byKey)).toEqual(first);
	expect(rowsOf([a, b], always, byKey).every((row, at) => row === first[at])).toBe(true);
	// The call that comes with an older page takes its result out of the row that showed it.
	const older = agentView({ externalId: "o", role: "assistant", parts: [call("c0")] }, 0);
	const after = rowsOf([older, a, b], always, byKey);
	expect(after.map((row) => byKey.get(row.key) === row)).toEqual([false, true, false]);
	expect(after[2]?.model).toMatchObject({ parts: [{ kind: "text" }] });
});

test("messages are in the order of their times, those of one time as they came", () => {
	const at = (seq: number, timestamp: number) => ({ ...entryView({ seq, parent: null }), timestamp });
	const { path, others, isWhole } = inOrderOfTime([at(1, 50), at(2, 10), at(3, 50), at(4, 20)]);
	expect(path.map(({ seq }) => seq)).toEqual([2, 4, 1, 3]);
	expect(others).toEqual([]);
	expect(isWhole).toBe(true);
});

test("whatever an agent posts has a row, and all of its parts are drawn somewhere", () => {
	const part = fc.record({
		type: fc.constantFrom("text", "tool-call", "tool-result", "thinking", "reasoning", "x", "__proto__"),
		content: fc.oneof(
			fc.jsonValue(),
			fc.record({
				toolCallId: fc.constantFrom("c1", "c2", "", "__proto__"),
				name: fc.string(),
				result: fc.jsonValue(),
				args: fc.jsonValue(),
			}),
		),
	});
	const message = fc.record({
		role: fc.constantFrom(...OPENSYNC_ROLES),
		parts: fc.array(part, { maxLength: 5 }),
	});
	fc.assert(
		fc.property(fc.array(message, { maxLength: 6 }), (messages) => {
			const made = rows(...messages.map((one, at) => ({ externalId: `m${at}`, ...one })));
			const drawn = made.map(({ model, results }) => {
				if (model?.kind === "folded") return 0;
				return results.size + (model && "parts" in model ? model.parts.length : 0);
			});
			const folded = made.filter(({ model }) => model?.kind === "folded").map(({ entry }) => entry.entryId);
			const posted = messages.flatMap(({ parts }, at) => (folded.includes(`m${at}`) ? [] : parts));
			expect(drawn.reduce((sum, count) => sum + count, 0)).toBe(posted.length);
		}),
	);
});

test("agents go by the names that people call them, others by their own", () => {
	expect(agentName("claude-code")).toBe("Claude Code");
	expect(agentName("my-agent\u0007")).toBe("my-agent");
	expect(agentName(" ")).toBe("Unknown agent");
	expect(agentName("constructor")).toBe("constructor");
	expect([agentClass("codex-cli"), agentClass('x" onclick=')]).toEqual(["agent-codex-cli", "agent-other"]);
});

import { expect, test } from "bun:test";
import { readClaudeCode } from "../../../src/agents/claude-code.ts";
import { CLAUDE_SESSION, claudeFile, told } from "../../support/agent-fixtures.ts";

const OLD = "9ff29d57-8b28-4da9-8e7f-b0e4e7e2ba46";
const session = () => {
	const { histories, skipped } = readClaudeCode(
		claudeFile("projects", "-home-dev-shop", `${CLAUDE_SESSION}.jsonl`),
	);
	expect([histories.length, skipped]).toEqual([1, []]);
	return histories[0] as (typeof histories)[number];
};

test("a session of version 2 is told with its project, branch, title, model, dates and time spent", () => {
	expect(session().session).toEqual({
		externalId: CLAUDE_SESSION,
		source: "claude-code",
		projectPath: "/home/dev/shop",
		projectName: "shop",
		title: "Basket total with tax",
		gitBranch: "main",
		model: "claude-opus-4-6",
		durationMs: 46_000,
		createdAt: Date.parse("2026-02-18T11:30:19.000Z"),
	});
});

test("messages come in order, with what the program itself says as the system's", () => {
	expect(told(session())).toEqual([
		"system: <local-command-caveat>Caveat: the messages below were made by the user.</local-command-caveat>",
		"user: Add a total to the basket",
		"assistant: I look at the basket first.",
		"tool: ",
		"assistant: ",
		"tool: ",
		"user: and the tax please",
		"user: It should look like this",
		"assistant: Done: a total with tax.",
		"system: <command-name>/compact</command-name>",
	]);
});

test("lines of one message are its parts, and its usage is counted once, as the last line tells it", () => {
	const answer = session().messages.find(({ externalId }) => externalId === "a1");
	expect(answer).toEqual({
		externalId: "a1",
		role: "assistant",
		createdAt: Date.parse("2026-02-18T11:30:22.000Z"),
		model: "claude-opus-4-6",
		promptTokens: 3,
		completionTokens: 40,
		cacheReadTokens: 100,
		cacheWriteTokens: 20,
		parts: [
			{ type: "thinking", content: "They want a sum." },
			{ type: "text", content: "I look at the basket first." },
			{
				type: "tool-call",
				content: {
					toolName: "Read",
					name: "Read",
					toolCallId: "toolu_1",
					args: { file_path: "/home/dev/shop/basket.ts" },
				},
			},
		],
	});
});

test("results name their tool and say whether it failed; pictures are kept", () => {
	const { messages } = session();
	expect(messages.filter(({ role }) => role === "tool").map(({ parts }) => parts?.[0]?.content)).toEqual([
		{ toolName: "Read", toolCallId: "toolu_1", result: "export const basket = [];", isError: false },
		{ toolName: "Bash", toolCallId: "toolu_2", result: "1 fail", isError: true },
	]);
	expect(messages.find(({ externalId }) => externalId === "u2")?.parts?.[1]).toEqual({
		type: "image",
		content: { source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
	});
});

test("a sub-agent's file is a session of its own", () => {
	const { histories } = readClaudeCode(
		claudeFile("projects", "-home-dev-shop", CLAUDE_SESSION, "subagents", "agent-a4e80a2.jsonl"),
	);
	expect(histories.map(({ session: { externalId, title } }) => [externalId, title])).toEqual([
		[`${CLAUDE_SESSION}-agent-a4e80a2`, "Find every use of basket"],
	]);
});

test("version 1 keeps sub-agents in the session's file, and tells what it cost", () => {
	const { histories, skipped } = readClaudeCode(claudeFile("projects", "-home-dev-old", `${OLD}.jsonl`));
	expect(skipped).toEqual([]);
	expect(histories.map((history) => [history.session.externalId, told(history)])).toEqual([
		[OLD, ["user: Tidy up", "assistant: ", "tool: ", "assistant: Tidied."]],
		[`${OLD}-agent-d1`, ["user: look around", "assistant: All old."]],
	]);
	expect(histories[0]?.messages.map(({ cost }) => cost)).toEqual([undefined, 0.0125, undefined, 0.01]);
	expect(histories[0]?.session.title).toBe("Old things tidied");
});

test("what a branch copied from its parent is there, but its usage is not counted again", () => {
	const line = (uuid: string, extra: object) =>
		JSON.stringify({
			type: "assistant",
			uuid,
			sessionId: "b",
			version: "2.1.80",
			message: {
				role: "assistant",
				id: `msg_${uuid}`,
				content: [{ type: "text", text: uuid }],
				usage: { input_tokens: 5, output_tokens: 7 },
			},
			...extra,
		});
	const copied = line("copied", { forkedFrom: { sessionId: "a", messageUuid: "copied" } });
	const { histories } = readClaudeCode({
		name: "b.jsonl",
		// Some versions append the copies once more, without the mark.
		text: [copied, line("own", {}), line("copied", {})].join("\n"),
	});
	expect(histories[0]?.messages.map(({ externalId, promptTokens }) => [externalId, promptTokens])).toEqual([
		["copied", undefined],
		["own", 5],
	]);
});

test("a session that was resumed under a new id repeats the other's lines, and their usage counts once", () => {
	const line = (id: string, sessionId: string) =>
		JSON.stringify({
			type: "assistant",
			uuid: `${sessionId}-${id}`,
			sessionId,
			version: "1.0.18",
			message: {
				role: "assistant",
				id,
				content: [{ type: "text", text: id }],
				usage: { input_tokens: 5, output_tokens: 7 },
			},
		});
	const counted = new Map<string, string>();
	const first = { name: "first.jsonl", text: line("msg_1", "first") };
	const second = {
		name: "second.jsonl",
		text: [line("msg_1", "second"), line("msg_2", "second")].join("\n"),
	};
	const tokens = (file: typeof first) =>
		readClaudeCode(file, counted).histories[0]?.messages.map(({ promptTokens }) => promptTokens);
	expect([tokens(first), tokens(second)]).toEqual([[5], [undefined, 5]]);
	// Read again, the same.
	expect([tokens(first), tokens(second)]).toEqual([[5], [undefined, 5]]);
});

test("damaged lines, unknown types and unknown versions are named, and the rest is there, once", () => {
	const { histories, skipped } = readClaudeCode(
		claudeFile("damaged", "a0000000-0000-4000-8000-00000000dead.jsonl"),
	);
	expect(histories.flatMap(told)).toEqual(["user: Before the damage", "assistant: After the damage"]);
	expect(skipped.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))).toEqual([
		{ line: 2, why: "This line is not a JSON object; it was skipped." },
		{ line: 3, why: "This line is not a JSON object; it was skipped." },
		{ line: 4, why: "This line is not a JSON object; it was skipped." },
		{ line: 5, why: 'Lines of the type "hologram" are not known; it was skipped.' },
		{ line: 6, why: "It was written by Claude Code 3.0.0, whose format is not known; it was skipped." },
		{ line: 7, why: 'This line of the type "user" has no message or no id; it was skipped.' },
		{ line: 10, why: "The last line is incomplete; it was skipped." },
	]);
});

test("a file that is something else is named; an empty one is nothing", () => {
	expect(readClaudeCode({ name: "notes.jsonl", text: '{"a":1}\n' })).toEqual({
		histories: [],
		skipped: [{ line: null, why: "No line names a session: this is no session of Claude Code." }],
	});
	expect(readClaudeCode({ name: "empty.jsonl", text: "" })).toEqual({ histories: [], skipped: [] });
});

import { expect, test } from "bun:test";
import { readCodex } from "../../../src/agents/codex.ts";
import { CODEX_SESSION, codexFile, saidBy, told } from "../../support/agent-fixtures.ts";

const NEWEST = codexFile(
	"sessions",
	"2026",
	"04",
	"29",
	`rollout-2026-04-29T10-58-39-${CODEX_SESSION}.jsonl`,
);
const only = (file: Parameters<typeof readCodex>[0]) => {
	const { histories, skipped } = readCodex(file);
	expect([histories.length, skipped]).toEqual([1, []]);
	return histories[0] as (typeof histories)[number];
};

test("a session is told with its project, branch, provider, name, model, dates and time spent", () => {
	expect(only(NEWEST).session).toEqual({
		externalId: CODEX_SESSION,
		source: "codex-cli",
		projectPath: "/home/dev/till",
		projectName: "till",
		gitBranch: "tax",
		provider: "openai",
		title: "What the till does",
		model: "gpt-5.5",
		durationMs: 4500,
		createdAt: Date.parse("2026-04-29T10:58:39.732Z"),
	});
});

test("what Codex itself puts before the prompt is the system's, and events repeat nothing", () => {
	expect(told(only(NEWEST))).toEqual([
		"system: <permissions instructions>be careful</permissions instructions>",
		"system: <environment_context>\n  <cwd>/home/dev/till</cwd>\n</environment_context>",
		"user: What does the till do?",
		"assistant: ",
		"tool: ",
		"tool: ",
		"assistant: It counts money.",
	]);
});

test("reasoning and calls between two inputs are one message, with the usage that was added", () => {
	const answer = only(NEWEST).messages.find(({ role }) => role === "assistant");
	expect(answer?.parts).toEqual([
		{ type: "thinking", content: "**Looking at the till**" },
		{
			type: "tool-call",
			content: {
				toolName: "exec_command",
				name: "exec_command",
				toolCallId: "call_1",
				args: { cmd: "ls" },
			},
		},
		{
			type: "tool-call",
			content: {
				toolName: "apply_patch",
				name: "apply_patch",
				toolCallId: "call_2",
				args: "*** Begin Patch\n*** End Patch\n",
			},
		},
	]);
	expect(answer).toMatchObject({ promptTokens: 400, completionTokens: 50, cacheReadTokens: 600 });
});

test("usage that is told twice counts once, and all of it is the running total", () => {
	const { messages } = only(NEWEST);
	const sum = (field: "promptTokens" | "completionTokens" | "cacheReadTokens") =>
		messages.reduce((total, message) => total + (message[field] ?? 0), 0);
	expect([sum("promptTokens"), sum("cacheReadTokens"), sum("completionTokens")]).toEqual([600, 1700, 90]);
});

test("outputs name their tool and say whether it failed", () => {
	const results = only(NEWEST).messages.filter(({ role }) => role === "tool");
	expect(results.map(({ parts }) => parts?.[0]?.content)).toEqual([
		{ toolName: "exec_command", toolCallId: "call_1", result: "till.ts\n", isError: false },
		{ toolName: "apply_patch", toolCallId: "call_2", result: "no such file", isError: true },
	]);
});

test("a version that tells only the running total gives the differences", () => {
	const id = "0199a000-0000-7000-8000-000000000046";
	const history = only(codexFile("sessions", "2025", "10", "29", `rollout-2025-10-29T00-59-38-${id}.jsonl`));
	expect(history.session).toMatchObject({ title: "what is 2+2?", model: "gpt-5-codex" });
	expect(history.messages[1]).toMatchObject({
		promptTokens: 2946,
		completionTokens: 7,
		createdAt: 1761699579700,
	});
});

test("bare items of mid-2025 take the session's time, and the folder that Codex told the model", () => {
	const id = "c3c4b301-27c8-4c70-b6e4-46b99fdf0236";
	const history = only(codexFile("sessions", "2025", "08", "18", `rollout-2025-08-18T01-16-13-${id}.jsonl`));
	const at = Date.parse("2025-08-18T01:16:13.522Z");
	expect(history.session).toMatchObject({
		projectPath: "/home/dev/bare",
		title: "hello codex",
		createdAt: at,
	});
	expect(told(history).slice(1)).toEqual([
		"user: hello codex",
		"assistant: ",
		"tool: ",
		"assistant: There is a.txt.",
	]);
	expect(new Set(history.messages.map(({ createdAt }) => createdAt))).toEqual(new Set([at]));
	expect(history.messages[3]?.parts?.[0]?.content).toMatchObject({ toolName: "shell", isError: true });
});

test("the single object of the first command line is read too", () => {
	const id = "7b1d0c3e-1111-4222-8333-944455556666";
	const history = only(codexFile("sessions", `rollout-2025-05-02-${id}.json`));
	expect(history.session).toMatchObject({ externalId: id, title: "first of all" });
	expect(told(history)).toEqual(["user: first of all", "assistant: ", "tool: ", "assistant: Here."]);
});

test("damaged lines and unknown items are named, and the rest is there under the id of the file's name", () => {
	const id = "00000000-0000-4000-8000-00000000beef";
	const { histories, skipped } = readCodex(codexFile("damaged", `rollout-2026-05-01T00-00-00-${id}.jsonl`));
	expect(histories.map(({ session }) => session.externalId)).toEqual([id]);
	expect(histories.flatMap(told)).toEqual(["user: Before the damage", "assistant: After the damage"]);
	expect(skipped.map(({ line, why }) => `${line} ${why}`)).toEqual([
		"1 This line is not a JSON object; it was skipped.",
		"3 This line is not a JSON object; it was skipped.",
		'4 Items of the type "hologram_call" are not known; it was skipped.',
		'5 Lines of the type "prophecy" are not known; it was skipped.',
	]);
});

test("a version that is not known is refused by name", () => {
	const id = "00000000-0000-4000-8000-00000000f00d";
	const { histories, skipped } = readCodex(codexFile("damaged", `rollout-2027-01-01T00-00-00-${id}.jsonl`));
	expect([histories, skipped]).toEqual([
		[],
		[{ line: 1, why: "It was written by Codex 1.2.0, whose format is not known; the file was skipped." }],
	]);
});

test("what a fork copied from its parent is told, but its usage and time are not counted again", () => {
	const [parent, child] = ["019a0000-0000-7000-8000-000000000001", "019b0000-0000-7000-8000-000000000002"];
	const line = (type: string, payload: object) =>
		JSON.stringify({ timestamp: "2026-05-05T00:00:00.000Z", type, payload });
	const turn = (id: string) => line("turn_context", { turn_id: id, model: "gpt-5.5", cwd: "/w" });
	const said = (words: string) =>
		line("response_item", {
			type: "message",
			role: "assistant",
			content: [{ type: "output_text", text: words }],
		});
	const spent = (total: number, last: number) =>
		line("event_msg", {
			type: "token_count",
			info: {
				total_token_usage: { input_tokens: total, cached_input_tokens: 0, output_tokens: total },
				last_token_usage: { input_tokens: last, cached_input_tokens: 0, output_tokens: last },
			},
		});
	const done = line("event_msg", { type: "task_complete", duration_ms: 700 });
	const text = [
		line("session_meta", { id: child, forked_from_id: parent, cwd: "/w" }),
		line("session_meta", { id: parent, cwd: "/w" }),
		turn("019a0000-0001-7000-8000-000000000000"),
		said("of the parent"),
		spent(1000, 1000),
		done,
		turn("019b0000-0001-7000-8000-000000000000"),
		// The running total goes on from the parent's, and is told once more.
		spent(1000, 1000),
		said("of the fork"),
		spent(1010, 10),
		done,
	].join("\n");
	const history = only({ name: `rollout-x-${child}.jsonl`, text });
	expect(history.messages.map((message) => [saidBy(message), message.promptTokens])).toEqual([
		["of the parent", undefined],
		["of the fork", 10],
	]);
	expect(history.session).toMatchObject({ externalId: child, durationMs: 700 });
});

test("a fork's own header counts, not its parent's behind it", () => {
	const header = (id: string) =>
		JSON.stringify({
			timestamp: "2026-05-05T00:00:00Z",
			type: "session_meta",
			payload: { id, cwd: `/${id}` },
		});
	const prompt =
		'{"timestamp":"2026-05-05T00:00:01Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}}';
	const { histories } = readCodex({
		name: "rollout-x.jsonl",
		text: [header("child"), header("parent"), prompt].join("\n"),
	});
	expect(histories[0]?.session).toMatchObject({ externalId: "child", projectPath: "/child" });
	expect(histories[0]?.messages[0]?.externalId).toBe("child:3");
});

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { findHistories } from "../../../src/cli/import-histories.ts";
import { AGENT_FIXTURES, OPENCODE_SESSION, told } from "../../support/agent-fixtures.ts";
import { openCodeDatabase } from "../../support/opencode-database.ts";

const FOLDER = join(AGENT_FIXTURES, "opencode");
const folder = mkdtempSync(join(tmpdir(), "pi-opensync-opencode-"));
afterAll(() => rmSync(folder, { recursive: true }));

const readAll = async (path: string) => {
	const sources = await findHistories("openCode", path, true);
	const reads = await Promise.all(sources.map((source) => source.read()));
	return {
		histories: reads.flatMap(({ histories }) => histories),
		why: reads.flatMap(({ skipped }) => skipped.map(({ why }) => why)),
	};
};

test("a session of files is told with its project, title, model, provider and date", async () => {
	const { histories } = await readAll(FOLDER);
	expect(histories.map(({ session }) => session)).toEqual([
		{
			externalId: OPENCODE_SESSION,
			source: "opencode",
			projectPath: "/home/dev/web",
			projectName: "web",
			title: "Colours of the page",
			model: "claude-sonnet-4-5",
			provider: "anthropic",
			createdAt: 1767225600000,
		},
	]);
});

test("parts are kept in order; what nobody typed is no text; calls have their results", async () => {
	const [prompt, answer] = (await readAll(FOLDER)).histories[0]?.messages ?? [];
	expect(prompt?.parts).toEqual([
		{ type: "text", content: "Make it blue" },
		{ type: "synthetic", content: "Called the Read tool" },
		{
			type: "file",
			content: { mime: "image/png", filename: "blue.png", url: "data:image/png;base64,iVBORw0KGgo=" },
		},
	]);
	expect(answer?.parts?.map(({ type }) => type)).toEqual([
		"thinking",
		"text",
		"tool-call",
		"tool-result",
		"tool-call",
		"tool-result",
	]);
	expect(answer?.parts?.[5]?.content).toEqual({
		toolName: "bash",
		toolCallId: "call_2",
		result: "not found",
		isError: true,
	});
});

test("tokens, with reasoning as output, cost and time are as the message tells them", async () => {
	expect((await readAll(FOLDER)).histories[0]?.messages[1]).toMatchObject({
		promptTokens: 10,
		completionTokens: 25,
		cacheReadTokens: 30,
		cacheWriteTokens: 40,
		cost: 0.0123,
		durationMs: 4000,
		model: "claude-sonnet-4-5",
		provider: "anthropic",
	});
});

test("damaged files and messages of the first format are named, and the rest is there", async () => {
	const { histories, why } = await readAll(FOLDER);
	expect(histories.flatMap(told)).toEqual(["user: Make it blue", "assistant: I change the style."]);
	expect(why).toEqual([
		"msg_03.json is not a JSON object; it was skipped.",
		"Message msg_04: it is of OpenCode's first format, which is not known well enough; it was skipped.",
	]);
});

test("the database holds the same, and what of it is damaged is named", async () => {
	const path = join(folder, "opencode.db");
	openCodeDatabase(path, [{ id: "ses_1", title: "From rows", texts: ["hello", "there"] }]);
	const database = new DatabaseSync(path);
	database.exec("INSERT INTO message VALUES ('msg_x', 'ses_1', 1, 1, 'no json')");
	database.close();
	const { histories, why } = await readAll(path);
	expect(histories.map(({ session: { externalId, title } }) => [externalId, title])).toEqual([
		["ses_1", "From rows"],
	]);
	expect(histories.flatMap(told)).toEqual(["user: hello", "assistant: there"]);
	expect(why).toEqual(["Message msg_x is not a JSON object; it was skipped."]);
});

test("a database of another layout, or none at all, is refused by name", async () => {
	const other = join(folder, "opencode-other.db");
	const database = new DatabaseSync(other);
	database.exec("CREATE TABLE session (id TEXT, directory TEXT, title TEXT, time_created INTEGER)");
	database.close();
	expect(findHistories("openCode", other, true)).rejects.toThrow(
		`The database ${other} has another layout than is known (no message.id), so it was not read.`,
	);
	const none = join(folder, "opencode-none.db");
	writeFileSync(none, "this is no database, but longer than a header of one must be ".repeat(20));
	expect(findHistories("openCode", none, true)).rejects.toThrow("is no database of OpenCode, or is damaged");
});

/** Histories of other agents as fixtures, made by hand after the formats that `src/agents` names. */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { History, HistoryFile } from "../../src/agents/history.ts";
import type { AgentMessage } from "../../src/protocol/agent-entry.ts";
import { ROOT } from "./source-tree.ts";

export const AGENT_FIXTURES = join(ROOT, "tests", "fixtures", "agents");

export const CLAUDE_SESSION = "4f35e220-c435-4cf7-b9b9-f40426042847";
export const CODEX_SESSION = "019a2d7a-41c4-78b1-b7cc-a45d62a89cd5";
export const OPENCODE_SESSION = "ses_6a1f0000ffeexample01";

export const claudeFile = (...path: string[]): HistoryFile => historyFile("claude-code", ...path);
export const codexFile = (...path: string[]): HistoryFile => historyFile("codex", ...path);

function historyFile(...path: string[]): HistoryFile {
	const file = join(AGENT_FIXTURES, ...path);
	return { name: basename(file), text: readFileSync(file, "utf8") };
}

/** Its texts, joined: what a person would read of a message. */
export const saidBy = ({ parts = [], textContent }: AgentMessage): string =>
	parts
		.filter(({ type }) => type === "text")
		.map(({ content }) => String(content))
		.join("\n") ||
	(textContent ?? "");

/** "role: text" of every message. */
export const told = ({ messages }: History): string[] =>
	messages.map((message) => `${message.role}: ${saidBy(message)}`);

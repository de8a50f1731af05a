/** A session as a Markdown document, from its messages as OpenSync's API tells them. */
import type { OpenSyncPart } from "../../src/protocol/opensync.ts";
import type { ApiSession } from "../model/openSync/apiSession.ts";
import type { ApiMessage } from "./messages.ts";

const WHO = { user: "User", assistant: "Assistant", system: "System", tool: "Tool", unknown: "Message" };

export function markdownOf(session: ApiSession, messages: readonly ApiMessage[]): string {
	const head = [
		`# ${oneLine(session.title ?? "Untitled session")}`,
		[
			`- Project: \`${oneLine(session.projectPath ?? session.projectName ?? "none")}\``,
			`- Agent: ${oneLine(session.source)}${session.model ? `, ${oneLine(session.model)}` : ""}`,
			`- Started: ${new Date(session.createdAt).toISOString()}`,
			`- Tokens: ${session.totalTokens}, cost: $${session.cost.toFixed(4)}`,
		].join("\n"),
	];
	return `${[...head, ...messages.flatMap(messageMarkdown)].join("\n\n")}\n`;
}

/** What a message says in one text: its own, or else what its parts hold. */
export function plainText({ textContent, parts }: ApiMessage): string {
	return textContent ?? parts.map(partText).join("\n\n");
}

function messageMarkdown({ role, textContent, parts }: ApiMessage): string[] {
	const told = parts.some(({ type }) => type === "text");
	const said = told || textContent === undefined ? [] : [textContent];
	return [`## ${WHO[role]}`, ...said, ...parts.flatMap(partMarkdown)];
}

function partMarkdown(part: OpenSyncPart): string[] {
	if (part.type === "text") return [textOf(part.content)];
	if (part.type === "thinking" || part.type === "reasoning")
		return [textOf(part.content).replace(/^/gm, "> ").replace(/ +$/gm, "")];
	return [`### ${oneLine(nameOf(part))}`, fenced(partText(part))];
}

/** What a person would look for in it first. */
function partText({ content }: OpenSyncPart): string {
	if (typeof content !== "object" || content === null) return textOf(content);
	const { result, output, args, input, text } = content as Record<string, unknown>;
	return textOf(result ?? output ?? args ?? input ?? text ?? content);
}

function nameOf({ type, content }: OpenSyncPart): string {
	const { toolName, name, tool } = (typeof content === "object" && content ? content : {}) as Record<
		string,
		unknown
	>;
	const called = toolName ?? name ?? tool;
	return typeof called === "string" && called !== "" ? `${type}: ${called}` : type;
}

const textOf = (value: unknown): string =>
	typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");

/** A fence longer than any run of backticks inside. */
function fenced(value: string): string {
	const longest = (value.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
	const fence = "`".repeat(longest + 1);
	return `${fence}\n${value.replace(/\n$/, "")}\n${fence}`;
}

const oneLine = (value: string): string => value.replace(/\s+/g, " ").trim();

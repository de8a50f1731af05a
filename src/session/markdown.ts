/** A session as a Markdown document: what was said on the branch to the leaf, tool calls with their results. */
import type { Json } from "./entry-ids.ts";
import { blocksOf, branchPath, messageOf, type TranscriptItem, transcriptOf } from "./transcript.ts";

export type MarkdownSession = {
	/** Null: untitled. */
	title: string | null;
	project: string;
	/** ms since the epoch. */
	startedAt: number;
	/** Null: the last entry. */
	leafId: string | null;
	/** Lines of the session file, in file order, without its header. One that is no JSON is left out. */
	entries: readonly string[];
};

export function sessionMarkdown(session: MarkdownSession): string {
	const entries = session.entries.map(parse).filter((entry) => entry !== null);
	const items = transcriptOf(branchPath(entries, session.leafId));
	const head = [`# ${oneLine(session.title ?? "Untitled session")}`, facts(session)];
	return `${[...head, ...items.flatMap(itemMarkdown)].join("\n\n")}\n`;
}

function facts({ project, startedAt }: MarkdownSession): string {
	const started =
		startedAt > 0 ? `, started ${new Date(startedAt).toISOString().slice(0, 16).replace("T", " ")} UTC` : "";
	const where = project.trim() === "" ? "No project" : `Project \`${oneLine(project)}\``;
	return `${where}${started}.`;
}

function itemMarkdown({ entry, results }: TranscriptItem): string[] {
	const message = messageOf(entry);
	if (message) return messageMarkdown(message, results);
	switch (entry.type) {
		case "compaction":
			return ["## Summary of what came before", text(entry.summary)];
		case "branch_summary":
			return ["## Summary of another branch", text(entry.summary)];
		case "custom_message":
			return entry.display === false
				? []
				: [`## ${oneLine(text(entry.customType) || "Message")}`, ...content(entry.content)];
		case "model_change":
			return [`*Model: ${oneLine(text(entry.modelId))}*`];
		case "thinking_level_change":
			return [`*Thinking level: ${oneLine(text(entry.thinkingLevel))}*`];
		default:
			return [];
	}
}

function messageMarkdown(message: Json, results: TranscriptItem["results"]): string[] {
	switch (message.role) {
		case "user":
			return ["## User", ...content(message.content)];
		case "assistant":
			return [
				...(isOnlyResults(message) ? [] : ["## Assistant"]),
				...blocksOf(message.content).flatMap((block) => assistantBlock(block, results)),
				...failure(message),
			];
		case "toolResult":
			return [`### Result of ${oneLine(text(message.toolName))}`, ...resultBlock(message)];
		case "bashExecution":
			return ["## Command", fenced(text(message.command), "sh"), fenced(text(message.output))];
		case "custom":
			return message.display === false
				? []
				: [`## ${oneLine(text(message.customType) || "Message")}`, ...content(message.content)];
		default:
			// The system prompt and its like: not part of what was said.
			return [];
	}
}

function assistantBlock(block: Json, results: TranscriptItem["results"]): string[] {
	if (block.type === "thinking") {
		const thought = text(block.thinking).trim();
		return thought === "" ? [] : [quoted(thought)];
	}
	if (block.type === "toolResult")
		return [
			`### Result of ${oneLine(text(block.toolName))}`,
			...(block.isError === true ? ["**Failed:**"] : []),
			fenced(text(block.text)),
		];
	if (block.type !== "toolCall") return content([block]);
	const result = results.get(text(block.id));
	const called = [
		`### Tool: ${oneLine(text(block.name))}`,
		fenced(JSON.stringify(block.arguments ?? {}, null, 2), "json"),
	];
	const answer = result ? messageOf(result) : null;
	return answer ? [...called, ...resultBlock(answer)] : called;
}

function resultBlock(message: Json): string[] {
	const said = blocksOf(message.content)
		.map((block) => (block.type === "text" ? text(block.text) : `[${text(block.type) || "block"}]`))
		.join("\n");
	return [...(message.isError === true ? ["**Failed:**"] : []), fenced(said)];
}

/** Results of another agent's tools come in messages of their own. */
function isOnlyResults(message: Json): boolean {
	const blocks = blocksOf(message.content);
	return blocks.length > 0 && blocks.every(({ type }) => type === "toolResult");
}

function failure(message: Json): string[] {
	if (message.stopReason === "aborted") return ["*Aborted.*"];
	return message.stopReason === "error"
		? [`**Error:** ${oneLine(text(message.errorMessage) || "unknown")}`]
		: [];
}

function content(value: unknown): string[] {
	return blocksOf(value).flatMap((block) => {
		if (block.type === "text") return text(block.text).trim() === "" ? [] : [text(block.text).trim()];
		// What another agent has besides.
		if (block.type === "part") return [`*[${oneLine(text(block.partType) || "part")}]*`];
		return block.type === "image" ? [`*[image, ${oneLine(text(block.mimeType))}]*`] : [];
	});
}

const quoted = (value: string): string =>
	value
		.split("\n")
		.map((line) => (line === "" ? ">" : `> ${line}`))
		.join("\n");

/** A fence longer than any run of backticks inside. */
function fenced(value: string, language = ""): string {
	const longest = (value.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
	const fence = "`".repeat(longest + 1);
	return `${fence}${language}\n${value.replace(/\n$/, "")}\n${fence}`;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const oneLine = (value: string): string => value.replace(/\s+/g, " ").trim();

function parse(line: string): Json | null {
	try {
		const value: unknown = JSON.parse(line);
		return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;
	} catch {
		return null;
	}
}

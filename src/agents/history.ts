/** What every reader of another agent's history gives, and how damaged input is read without losing the rest. */
import { type Json, parsedObject } from "../lib/json.ts";
import type { AgentMessage } from "../protocol/agent-entry.ts";
import type { AgentSession } from "../protocol/agent-session.ts";
import type { OpenSyncPart } from "../protocol/opensync.ts";

/** One session, oldest message first. */
export type History = { session: AgentSession; messages: AgentMessage[] };

/** What could not be read. `line` counts from 1; null where it is about the whole. `why` is one sentence. */
export type Skipped = { line: number | null; why: string };

export type Read = { histories: History[]; skipped: Skipped[] };

/** A history file: its name without folders, and what it holds. */
export type HistoryFile = { name: string; text: string };

export type Line = { line: number; value: Json };

/** Every line that is a JSON object; the others are named. */
export function jsonLines(text: string, skipped: Skipped[]): Line[] {
	const lines: Line[] = [];
	let start = text.startsWith("\uFEFF") ? 1 : 0;
	for (let line = 1; start < text.length; line += 1) {
		const found = text.indexOf("\n", start);
		const end = found === -1 ? text.length : found;
		const content = text.slice(start, end).trim();
		start = end + 1;
		if (content === "") continue;
		const value = parsedObject(content);
		if (value) lines.push({ line, value });
		else
			skipped.push({
				line,
				why:
					found === -1
						? "The last line is incomplete; it was skipped."
						: "This line is not a JSON object; it was skipped.",
			});
	}
	return lines;
}

/** Undefined also when it is empty. */
export const text = (value: unknown): string | undefined =>
	typeof value === "string" && value !== "" ? value : undefined;

/** A count or a price: finite and not negative. */
export const amount = (value: unknown): number | undefined =>
	typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;

/** ISO text or ms since the epoch, as ms; undefined when it tells no time. */
export function time(value: unknown): number | undefined {
	const ms = typeof value === "string" ? Date.parse(value) : value;
	return typeof ms === "number" && Number.isFinite(ms) && ms >= 0 && ms <= 8.64e15 ? ms : undefined;
}

/** The last part of a path of any system. */
export const lastName = (path: string): string =>
	path
		.split(/[/\\]/)
		.filter((name) => name !== "")
		.at(-1) ?? path;

/** `folder` as the session's project. */
export const projectOf = (folder: string | undefined): Pick<AgentSession, "projectPath" | "projectName"> =>
	folder === undefined ? {} : { projectPath: folder, projectName: lastName(folder) };

/** First line of a prompt as a title, whole: secrets are looked for before `shortTitle`. Undefined when it has none. */
export const titleOf = (prompt: string | undefined): string | undefined =>
	prompt
		?.split("\n")
		.map((one) => one.trim())
		.find((one) => one !== "");

const TITLE_MOST = 100;

/** Cut where a list would cut it. */
export const shortTitle = (title: string): string =>
	Array.from(title.slice(0, 2 * TITLE_MOST).toWellFormed())
		.slice(0, TITLE_MOST)
		.join("")
		.trimEnd();

/** What is defined of it. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
	return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
		[K in keyof T]: Exclude<T[K], undefined>;
	};
}

export const textPart = (content: string): OpenSyncPart => ({ type: "text", content });

export const callPart = (toolName: string, toolCallId: string, args: unknown): OpenSyncPart => ({
	type: "tool-call",
	content: { toolName, name: toolName, toolCallId, args },
});

export const resultPart = (
	toolName: string,
	toolCallId: string,
	result: unknown,
	isError: boolean,
): OpenSyncPart => ({ type: "tool-result", content: { toolName, toolCallId, result, isError } });

/**
 * Claude Code's history: `<config>/projects/<path with dashes>/<session id>.jsonl`, one line an event.
 *
 * Known: what versions 1 and 2 write. There is no published specification; the shapes are those that
 * github.com/neilberkman/ccrider (research/schema.md, 2.0.2x), github.com/oneryalcin/agent-schemas (JSON
 * Schemas of 2.0.76 and 2.1.1, checked against 52,000 lines) and github.com/jeremedia/claude-code-log-format
 * (2.0.55) describe. Lines of another major version, and types that nobody describes, are named and left.
 *
 * A sub-agent (`agent-<id>.jsonl`, or `isSidechain` lines inside the session's own file in version 1) is a
 * session of its own. Lines with one `message.id` are parts of one message, and its usage is the last one's.
 */

import { isObject, type Json, object } from "../lib/json.ts";
import type { AgentMessage } from "../protocol/agent-entry.ts";
import type { AgentSession } from "../protocol/agent-session.ts";
import type { OpenSyncPart } from "../protocol/opensync.ts";
import { claudeParts } from "./claude-code-parts.ts";
import {
	amount,
	defined,
	type History,
	type HistoryFile,
	jsonLines,
	type Line,
	projectOf,
	type Read,
	type Skipped,
	text,
	textPart,
	time,
	titleOf,
} from "./history.ts";

const KNOWN_MAJORS = ["1", "2"];

/** Lines in which nothing is said: the program's own book-keeping, and titles. */
const BOOK_KEEPING = new Set(
	`progress file-history-snapshot file-history-delta queue-operation last-prompt agent-name agent-color
	agent-setting mode permission-mode pr-link tag task-summary worktree-state content-replacement frame-link
	atis-latch cost-state bridge-session relocated started result fork-context-ref checkpoint todo diagnostic
	compact-boundary summary custom-title ai-title`.split(/\s+/),
);

/** A message under way: lines may add to it. */
type Draft = { line: Line; message: AgentMessage & { parts: OpenSyncPart[] } };

type Group = {
	externalId: string;
	agent: string | null;
	drafts: Draft[];
	byMessageId: Map<string, Draft>;
	toolNames: Map<string, string>;
};

/**
 * Never fails. Sessions in which nothing was said are left out.
 * @param counted session by `message.id`, of all files read so far: a session that was resumed under a new
 * id, or branched, begins with a copy of the other's lines, and their usage counts once. Default: only this file.
 */
export function readClaudeCode(file: HistoryFile, counted = new Map<string, string>()): Read {
	const skipped: Skipped[] = [];
	const lines = jsonLines(file.text, skipped);
	const own = sessionIdOf(file, lines);
	if (own === null) {
		if (lines.length > 0)
			skipped.push({ line: null, why: "No line names a session: this is no session of Claude Code." });
		return { histories: [], skipped };
	}
	const roots = sidechainRoots(lines);
	const groups = new Map<string, Group>();
	const seen = new Set<string>();
	for (const line of lines) {
		const why = refusal(line.value);
		if (why === "said nothing") continue;
		if (why !== null) {
			skipped.push({ line: line.line, why });
			continue;
		}
		const uuid = line.value.uuid as string;
		// Some versions write a line twice.
		if (seen.has(uuid)) continue;
		seen.add(uuid);
		const group = groupFor(groups, own, line.value, roots);
		addLine(group, line, counted);
	}
	return { histories: [...groups.values()].flatMap((group) => historyOf(group, lines)), skipped };
}

/** The file's name is the id; an agent's file is named after the agent, and its lines name the session. */
function sessionIdOf(file: HistoryFile, lines: readonly Line[]): string | null {
	const name = file.name.replace(/\.jsonl$/, "");
	if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name)) return name;
	for (const { value } of lines) {
		const id = text(value.sessionId);
		if (id !== undefined) return id;
	}
	return null;
}

/** Why a line is not taken; null when it is. */
function refusal(value: Json): string | null {
	const type = text(value.type);
	if (type === undefined) return "This line tells no type; it was skipped.";
	if (BOOK_KEEPING.has(type)) return "said nothing";
	const version = text(value.version);
	if (version !== undefined && !KNOWN_MAJORS.includes(version.split(".", 1)[0] as string))
		return `It was written by Claude Code ${version}, whose format is not known; it was skipped.`;
	switch (type) {
		case "user":
		case "assistant":
			if (!isObject(value.message) || text(value.uuid) === undefined)
				return `This line of the type "${type}" has no message or no id; it was skipped.`;
			return null;
		case "system":
			return text(value.content) === undefined || text(value.uuid) === undefined ? "said nothing" : null;
		case "attachment":
			return queuedPrompt(value) === null || text(value.uuid) === undefined ? "said nothing" : null;
		default:
			return `Lines of the type "${type}" are not known; it was skipped.`;
	}
}

/** What a person typed while the agent was busy; other attachments are the program's. */
function queuedPrompt(value: Json): unknown {
	const attachment = object(value.attachment);
	if (attachment.type !== "queued_command") return null;
	const mode = attachment.commandMode ?? "prompt";
	return mode === "prompt" ? (attachment.prompt ?? null) : null;
}

/** For every line of a sub-agent without a name of its own: the first line of its chain. */
function sidechainRoots(lines: readonly Line[]): Map<string, string> {
	const roots = new Map<string, string>();
	for (const { value } of lines) {
		const uuid = text(value.uuid);
		if (value.isSidechain !== true || uuid === undefined) continue;
		roots.set(uuid, roots.get(text(value.parentUuid) ?? "") ?? uuid);
	}
	return roots;
}

function groupFor(
	groups: Map<string, Group>,
	own: string,
	value: Json,
	roots: ReadonlyMap<string, string>,
): Group {
	const agent =
		value.isSidechain === true ? (text(value.agentId) ?? roots.get(value.uuid as string) ?? null) : null;
	const externalId = agent === null ? own : `${own}-agent-${agent}`;
	let group = groups.get(externalId);
	if (!group) {
		group = { externalId, agent, drafts: [], byMessageId: new Map(), toolNames: new Map() };
		groups.set(externalId, group);
	}
	return group;
}

function addLine(group: Group, line: Line, counted: Map<string, string>): void {
	const { value } = line;
	const message = object(value.message);
	const parts = partsOf(value, message, group.toolNames);
	const messageId = value.type === "assistant" ? text(message.id) : undefined;
	const begun = messageId === undefined ? undefined : group.byMessageId.get(messageId);
	const usage = isCountedElsewhere(counted, group, messageId) ? {} : usageOf(value, message);
	if (begun) {
		const known = new Set(begun.message.parts.map((part) => JSON.stringify(part)));
		begun.message.parts.push(...parts.filter((part) => !known.has(JSON.stringify(part))));
		Object.assign(begun.message, usage);
		return;
	}
	const draft: Draft = {
		line,
		message: {
			externalId: value.uuid as string,
			role: roleOf(value, parts),
			parts,
			...defined({ createdAt: time(value.timestamp) }),
			...(value.type === "assistant" ? defined({ model: modelOf(message) }) : {}),
			...usage,
		},
	};
	group.drafts.push(draft);
	if (messageId !== undefined) group.byMessageId.set(messageId, draft);
}

function isCountedElsewhere(
	counted: Map<string, string>,
	group: Group,
	messageId: string | undefined,
): boolean {
	if (messageId === undefined) return false;
	const owner = counted.get(messageId);
	if (owner === undefined) counted.set(messageId, group.externalId);
	return owner !== undefined && owner !== group.externalId;
}

function partsOf(value: Json, message: Json, toolNames: Map<string, string>): OpenSyncPart[] {
	switch (value.type) {
		case "system":
			return [textPart(value.content as string)];
		case "attachment":
			return claudeParts(queuedPrompt(value), toolNames);
		default:
			return claudeParts(message.content, toolNames);
	}
}

function roleOf(value: Json, parts: readonly OpenSyncPart[]): AgentMessage["role"] {
	if (value.type === "assistant") return "assistant";
	if (value.type === "system" || value.isMeta === true || value.isCompactSummary === true) return "system";
	return parts.length > 0 && parts.every(({ type }) => type === "tool-result") ? "tool" : "user";
}

/** What the program says in the model's place has a name in angle brackets. */
const modelOf = (message: Json): string | undefined => {
	const model = text(message.model);
	return model?.startsWith("<") ? undefined : model;
};

function usageOf(value: Json, message: Json): Partial<AgentMessage> {
	// What a branch copied was counted where it was said.
	if (value.type !== "assistant" || isObject(value.forkedFrom)) return {};
	const usage = object(message.usage);
	return defined({
		promptTokens: amount(usage.input_tokens),
		completionTokens: amount(usage.output_tokens),
		cacheReadTokens: amount(usage.cache_read_input_tokens),
		cacheWriteTokens: amount(usage.cache_creation_input_tokens),
		// Early versions told it.
		cost: amount(value.costUSD),
	});
}

function historyOf(group: Group, lines: readonly Line[]): History[] {
	const messages = group.drafts.map(({ message }) => message).filter(({ parts }) => parts.length > 0);
	if (messages.length === 0) return [];
	const values = group.drafts.map(({ line }) => line.value);
	const last = <T>(read: (value: Json) => T | undefined): T | undefined =>
		values.map(read).findLast((one) => one !== undefined);
	const times = messages.map(({ createdAt }) => createdAt).filter((at) => at !== undefined);
	const session: AgentSession = {
		externalId: group.externalId,
		source: "claude-code",
		...projectOf(values.map(({ cwd }) => text(cwd)).find((cwd) => cwd !== undefined)),
		...defined({
			title: titleFor(group, messages, lines),
			gitBranch: last(({ gitBranch }) => text(gitBranch)),
			model: messages.findLast(({ model }) => model !== undefined)?.model,
			durationMs: group.agent === null ? durationOf(lines) : undefined,
			createdAt: times.length === 0 ? undefined : times.reduce((least, at) => Math.min(least, at)),
		}),
	};
	return [{ session, messages }];
}

/** What a person named it, else what the program did, else the first prompt. */
function titleFor(
	group: Group,
	messages: readonly AgentMessage[],
	lines: readonly Line[],
): string | undefined {
	const prompt = titleOf(
		messages
			.filter(({ role }) => role === "user")
			.map(({ parts = [] }) => parts.find(({ type }) => type === "text")?.content)
			.find((said): said is string => typeof said === "string" && !/^\s*</.test(said)),
	);
	if (group.agent !== null) return prompt;
	const told = (type: string, field: string): string | undefined =>
		text(
			lines.findLast(({ value }) => value.type === type && text(value[field]) !== undefined)?.value[field],
		);
	return (
		titleOf(told("custom-title", "customTitle") ?? told("ai-title", "aiTitle") ?? summaryOf(lines)) ?? prompt
	);
}

/** Summaries at the head of a file may be of other sessions: this one's end at a message that is here. */
function summaryOf(lines: readonly Line[]): string | undefined {
	const here = new Set(lines.map(({ value }) => value.uuid));
	const found = lines.findLast(({ value }) => value.type === "summary" && here.has(value.leafUuid));
	return text(found?.value.summary);
}

/** Of all turns; undefined when none is told. */
function durationOf(lines: readonly Line[]): number | undefined {
	const turns = lines
		.filter(({ value }) => value.type === "system" && value.subtype === "turn_duration")
		.map(({ value }) => amount(value.durationMs) ?? 0);
	return turns.length === 0 ? undefined : turns.reduce((sum, ms) => sum + ms, 0);
}

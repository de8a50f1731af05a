/** Entries as the backend shows them, made for tests. */
import { type AgentMessage, agentEntry } from "../../../src/protocol/agent-entry.ts";
import { describeEntry } from "../../../src/protocol/describe-entry.ts";
import type { EntryView } from "../../../src/protocol/entry.ts";
import type { SessionView } from "../../../src/protocol/session.ts";

type Made = { seq: number; parent?: number | null; sessionId?: string; type?: string; body?: object };

/** Entry `e<seq>`, by default the child of the one before. */
export function entryView({
	seq,
	parent = seq - 1,
	sessionId = "s",
	type = "message",
	body = {},
}: Made): EntryView {
	const entryId = `e${seq}`;
	const parentId = parent === null || parent < 1 ? null : `e${parent}`;
	const json = JSON.stringify({
		type,
		id: entryId,
		parentId,
		timestamp: "2026-01-01T00:00:00.000Z",
		...body,
	});
	const { columns } = describeEntry(json);
	return {
		sessionId,
		entryId,
		parentId,
		seq,
		type,
		timestamp: 0,
		json,
		url: null,
		bytes: json.length,
		columns,
	};
}

/** A message of another agent as a row. */
export function agentView(message: AgentMessage, seq: number, sessionId = "s"): EntryView {
	const { entryId, json, timestamp } = agentEntry(message);
	const { columns } = describeEntry(json);
	const rest = { parentId: null, type: "message", url: null, bytes: json.length, columns };
	return { sessionId, entryId, seq, timestamp: timestamp ?? 0, json, ...rest };
}

export const said = (role: string, text: string): object => ({
	message: { role, content: [{ type: "text", text }] },
});

export const called = (...ids: string[]): object => ({
	message: {
		role: "assistant",
		content: ids.map((id) => ({ type: "toolCall", id, name: "bash", arguments: { command: "ls" } })),
	},
});

export const resulted = (toolCallId: string, text = "out"): object => ({
	message: {
		role: "toolResult",
		toolCallId,
		toolName: "bash",
		content: [{ type: "text", text }],
		isError: false,
	},
});

export function sessionView(changes: Partial<SessionView>): SessionView {
	return {
		sessionId: "s",
		source: "pi",
		via: "pi",
		projectPath: "/home/dev/proj",
		projectName: "proj",
		gitBranch: null,
		machine: "box",
		title: null,
		model: null,
		provider: null,
		thinkingLevel: null,
		status: "idle",
		leafId: null,
		lineage: null,
		tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
		cost: 0,
		entryCount: 0,
		messageCount: 0,
		toolCallCount: 0,
		lastSeq: 0,
		durationMs: null,
		startedAt: 0,
		updatedAt: 0,
		endedAt: null,
		...changes,
	};
}

/**
 * Codex's history: `<CODEX_HOME>/sessions/<year>/<month>/<day>/rollout-<time>-<session id>.jsonl`.
 *
 * Known, after github.com/openai/codex itself: the envelope `{timestamp, type, payload}` that every version
 * since September 2025 writes (codex-rs/protocol/src/protocol.rs `RolloutItem`, models.rs `ResponseItem`,
 * core/src/rollout/policy.rs), the bare items with a header line of mid-2025, and the single object
 * `{session, items}` of the first command line (codex-cli/src/utils/storage/save-rollout.ts). The bare ones
 * tell no times: their messages take the session's. `cli_version` other than 0.x and items that are not
 * among theirs are named and left.
 *
 * What the model gives between two inputs is one message: reasoning, text and calls. Ids are line numbers,
 * for the items have none and a file only grows. Usage is what each response added to the running total.
 */

import { isObject, type Json, object, objects, parsedObject } from "../lib/json.ts";
import type { AgentMessage } from "../protocol/agent-entry.ts";
import type { AgentSession } from "../protocol/agent-session.ts";
import type { OpenSyncPart } from "../protocol/opensync.ts";
import { type CodexItem, codexItem, isInjected } from "./codex-items.ts";
import { CodexUsage } from "./codex-usage.ts";
import {
	amount,
	defined,
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

/** Lines that hold nothing that was said. */
const BOOK_KEEPING = new Set(["world_state", "inter_agent_communication_metadata"]);

/** Its id is the number of its line until the session's is known. */
type Draft = AgentMessage & { parts: OpenSyncPart[] };

type State = {
	sessionId: string | null;
	hasHeader: boolean;
	/** Of the header; taken by items that tell none. */
	startedAt: number | undefined;
	session: Partial<AgentSession>;
	model: string | undefined;
	messages: Draft[];
	/** The model's message that may still grow. */
	open: Draft | null;
	/** The one that usage belongs to. */
	answer: Draft | null;
	usage: CodexUsage;
	toolNames: Map<string, string>;
	prompt: string | undefined;
	durationMs: number | undefined;
	/** A version that is not known: nothing of the file is taken. */
	refused: string | null;
};

/** Never fails. A session in which nothing was said is left out. */
export function readCodex(file: HistoryFile): Read {
	const skipped: Skipped[] = [];
	const state: State = {
		sessionId: idInName(file.name),
		hasHeader: false,
		startedAt: undefined,
		session: {},
		model: undefined,
		messages: [],
		open: null,
		answer: null,
		usage: new CodexUsage(),
		toolNames: new Map(),
		prompt: undefined,
		durationMs: undefined,
		refused: null,
	};
	for (const line of linesOf(file, skipped)) {
		const why = takeLine(state, line);
		if (state.refused !== null)
			return { histories: [], skipped: [...skipped, { line: line.line, why: state.refused }] };
		if (why !== null) skipped.push({ line: line.line, why });
	}
	const externalId = state.sessionId;
	const messages = state.messages
		.filter(({ parts }) => parts.length > 0)
		.map((message) => ({ ...message, externalId: `${externalId}:${message.externalId}` }));
	if (externalId === null && messages.length > 0)
		skipped.push({ line: null, why: "Nothing names the session: this is no session of Codex." });
	if (externalId === null || messages.length === 0) return { histories: [], skipped };
	const startedAt =
		state.startedAt ?? messages.map(({ createdAt }) => createdAt).find((at) => at !== undefined);
	const title = state.session.title ?? titleOf(state.prompt ?? firstPrompt(messages));
	const session: AgentSession = {
		externalId,
		source: "codex-cli",
		...state.session,
		...defined({
			title,
			model: state.model,
			durationMs: state.durationMs,
			createdAt: startedAt,
		}),
	};
	return { histories: [{ session, messages }], skipped };
}

/** The oldest format is one object; its items are counted as lines. */
function linesOf(file: HistoryFile, skipped: Skipped[]): Line[] {
	const whole = file.name.endsWith(".json") ? parsedObject(file.text) : null;
	if (whole && isObject(whole.session) && Array.isArray(whole.items))
		return [
			{ line: 1, value: whole.session },
			...objects(whole.items).map((value, at) => ({ line: at + 2, value })),
		];
	return jsonLines(file.text, skipped);
}

const idInName = (name: string): string | null =>
	/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl?$/i.exec(name)?.[1] ?? null;

const firstPrompt = (messages: readonly Draft[]): string | undefined => {
	const part = messages.find(({ role }) => role === "user")?.parts.find(({ type }) => type === "text");
	return typeof part?.content === "string" ? part.content : undefined;
};

/** Why it was not taken; null when it was, or holds nothing that was said. */
function takeLine(state: State, { line, value }: Line): string | null {
	const at = time(value.timestamp) ?? state.startedAt;
	if (isObject(value.payload)) return takeEnvelope(state, line, text(value.type), value.payload, at);
	// A marker among the bare items.
	if (value.record_type === "state") return null;
	if (value.type === undefined && text(value.id) !== undefined && value.timestamp !== undefined) {
		takeHeader(state, value, at);
		return null;
	}
	return takeItem(state, line, value, at);
}

function takeEnvelope(
	state: State,
	line: number,
	type: string | undefined,
	payload: Json,
	at: number | undefined,
): string | null {
	switch (type) {
		case "session_meta":
			takeHeader(state, payload, time(payload.timestamp) ?? at);
			return null;
		case "turn_context":
			state.usage.turn(payload);
			state.model = text(payload.model) ?? state.model;
			if (state.session.projectPath === undefined) Object.assign(state.session, projectOf(text(payload.cwd)));
			state.open = null;
			return null;
		case "response_item":
			return takeItem(state, line, payload, at);
		case "event_msg":
			takeEvent(state, line, payload, at);
			return null;
		case "compacted":
			say(state, line, "system", at, textParts(payload.message));
			return null;
		case "inter_agent_communication":
			say(state, line, "system", at, [{ type: "inter-agent-communication", content: payload }]);
			return null;
		default:
			return type !== undefined && BOOK_KEEPING.has(type)
				? null
				: `Lines of the type "${type ?? ""}" are not known; it was skipped.`;
	}
}

/** The first one names the session: a fork repeats its parent's behind its own. */
function takeHeader(state: State, meta: Json, at: number | undefined): void {
	const id = text(meta.id) ?? text(meta.session_id) ?? state.sessionId;
	state.usage.header(meta, id);
	if (state.hasHeader) return;
	state.hasHeader = true;
	const version = text(meta.cli_version);
	if (version !== undefined && !version.startsWith("0.")) {
		state.refused = `It was written by Codex ${version}, whose format is not known; the file was skipped.`;
		return;
	}
	state.sessionId = id;
	state.startedAt = at;
	Object.assign(state.session, projectOf(text(meta.cwd)));
	Object.assign(
		state.session,
		defined({ gitBranch: text(object(meta.git).branch), provider: text(meta.model_provider) }),
	);
}

function takeItem(state: State, line: number, value: Json, at: number | undefined): string | null {
	const item = codexItem(value, state.toolNames);
	switch (item.kind) {
		case "unknown":
			return `Items of the type "${item.type}" are not known; it was skipped.`;
		case "nothing":
			return null;
		case "said":
			say(state, line, item.role, at, item.parts);
			if (item.role === "system") takeFolder(state, item);
			return null;
		case "answer":
			answer(state, line, at, item.parts);
			return null;
	}
}

/** Old files tell the folder in the first message that Codex itself sends. */
function takeFolder(state: State, item: CodexItem & { kind: "said" }): void {
	if (state.session.projectPath !== undefined) return;
	for (const { content } of item.parts) {
		const folder = typeof content === "string" ? /<cwd>([^<]+)<\/cwd>/.exec(content)?.[1] : undefined;
		if (folder !== undefined) Object.assign(state.session, projectOf(folder));
	}
}

/** What stands in events is for screens and stands in items too, but for these. */
function takeEvent(state: State, line: number, event: Json, at: number | undefined): void {
	switch (event.type) {
		case "user_message": {
			const prompt = text(event.message);
			if (prompt !== undefined && !isInjected(prompt) && !state.usage.isCopy) state.prompt ??= prompt;
			break;
		}
		case "task_started":
		case "turn_started":
			state.usage.turn(event);
			break;
		case "token_count":
			takeUsage(state, object(event.info));
			break;
		case "thread_name_updated":
			Object.assign(state.session, defined({ title: titleOf(text(event.thread_name)) }));
			break;
		case "task_complete":
		case "turn_complete": {
			const ms = amount(event.duration_ms);
			if (ms !== undefined && !state.usage.isCopy) state.durationMs = (state.durationMs ?? 0) + ms;
			break;
		}
		case "error":
			say(state, line, "system", at, textParts(event.message));
			break;
	}
}

function say(
	state: State,
	line: number,
	role: AgentMessage["role"],
	at: number | undefined,
	parts: OpenSyncPart[],
): void {
	state.open = null;
	state.messages.push({ externalId: String(line), role, parts, ...defined({ createdAt: at }) });
}

function answer(state: State, line: number, at: number | undefined, parts: OpenSyncPart[]): void {
	if (state.open) {
		state.open.parts.push(...parts);
		return;
	}
	const draft: Draft = {
		externalId: String(line),
		role: "assistant",
		parts: [...parts],
		...defined({ createdAt: at, model: state.model, provider: state.session.provider }),
	};
	state.messages.push(draft);
	state.open = draft;
	state.answer = draft;
}

function takeUsage(state: State, info: Json): void {
	const spent = state.usage.spent(info);
	const { answer } = state;
	if (!spent || !answer) return;
	answer.promptTokens = (answer.promptTokens ?? 0) + spent.promptTokens;
	answer.completionTokens = (answer.completionTokens ?? 0) + spent.completionTokens;
	answer.cacheReadTokens = (answer.cacheReadTokens ?? 0) + spent.cacheReadTokens;
}

const textParts = (value: unknown): OpenSyncPart[] => {
	const said = text(value);
	return said === undefined ? [] : [textPart(said)];
};

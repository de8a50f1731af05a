/**
 * The run in flight as delta ops, from the events of Pi's session that Pi's own screen is drawn from. Besides
 * the ops that every reader folds it tells, as `v` ops, what another terminal needs to draw the same: see
 * `src/session/pi-events.ts`. What is said once is not said again: no message's content, no tool's output.
 */
import { eventOps } from "../session/event-pieces.ts";
import type { PiEvent } from "../session/pi-events.ts";
import type { LateSync } from "./late-sync.ts";
import { type AssistantEvent, StreamOps } from "./stream-ops.ts";

type Json = Record<string, unknown>;

/** A running tool's details go out while they are at most this large, and in any case at its end. */
const DETAILS_CHARS = 16 * 1024;
/** What a result holds besides one text goes out up to this size: the entry has all of it. */
const CONTENT_CHARS = 256 * 1024;

/** Told as they are. */
const PLAIN = new Set([
	"agent_start",
	"turn_start",
	"queue_update",
	"compaction_start",
	"compaction_end",
	"auto_retry_start",
	"auto_retry_end",
	"summarization_retry_scheduled",
	"summarization_retry_attempt_start",
	"summarization_retry_finished",
]);

export class RunTeller {
	readonly #late: LateSync;
	readonly #ops: StreamOps;
	readonly #details = new Map<string, string>();
	/** Called when a run, or a compaction outside of one, begins and when it is over. */
	readonly #onRun: (running: boolean) => void;
	#running = false;
	/** A compaction that was asked for by hand: there is no run around it. */
	#compacting = false;

	constructor(late: LateSync, onRun: (running: boolean) => void) {
		this.#late = late;
		this.#ops = new StreamOps((op) => late.op(op));
		this.#onRun = onRun;
	}

	get isRunning(): boolean {
		return this.#running;
	}

	/** One event of Pi's session. */
	handle(event: PiEvent): void {
		if (event.type === "agent_start") this.#begin();
		if (event.type === "compaction_start" && !this.#running) {
			this.#compacting = true;
			this.#begin();
		}
		if (!this.#running) return;
		if (this.#late.wanted) this.#tell(event);
		if (event.type === "message_end" && this.#ops.messageEnd(roleOf(event))) this.#late.messageDone();
		const isOver = event.type === "agent_settled" || (this.#compacting && event.type === "compaction_end");
		if (isOver) this.#end();
	}

	#begin(): void {
		if (this.#running) return;
		this.#running = true;
		this.#ops.reset();
		this.#details.clear();
		this.#onRun(true);
		this.#late.beginRun(Date.now());
		this.#late.status("running");
	}

	#end(): void {
		this.#running = false;
		this.#compacting = false;
		this.#late.endRun();
		this.#late.status("idle");
		this.#onRun(false);
	}

	#tell(event: PiEvent): void {
		if (event.type === "compaction_start") this.#ops.note("compacting the context");
		if (PLAIN.has(event.type)) return this.#event(event);
		switch (event.type) {
			case "message_start":
				return this.#messageStart(event);
			case "message_update":
				return this.#ops.update(event.assistantMessageEvent as AssistantEvent);
			case "message_end":
				if (roleOf(event) === "assistant")
					this.#event({ type: "message_end", message: without(event.message, "content") });
				return;
			case "tool_execution_start":
				return this.#toolStart(event);
			case "tool_execution_update":
				return this.#toolUpdate(event);
			case "tool_execution_end":
				return this.#toolEnd(event);
			case "agent_end":
				return this.#event({ type: "agent_end", messages: [], willRetry: event.willRetry === true });
			case "agent_settled":
				return this.#event({ type: "agent_settled", aborted: event.aborted === true });
		}
	}

	#messageStart(event: PiEvent): void {
		const role = roleOf(event);
		if (role === "assistant") {
			this.#ops.messageStart(role);
			this.#event({ type: "message_start", message: without(event.message, "content") });
		} else if (role === "user" || role === "custom") {
			this.#event({ type: "message_start", message: withoutImages(event.message as Json) });
		}
	}

	#toolStart(event: PiEvent): void {
		const { toolCallId, toolName, args, parentToolCallId } = event as PiEvent & Record<string, string>;
		this.#event({
			type: "tool_execution_start",
			toolCallId,
			startedAt: Date.now(),
			...(parentToolCallId ? { parentToolCallId } : {}),
		});
		this.#ops.toolStart(String(toolCallId), String(toolName), args);
	}

	#toolUpdate(event: PiEvent): void {
		const id = String(event.toolCallId);
		const details = (event.partialResult as Json | undefined)?.details;
		const json = details === undefined ? null : jsonWithin(details, DETAILS_CHARS);
		if (json !== null && json !== this.#details.get(id)) {
			this.#details.set(id, json);
			this.#event({ type: "tool_execution_update", toolCallId: id, details });
		}
		this.#ops.toolUpdate(id, event.partialResult);
	}

	#toolEnd(event: PiEvent): void {
		const id = String(event.toolCallId);
		const result = (event.result ?? {}) as Json;
		const isError = event.isError === true;
		this.#details.delete(id);
		this.#ops.toolUpdate(id, result);
		this.#event({
			type: "tool_execution_end",
			toolCallId: id,
			isError,
			...(result.details === undefined ? {} : { details: result.details }),
			...(isPlainText(result.content) ? {} : { content: result.content }),
			...(event.durationMs === undefined ? {} : { durationMs: event.durationMs }),
		});
		this.#ops.toolEnd(id, result, isError);
	}

	#event(event: PiEvent): void {
		let json: string | undefined;
		try {
			json = JSON.stringify(event);
		} catch {
			// What no JSON can hold is for this terminal alone.
		}
		if (json) for (const op of eventOps(json)) this.#late.op(op);
	}
}

const roleOf = (event: PiEvent): string => String((event.message as Json | undefined)?.role);

function without(message: unknown, name: string): Json {
	const { [name]: _left, ...rest } = (message ?? {}) as Json;
	return rest;
}

/**
 * A value as JSON of at most `chars` characters; null when it is longer, or when no JSON can hold it. A tool may
 * report at every line it prints, so what is too long costs no more than what fits.
 */
function jsonWithin(value: unknown, chars: number): string | null {
	let left = chars;
	try {
		const json = JSON.stringify(value, (key, part: unknown) => {
			left -= 1 + key.length + (typeof part === "string" ? part.length : 0);
			if (left < 0) throw new RangeError("too long");
			return part;
		});
		return json !== undefined && json.length <= chars ? json : null;
	} catch {
		return null;
	}
}

/** A screen shows the text of a prompt; its pictures come with the entry. */
function withoutImages(message: Json): Json {
	if (!Array.isArray(message.content)) return message;
	return { ...message, content: message.content.filter((block: Json) => block?.type !== "image") };
}

/** Whether the text that was told as output is all there is; what is too large for a delta counts as told too. */
function isPlainText(content: unknown): boolean {
	if (!Array.isArray(content)) return true;
	if (content.length <= 1 && content.every((block: Json) => block?.type === "text")) return true;
	return (JSON.stringify(content)?.length ?? 0) > CONTENT_CHARS;
}

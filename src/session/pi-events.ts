/**
 * From the ops of a running stream back to the events of Pi's session, so that another terminal's Pi can draw
 * the run as its own. Pure.
 *
 * Texts, thinking, arguments and tool output come as the ops that every reader folds; what only a terminal
 * needs comes in `v` ops: one JSON object with `type`, the event's own fields, and without what the other ops
 * tell. Guarantees: applied from any settled position on, every message and tool is told at most once, and
 * what the reader had as entries before (`known`) is not told again; a `v` that is no event is dropped and
 * counted. It does not check what an event means: who injects it guards against that.
 *
 *   m, v message_start ──> message_start      t h c a ──> message_update (one for all of a batch)
 *   v message_end, e   ──> message_end        x, o, v tool_execution_*, d ──> tool_execution_start, _update, _end
 *   v anything else    ──> as it is
 */
import type { DeltaOp } from "../protocol/stream.ts";
import { EventPieces } from "./event-pieces.ts";
import { isDeltaOp } from "./fold.ts";
import { asObject, bump, kindOf, NO_MODEL, parseEvent, resultOf, take, wholeOf } from "./pi-event-parts.ts";

export type PiEvent = { type: string } & Record<string, unknown>;
type Json = Record<string, unknown>;

/** An entry as far as telling it once needs. */
export type KnownEntry = { type: string; message?: unknown };

export type Tool = {
	name: string;
	args: unknown;
	output: string;
	details: unknown;
	hasDetails: boolean;
	/** When it started, by the holder's clock. */
	startedAt: number | null;
};
type Open = {
	message: Json & { content: Json[] };
	/** JSON text of calls' arguments, by block. */
	args: Map<number, string>;
	/** Its own start was told, with its time. */
	named: boolean;
	begun: boolean;
	changed: boolean;
	end: Json | null;
	silent: boolean;
};

export type ReplayOptions = {
	/** Parses JSON that may be cut off anywhere. */
	parsePartial: (json: string) => unknown;
	now: () => number;
};

export class Replay {
	readonly #options: ReplayOptions;
	readonly #pieces = new EventPieces();
	#out: PiEvent[] = [];
	#open: Open | null = null;
	#tools = new Map<string, Tool>();
	readonly #nested = new Set<string>();
	#dirty = new Set<string>();
	/** Calls' arguments by id: a tool whose start does not repeat them has them from here. */
	readonly #callArgs = new Map<string, unknown>();
	/** What was told and whose entries are to come, oldest first, with what tells it again. */
	#told: { kind: string; events: PiEvent[]; time?: unknown }[] = [];
	/** A message was begun and its end never told: another one followed. */
	#torn = false;
	/** Messages that the reader had as entries before. */
	readonly #skip = new Map<string, number>();
	#dropped = 0;

	constructor(options: ReplayOptions, known: readonly KnownEntry[] = []) {
		this.#options = options;
		for (const entry of known) {
			const kind = kindOf(entry);
			if (kind) bump(this.#skip, kind, 1);
		}
	}

	/** `v` ops that were no events. */
	get dropped(): number {
		return this.#dropped;
	}

	/** Pi has taken the row of the message that was being told away: its entry is shown from its beginning. */
	forgetOpen(): void {
		this.#open = null;
	}

	/** Rows of tools are on the screen that nothing has ended. */
	get hasOpenRows(): boolean {
		return (
			this.#tools.size > 0 || this.#open?.message.content.some(({ type }) => type === "toolCall") === true
		);
	}

	/** Ids of the tools that run. */
	get runningTools(): string[] {
		return [...this.#tools.keys()];
	}

	/** True while a message of the assistant is being told. */
	get isOpen(): boolean {
		return this.#open?.begun === true && !this.#open.silent;
	}

	/** What to tell, in order. */
	apply(ops: readonly unknown[]): PiEvent[] {
		this.#out = [];
		for (const op of ops) if (isDeltaOp(op)) this.#one(op);
		this.#flush();
		const out = this.#out;
		this.#out = [];
		return out;
	}

	/** True when the ops told what this entry holds, so that it need not be shown for itself. Asked once for each entry. */
	claims(entry: KnownEntry): boolean {
		const kind = kindOf(entry);
		const time = asObject(entry.message)?.timestamp;
		const at = this.#told.findIndex(
			(one) => one.kind === kind && (one.time === undefined || time === undefined || one.time === time),
		);
		if (kind === null || at === -1) return false;
		this.#told.splice(at, 1);
		return true;
	}

	/** What was told and is not in the entries yet. */
	toldAgain(): PiEvent[] {
		return this.#told.flatMap((one) => one.events);
	}

	/** What was told and is not in the entries yet, and what is being told: for a transcript that was drawn anew from these. */
	resume(): PiEvent[] {
		this.#torn = false;
		const events: PiEvent[] = [{ type: "turn_start" }, ...this.toldAgain()];
		if (this.isOpen && this.#open) events.push(...wholeOf(this.#open.message));
		for (const [toolCallId, { name, args, startedAt, ...tool }] of this.#tools) {
			if (this.#isHidden(toolCallId) || name === "") continue;
			const event = { toolCallId, toolName: name, args };
			events.push({ type: "tool_execution_start", ...event, ...(startedAt === null ? {} : { startedAt }) });
			const partialResult = resultOf({ name, args, startedAt, ...tool });
			if (tool.output !== "") events.push({ type: "tool_execution_update", ...event, partialResult });
		}
		return events;
	}

	/** The same run is told again from its last settled position: what it told already is not told twice. */
	goesOnFrom(before: Replay): void {
		for (const { kind } of before.#told) bump(this.#skip, kind, 1);
	}

	/** An entry that the ops will tell later although the reader shows it already. */
	skip(entry: KnownEntry): void {
		const kind = kindOf(entry);
		if (kind) bump(this.#skip, kind, 1);
	}

	/**
	 * The events that an entry makes which no ops told: those of a message that is there all at once. Ops that
	 * come late tell it no more. Null: later things were told already, so that it has its place only in a
	 * transcript that is drawn anew.
	 */
	shown(entry: KnownEntry): PiEvent[] | null {
		const message = asObject(entry.message);
		if (entry.type !== "message" || !message) return [];
		switch (message.role) {
			case "user":
				if (this.#isAhead) return null;
				this.skip(entry);
				return [{ type: "message_start", message }];
			case "assistant":
				return this.#shownAnswer(entry, message);
			case "toolResult": {
				const { toolName, content, details, isError, durationMs } = message;
				const toolCallId = String(message.toolCallId);
				const event = { toolCallId, toolName };
				const isStarted = (this.#tools.get(toolCallId)?.name ?? "") !== "";
				this.skip(entry);
				this.#tools.delete(toolCallId);
				// Without a start Pi's row tells no time.
				const args = this.#callArgs.get(toolCallId) ?? {};
				return [
					...(isStarted ? [] : [{ type: "tool_execution_start", ...event, args }]),
					{
						type: "tool_execution_end",
						...event,
						result: { content, details },
						isError: isError === true,
						...(typeof durationMs === "number" ? { durationMs } : {}),
					},
				];
			}
			default:
				return [];
		}
	}

	/** The rest of the message that is being told, or a message as a whole. */
	#shownAnswer(entry: KnownEntry, message: Json): PiEvent[] | null {
		const open = this.#open;
		const isSame = open !== null && (!open.named || open.message.timestamp === message.timestamp);
		if (!isSame && this.#isAhead) return null;
		if (!isSame) this.skip(entry);
		this.#open = null;
		const [start, update] = wholeOf(message) as [PiEvent, PiEvent];
		const begin = isSame && open.begun && !open.silent ? [] : [start];
		return [...begin, update, { type: "message_end", message: { ...message } }];
	}

	/** Something was told that comes after whatever was not told before it. */
	get #isAhead(): boolean {
		return this.#torn || this.#open !== null || this.#told.some(({ events }) => events.length > 0);
	}

	#one(op: DeltaOp): void {
		switch (op[0]) {
			case "m":
				this.#flush();
				this.#torn ||= this.isOpen;
				this.#open = {
					named: false,
					message: { role: op[1], content: [], ...NO_MODEL, timestamp: this.#options.now() },
					args: new Map(),
					begun: false,
					changed: false,
					end: null,
					silent: take(this.#skip, op[1]),
				};
				return;
			case "t":
			case "h":
				return this.#grow(op[1], op[0] === "t" ? "text" : "thinking", op[2]);
			case "c":
				return this.#call(op[1], op[2], op[3]);
			case "a":
				return this.#argue(op[1], op[2]);
			case "e":
				return this.#end();
			case "x":
				return this.#toolStart(op[1], op[2], op[3]);
			case "o": {
				const tool = this.#tools.get(op[1]);
				if (!tool) return;
				tool.output =
					op[2] >= tool.output.length
						? tool.output + op[3]
						: tool.output.slice(0, Math.max(0, op[2])) + op[3];
				this.#dirty.add(op[1]);
				return;
			}
			case "d":
				return this.#toolEnd(op[1], op[2] === 1, {});
			case "n":
				return;
			case "v": {
				const json = this.#pieces.add(op[1], op[2]);
				if (json !== null) this.#event(json);
				return;
			}
			default:
				op satisfies never;
		}
	}

	#event(json: string): void {
		const event = parseEvent(json);
		if (!event) {
			this.#dropped += 1;
			return;
		}
		switch (event.type) {
			case "message_start":
				return this.#messageStart(event);
			case "message_end":
				if (this.#open) this.#open.end = asObject(event.message) ?? {};
				return;
			case "tool_execution_start": {
				const id = String(event.toolCallId);
				if (typeof event.parentToolCallId === "string") this.#nested.add(id);
				const tool = this.#tool(id);
				tool.startedAt = typeof event.startedAt === "number" ? event.startedAt : null;
				return;
			}
			case "tool_execution_update":
			case "tool_execution_end": {
				const id = String(event.toolCallId);
				const tool = this.#tool(id);
				if ("details" in event) {
					tool.details = event.details;
					tool.hasDetails = true;
				}
				if (event.type === "tool_execution_end") this.#toolEnd(id, event.isError === true, event);
				else this.#dirty.add(id);
				return;
			}
			case "compaction_end":
				this.#flush();
				if (asObject(event.result)) {
					if (take(this.#skip, "compaction")) return;
					this.#told.push({ kind: "compaction", events: [] });
				}
				this.#out.push(event);
				return;
			case "agent_end":
				this.#flush();
				// Pi takes the row of a message that had no end away; its entry is shown from its beginning.
				this.forgetOpen();
				this.#out.push(event);
				return;
			default:
				this.#flush();
				this.#out.push(event);
		}
	}

	#messageStart(event: PiEvent): void {
		const message = asObject(event.message);
		const role = message?.role;
		if (!message || typeof role !== "string") {
			this.#dropped += 1;
			return;
		}
		if (role === "assistant") {
			const open = this.#open;
			if (!open) return;
			open.message = { ...open.message, ...message, content: open.message.content };
			open.named = true;
			this.#begin(open);
			return;
		}
		this.#flush();
		if (take(this.#skip, role)) return;
		this.#told.push({ kind: role, events: [event], ...(role === "user" ? { time: message.timestamp } : {}) });
		this.#out.push(event);
	}

	/** A message whose start only the ops told begins with its first content. */
	#begin(open: Open): void {
		if (open.begun) return;
		open.begun = true;
		if (!open.silent) this.#out.push({ type: "message_start", message: open.message });
	}

	#grow(index: number, kind: "text" | "thinking", more: string): void {
		const open = this.#open;
		if (!open) return;
		const block = this.#block(open, index);
		if (block.type !== kind) open.message.content[index] = { type: kind, [kind]: more };
		else block[kind] = String(block[kind]) + more;
		open.changed = true;
	}

	#call(index: number, id: string, name: string): void {
		const open = this.#open;
		if (!open) return;
		this.#block(open, index);
		open.message.content[index] = { type: "toolCall", id, name, arguments: {} };
		open.changed = true;
	}

	#argue(index: number, more: string): void {
		const open = this.#open;
		const block = open && this.#block(open, index);
		if (!open || block?.type !== "toolCall") return;
		open.args.set(index, (open.args.get(index) ?? "") + more);
		open.changed = true;
	}

	/** Blocks that said nothing yet are empty texts, which Pi draws as nothing. */
	#block(open: Open, index: number): Json {
		const { content } = open.message;
		while (content.length <= index) content.push({ type: "text", text: "" });
		return content[index] as Json;
	}

	#end(): void {
		const open = this.#open;
		if (!open) return;
		this.#flush();
		this.#open = null;
		if (open.silent) return;
		const { content: _content, ...last } = open.end ?? { stopReason: "stop" };
		const message = { ...open.message, ...last };
		const end = { type: "message_end", message };
		const time = open.named ? { time: message.timestamp } : {};
		this.#told.push({ kind: "assistant", events: [...wholeOf(message), end], ...time });
		this.#out.push(end);
	}

	#toolStart(id: string, name: string, json: string): void {
		this.#flush();
		const tool = this.#tool(id);
		tool.name = name;
		tool.args = (json === "" ? this.#callArgs.get(id) : this.#options.parsePartial(json)) ?? {};
		if (this.#isHidden(id)) return;
		const { startedAt } = tool;
		this.#out.push({
			type: "tool_execution_start",
			toolCallId: id,
			toolName: name,
			args: tool.args,
			...(startedAt === null ? {} : { startedAt }),
		});
	}

	#toolEnd(id: string, isError: boolean, event: Json): void {
		const tool = this.#tools.get(id);
		if (!tool) return;
		this.#dirty.delete(id);
		this.#flush();
		this.#tools.delete(id);
		if (this.#nested.delete(id)) return;
		if (take(this.#skip, `tool:${id}`)) return;
		const { content } = event;
		const end: PiEvent = {
			type: "tool_execution_end",
			toolCallId: id,
			toolName: tool.name,
			result: { ...resultOf(tool), ...(Array.isArray(content) ? { content } : {}) },
			isError,
			...(typeof event.durationMs === "number" ? { durationMs: event.durationMs } : {}),
		};
		this.#told.push({ kind: `tool:${id}`, events: [end] });
		this.#out.push(end);
	}

	#tool(id: string): Tool {
		let tool = this.#tools.get(id);
		if (!tool) {
			tool = { name: "", args: {}, output: "", details: undefined, hasDetails: false, startedAt: null };
			this.#tools.set(id, tool);
		}
		return tool;
	}

	#isHidden(id: string): boolean {
		return this.#nested.has(id) || (this.#skip.get(`tool:${id}`) ?? 0) > 0;
	}

	/** Tells what has grown since it was last told. */
	#flush(): void {
		const open = this.#open;
		if (open?.changed) {
			open.changed = false;
			this.#begin(open);
			for (const [index, json] of open.args) {
				const block = open.message.content[index] as Json;
				block.arguments = this.#options.parsePartial(json) ?? {};
				this.#callArgs.set(String(block.id), block.arguments);
			}
			const message = open.message;
			if (!open.silent)
				this.#out.push({
					type: "message_update",
					message,
					assistantMessageEvent: { type: "start", partial: message },
				});
		}
		for (const id of this.#dirty) {
			const tool = this.#tools.get(id);
			if (!tool || this.#isHidden(id)) continue;
			this.#out.push({
				type: "tool_execution_update",
				toolCallId: id,
				toolName: tool.name,
				args: tool.args,
				partialResult: resultOf(tool),
			});
		}
		this.#dirty.clear();
	}
}

/**
 * A model of Pi's screen, and a session file in memory that a follower writes to. Rows come from injected
 * events as Pi's interactive mode makes them, or from entries as Pi draws a session that it opens.
 */
import { parseStreamingJson } from "@earendil-works/pi-ai";
import type { PiEvent } from "../../src/session/pi-events.ts";
import type { FollowTarget } from "../../src/sync/follow-target.ts";
import type { SourceEntry } from "../../src/sync/ports.ts";

type Json = Record<string, unknown>;
export type Row =
	| { kind: "user" | "custom" | "compaction" | "branch"; text: string }
	| { kind: "assistant"; text: string; end: string | null }
	| {
			kind: "tool";
			id: string;
			name: string;
			args: string;
			/** What its result shows, of whatever kind. */
			text: string;
			more: string;
			/** Null while it runs. */
			isError: boolean | null;
	  };
type ToolRow = Extract<Row, { kind: "tool" }>;
type AssistantRow = Extract<Row, { kind: "assistant" }>;

export class Screen {
	rows: Row[] = [];
	/** Pi's working indicator. */
	working = false;
	#pending = new Map<string, ToolRow>();
	#streaming: AssistantRow | null = null;
	readonly #entries: () => readonly SourceEntry[];

	/** @param entries of the session that is shown: its branch, root first. */
	constructor(entries: () => readonly SourceEntry[]) {
		this.#entries = entries;
	}

	/** Draws all from the entries. */
	draw(): void {
		this.rows = [];
		this.#pending = new Map();
		for (const entry of this.#entries()) this.#entry(entry as SourceEntry & Json);
	}

	event(event: PiEvent): void {
		switch (event.type) {
			case "agent_start":
				this.#pending.clear();
				return;
			case "turn_start":
				this.working = true;
				return;
			case "agent_end":
				this.working = false;
				if (this.#streaming) this.rows.splice(this.rows.indexOf(this.#streaming), 1);
				this.#streaming = null;
				this.#pending.clear();
				return;
			case "message_start":
				return this.#start(event.message as Json);
			case "message_update":
				if (this.#streaming) this.#update(this.#streaming, event.message as Json);
				return;
			case "message_end":
				if (this.#streaming && (event.message as Json).role === "assistant")
					this.#end(this.#streaming, event.message as Json);
				return;
			case "tool_execution_start":
				if (!this.#pending.has(String(event.toolCallId)))
					this.#tool(String(event.toolCallId), String(event.toolName), event.args);
				return;
			case "tool_execution_update":
				return this.#result(String(event.toolCallId), event.partialResult as Json, null);
			case "tool_execution_end":
				this.#result(String(event.toolCallId), event.result as Json, event.isError === true);
				this.#pending.delete(String(event.toolCallId));
				return;
			case "compaction_end":
				if (!event.result) return;
				if (!this.#entries().some(({ type }) => type === "compaction"))
					throw new Error("Completed compaction is missing from the session context");
				return this.draw();
			case "entry_appended": {
				const entry = event.entry as SourceEntry & Json;
				if (entry.type === "compaction") this.draw();
				else if (entry.type === "custom_message") this.#entry(entry);
			}
		}
	}

	#start(message: Json): void {
		if (message.role === "user") this.rows.push({ kind: "user", text: textOf(message) });
		else if (message.role === "custom") this.rows.push({ kind: "custom", text: textOf(message) });
		else if (message.role === "assistant") {
			this.#streaming = { kind: "assistant", text: textOf(message), end: null };
			this.rows.push(this.#streaming);
		}
	}

	#update(row: AssistantRow, message: Json): void {
		row.text = textOf(message);
		for (const { type, id, name, arguments: args } of blocksOf(message)) {
			if (type !== "toolCall") continue;
			const tool = this.#pending.get(String(id));
			if (tool) tool.args = JSON.stringify(args);
			else this.#tool(String(id), String(name), args);
		}
	}

	#end(row: AssistantRow, message: Json): void {
		row.text = textOf(message);
		row.end = endOf(message);
		this.#streaming = null;
		if (!isBroken(message)) return;
		for (const tool of this.#pending.values()) fail(tool);
		this.#pending.clear();
	}

	#tool(id: string, name: string, args: unknown): ToolRow {
		const json = JSON.stringify(args);
		const row: ToolRow = { kind: "tool", id, name, args: json, text: "", more: "", isError: null };
		this.rows.push(row);
		this.#pending.set(id, row);
		return row;
	}

	#result(id: string, result: Json, isError: boolean | null): void {
		const row = this.#pending.get(id);
		if (!row) return;
		row.text = textOf(result);
		const others = blocksOf(result).filter(({ type }) => type !== "text");
		row.more = JSON.stringify([others, result.details ?? null]);
		row.isError = isError;
	}

	#entry(entry: SourceEntry & Json): void {
		if (entry.type === "custom_message") this.rows.push({ kind: "custom", text: textOf(entry) });
		if (entry.type === "compaction") this.rows.push({ kind: "compaction", text: String(entry.summary) });
		if (entry.type === "branch_summary") this.rows.push({ kind: "branch", text: String(entry.summary) });
		if (entry.type !== "message") return;
		const message = entry.message as Json;
		if (message.role === "user") this.rows.push({ kind: "user", text: textOf(message) });
		if (message.role === "toolResult") {
			this.#result(String(message.toolCallId), message, message.isError === true);
			this.#pending.delete(String(message.toolCallId));
		}
		if (message.role !== "assistant") return;
		this.rows.push({ kind: "assistant", text: textOf(message), end: endOf(message) });
		for (const { type, id, name, arguments: args } of blocksOf(message)) {
			if (type !== "toolCall") continue;
			const tool = this.#tool(String(id), String(name), args);
			if (!isBroken(message)) continue;
			fail(tool);
			this.#pending.delete(String(id));
		}
	}
}

function fail(tool: ToolRow): void {
	tool.text = "broken off";
	tool.more = "";
	tool.isError = true;
}

const isBroken = ({ stopReason }: Json): boolean => stopReason === "error" || stopReason === "aborted";
const endOf = (message: Json): string => (isBroken(message) ? String(message.stopReason) : "whole");
const blocksOf = ({ content }: Json): Json[] => (Array.isArray(content) ? (content as Json[]) : []);

/** What a person reads of a message or a result. */
function textOf(message: Json): string {
	if (typeof message.content === "string") return message.content;
	const said = (block: Json): string =>
		block.type === "text" ? String(block.text) : block.type === "thinking" ? String(block.thinking) : "";
	return blocksOf(message).map(said).join("");
}

/** Rows that a session's entries make when it is opened. */
export function drawn(entries: readonly SourceEntry[]): Row[] {
	const screen = new Screen(() => entries);
	screen.draw();
	return screen.rows;
}

/** The session of a follower: entries in memory and the screen that shows them. */
export class MemoryTarget implements FollowTarget {
	readonly list: SourceEntry[];
	readonly screen: Screen;
	/** Types of what was injected, in order. */
	readonly injected: PiEvent[] = [];
	readonly choices: SourceEntry[] = [];
	redrawn: ("moved" | "caughtUp")[] = [];
	/** Each time it was put into the order of seqs: the ids in that order. */
	readonly orders: string[][] = [];
	refreshed = 0;
	/** Events that Pi would not take. */
	refused = 0;
	busy = false;
	/** As while Pi starts. */
	cannotDraw = false;
	#leaf: string | null;

	constructor(entries: readonly SourceEntry[] = []) {
		this.list = [...entries];
		this.#leaf = entries.at(-1)?.id ?? null;
		this.screen = new Screen(() => this.branch());
		this.screen.draw();
	}

	/** From the root to the leaf. */
	branch(): SourceEntry[] {
		const byId = new Map(this.list.map((entry) => [entry.id, entry]));
		const path: SourceEntry[] = [];
		for (let at = byId.get(this.#leaf ?? ""); at; at = byId.get(at.parentId ?? "")) path.unshift(at);
		return path;
	}

	isBusy(): boolean {
		return this.busy;
	}

	has(entryId: string): boolean {
		return this.list.some(({ id }) => id === entryId);
	}

	entries(): readonly SourceEntry[] {
		return this.list.slice();
	}

	leafId(): string | null {
		return this.#leaf;
	}

	append(entry: SourceEntry): void {
		if (this.has(entry.id)) throw new Error(`${entry.id} is appended twice`);
		this.list.push(entry);
		this.#leaf = entry.id;
	}

	setLeaf(leafId: string | null): void {
		this.#leaf = leafId;
	}

	reorder(seqs: ReadonlyMap<string, number>): void {
		const seqOf = (id: string): number => seqs.get(id) ?? 0;
		const sorted = this.list.filter(({ id }) => seqs.has(id)).sort((a, b) => seqOf(a.id) - seqOf(b.id));
		this.orders.push(sorted.map(({ id }) => id));
		for (const [index, { id }] of this.list.entries())
			if (seqs.has(id)) this.list[index] = sorted.shift() as SourceEntry;
	}

	async redraw(why: "moved" | "caughtUp"): Promise<boolean> {
		await Promise.resolve();
		if (this.cannotDraw) return false;
		this.redrawn.push(why);
		this.screen.draw();
		return true;
	}

	inject(event: PiEvent): void {
		this.injected.push(structuredClone(event));
		try {
			this.screen.event(event);
		} catch {
			this.refused += 1;
		}
	}

	refreshContext(): void {
		this.refreshed += 1;
	}

	applyChoice(entry: SourceEntry): void {
		this.choices.push(entry);
	}

	parsePartial(json: string): unknown {
		return parseStreamingJson(json);
	}
}

/**
 * Rows of a transcript: entries with the results of their tool calls folded into them. Rows keep their
 * identity while nothing in them changes, so that a page of thousands draws only what is new.
 */
import type { EntryView } from "../../../protocol/entry.ts";
import { entryKey } from "./entry-log.ts";
import { type AssistantPart, type EntryModel, readView, type ToolResult } from "./entry-model.ts";

export type ResultOf = (toolCallId: string) => ToolResult | null;

export type Row = {
	key: string;
	entry: EntryView;
	/** What is drawn: results that stand with their calls are left out. Null when the JSON must be fetched first. */
	model: EntryModel | null;
	/** Results that stand for calls of this row, by tool call id. */
	results: ReadonlyMap<string, ToolResult>;
	/** Entries of which something is drawn in this row, besides its own. */
	holds: readonly string[];
	isOnBranch: boolean;
};

const models = new WeakMap<EntryView, EntryModel | null>();

/** The model of an entry, read once. */
export function modelOf(entry: EntryView): EntryModel | null {
	const known = models.get(entry);
	if (known !== undefined) return known;
	const model = readView(entry);
	models.set(entry, model);
	return model;
}

/** Rows of these entries, oldest first. `before` are the rows shown now, for their identity. */
export function rowsOf(
	entries: readonly EntryView[],
	isOnBranch: (entry: EntryView) => boolean,
	before: ReadonlyMap<string, Row>,
): Row[] {
	const calls: Calls = new Map();
	const rows = entries.flatMap((entry) => {
		const made = rowOf(entry, modelOf(entry), isOnBranch(entry), calls);
		return made ? [made] : [];
	});
	return rows.map((row) => {
		const old = before.get(row.key);
		return old && isSame(old, row) ? old : row;
	});
}

/** The row of one entry whose JSON was fetched: results for calls of its own stand with them. */
export function loneRow(entry: EntryView, model: EntryModel): Row | null {
	return rowOf(entry, model, true, new Map());
}

type Making = Row & { results: Map<string, ToolResult>; holds: string[] };
/** Row by tool call id: ids are unique within a branch, and the nearest call before a result is its own. */
type Calls = Map<string, Making>;

/** Null when all that the entry says stands with calls of rows before. */
function rowOf(entry: EntryView, model: EntryModel | null, isOnBranch: boolean, calls: Calls): Making | null {
	const row: Making = { key: entryKey(entry), entry, model, results: new Map(), holds: [], isOnBranch };
	if (model?.kind === "toolResult") return takenBy(calls, model.result, row) ? null : row;
	const parts = partsIn(model);
	let lastCall = "";
	const left = parts.filter((part) => {
		if (part.kind === "toolCall") {
			lastCall = part.toolCallId;
			if (lastCall !== "") calls.set(lastCall, row);
		}
		if (part.kind !== "toolResult") return true;
		// Some agents name no call: then it is the one just before, in the same message.
		return !takenBy(calls, { ...part.result, toolCallId: part.result.toolCallId || lastCall }, row);
	});
	if (left.length === parts.length) return row;
	return left.length === 0 ? null : { ...row, model: { ...model, parts: left } as EntryModel };
}

/** True when a call before the result takes it. One that has a result takes no other. */
function takenBy(calls: Calls, result: ToolResult, from: Making): boolean {
	const caller = calls.get(result.toolCallId);
	if (!caller || caller.results.has(result.toolCallId)) return false;
	caller.results.set(result.toolCallId, result);
	if (caller.key !== from.key) caller.holds.push(from.entry.entryId);
	return true;
}

function partsIn(model: EntryModel | null): readonly AssistantPart[] {
	return model?.kind === "assistant" || model?.kind === "user" || model?.kind === "system" ? model.parts : [];
}

/** Ids of the tool calls that an entry makes. */
export function callsIn(model: EntryModel | null): string[] {
	return partsIn(model).flatMap((part) =>
		part.kind === "toolCall" && part.toolCallId !== "" ? [part.toolCallId] : [],
	);
}

function isSame(a: Row, b: Row): boolean {
	if (a.entry !== b.entry || a.isOnBranch !== b.isOnBranch || a.results.size !== b.results.size) return false;
	if (partsIn(a.model).length !== partsIn(b.model).length) return false;
	return [...b.results].every(([id, result]) => sameResult(a.results.get(id), result));
}

/** The parts of an entry are read once; the rest is small. */
function sameResult(a: ToolResult | undefined, b: ToolResult): boolean {
	return a !== undefined && a.parts === b.parts && a.isError === b.isError && a.toolName === b.toolName;
}

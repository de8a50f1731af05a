/**
 * Rows of a transcript: entries with the results of their tool calls folded into them. Rows keep their
 * identity while nothing in them changes, so that a page of thousands draws only what is new.
 */
import type { EntryView } from "../../../protocol/entry.ts";
import { entryKey } from "./entry-log.ts";
import { type EntryModel, readView, type ToolResult } from "./entry-model.ts";

export type ResultOf = (toolCallId: string) => ToolResult | null;

export type Row = {
	key: string;
	entry: EntryView;
	/** Null when the JSON must be fetched first. */
	model: EntryModel | null;
	/** Results that stand for calls of this row, by tool call id. */
	results: ReadonlyMap<string, ToolResult>;
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

const NO_RESULTS: ReadonlyMap<string, ToolResult> = new Map();

/** Rows of these entries, oldest first. `before` are the rows shown now, for their identity. */
export function rowsOf(
	entries: readonly EntryView[],
	isOnBranch: (entry: EntryView) => boolean,
	before: ReadonlyMap<string, Row>,
): Row[] {
	const rows: Row[] = [];
	/** Row and call by tool call id: ids are unique within a branch, and the nearest call before a result is its own. */
	const calls = new Map<string, Row>();
	for (const entry of entries) {
		const model = modelOf(entry);
		if (model?.kind === "toolResult") {
			const caller = calls.get(model.result.toolCallId);
			if (caller) {
				(caller.results as Map<string, ToolResult>).set(model.result.toolCallId, model.result);
				continue;
			}
		}
		const callIds = callsIn(model);
		const results = callIds.length > 0 ? new Map<string, ToolResult>() : NO_RESULTS;
		const row: Row = { key: entryKey(entry), entry, model, results, isOnBranch: isOnBranch(entry) };
		for (const id of callIds) calls.set(id, row);
		rows.push(row);
	}
	return rows.map((row) => {
		const old = before.get(row.key);
		return old && isSame(old, row) ? old : row;
	});
}

/** Ids of the tool calls in an answer. */
export function callsIn(model: EntryModel | null): string[] {
	if (model?.kind !== "assistant") return [];
	return model.parts.flatMap((part) =>
		part.kind === "toolCall" && part.toolCallId !== "" ? [part.toolCallId] : [],
	);
}

function isSame(a: Row, b: Row): boolean {
	if (a.entry !== b.entry || a.isOnBranch !== b.isOnBranch || a.results.size !== b.results.size) return false;
	return [...b.results].every(([id, result]) => a.results.get(id) === result);
}

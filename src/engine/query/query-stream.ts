/** A running query: its rows through its filters and limits, in the order they were chained. */
import type { Transaction } from "../transaction/transaction.ts";
import type { JsonObject } from "../values/json-value.ts";
import { compileFilter } from "./filter.ts";
import type { QueryJson } from "./query-json.ts";
import { openSource, type Row, type RowSource, type Window } from "./row-source.ts";

type Step = { kind: "filter"; test: (document: JsonObject) => boolean } | { kind: "limit"; left: number };

const EVERYTHING: Window = { after: null, through: null };

export class QueryStream {
	readonly source: RowSource | null;
	readonly #steps: Step[];

	constructor(tx: Transaction, query: QueryJson, window: Window = EVERYTHING) {
		this.source = openSource(tx, query, window);
		this.#steps = query.operators.map((operator): Step => {
			if ("limit" in operator) return { kind: "limit", left: operator.limit };
			return { kind: "filter", test: compileFilter(operator.filter) };
		});
	}

	/** The next row that passes everything, or null at the end. `onRow` hears of every row read, also of those that do not pass. */
	next(onRow?: (row: Row) => boolean, hint = Number.POSITIVE_INFINITY): Row | null {
		if (!this.source) return null;
		for (;;) {
			const wanted = this.#wanted(hint);
			if (wanted <= 0) return null;
			const row = this.source.next(wanted);
			if (!row) return null;
			const passes = this.#passes(row);
			const goOn = onRow?.(row) ?? true;
			if (passes) return row;
			if (!goOn) return null;
		}
	}

	/** How many rows the source surely has to give: 0 when a limit is used up, infinite when a filter stands before the limits. */
	#wanted(hint: number): number {
		let wanted = hint;
		let filtered = false;
		for (const step of this.#steps) {
			if (step.kind === "filter") filtered = true;
			else if (step.left <= 0) return 0;
			else if (!filtered) wanted = Math.min(wanted, step.left);
		}
		return filtered && wanted === hint ? Number.POSITIVE_INFINITY : wanted;
	}

	#passes(row: Row): boolean {
		let document: JsonObject | null = null;
		for (const step of this.#steps) {
			if (step.kind === "limit") step.left -= 1;
			else {
				document ??= JSON.parse(row.json) as JsonObject;
				if (!step.test(document)) return false;
			}
		}
		return true;
	}
}

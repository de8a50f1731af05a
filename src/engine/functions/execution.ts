/** One running function call, and how code that the function runs finds it. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { QueryJson } from "../query/query-json.ts";
import type { QueryStream } from "../query/query-stream.ts";
import type { Transaction } from "../transaction/transaction.ts";
import type { Caller } from "../types.ts";
import type { LogBuffer } from "./log-buffer.ts";

export type ExecutionKind = "query" | "mutation" | "action" | "httpAction";

export type Execution = {
	readonly kind: ExecutionKind;
	/** `dir/mod:fn` */
	readonly path: string;
	readonly caller: Caller;
	readonly requestId: string;
	/** Id of the `_scheduled_functions` document that started it. */
	readonly scheduledId: string | null;
	readonly logs: LogBuffer;
	readonly random: () => number;
	/** What `Date.now()` gives in a query or mutation. */
	readonly startMs: number;
	/** The database; null in actions. Nested calls share their caller's. */
	readonly tx: Transaction | null;
	/** 0 for what a client called. */
	readonly depth: number;
	/** Running queries by the number the function's side knows them by. */
	readonly streams: Map<number, QueryJson | QueryStream>;
	nextStreamId: number;
	/** End of the page of an earlier run, null once it turned out to be none of this query; and of this one. */
	journalIn: string | null;
	journalOut: string | null;
	/** Settles when the nested call under way ends; later operations wait for it. */
	nested: Promise<unknown> | null;
	/** Rises with every operation: a pending promise without progress never resolves. */
	progress: number;
	/** A rejection nobody handled. */
	unhandled: { reason: unknown } | null;
	/** The call is over; what it left running must not touch anything. */
	closed: boolean;
};

export type NewExecution = Pick<
	Execution,
	| "kind"
	| "path"
	| "caller"
	| "requestId"
	| "logs"
	| "random"
	| "startMs"
	| "tx"
	| "depth"
	| "journalIn"
	| "scheduledId"
>;

export function newExecution(fields: NewExecution): Execution {
	return {
		...fields,
		streams: new Map(),
		nextStreamId: 0,
		journalOut: null,
		nested: null,
		progress: 0,
		unhandled: null,
		closed: false,
	};
}

/** Which execution the running code belongs to, across its awaits. */
export const executionScope = new AsyncLocalStorage<Execution>();

export function isAction(execution: Execution): boolean {
	return execution.kind === "action" || execution.kind === "httpAction";
}

/** What the operations of functions reach: the parts of one engine. */
import type { Catalog } from "../storage/catalog.ts";
import type { FileStore, WrittenFile } from "../storage/file-store.ts";
import type { JobStore } from "../storage/job-store.ts";
import type { Transaction } from "../transaction/transaction.ts";
import type { Json } from "../values/json-value.ts";
import type { Execution } from "./execution.ts";
import type { Failure } from "./function-error.ts";
import type { FunctionTable } from "./function-table.ts";

/** A call from within a function. */
export type InnerCall = { path: string; args: Json; limits: Record<string, number> };
export type InnerResult = { kind: "ok"; valueJson: string } | { kind: "failed"; failure: Failure };

export type Services = Readonly<{
	functions: FunctionTable;
	catalog: Catalog;
	files: FileStore;
	jobs: JobStore;
	cloudUrl: string;
	now: () => number;
	latestTs: () => bigint;
	/** A query or mutation inside the caller's transaction. */
	runNested: (caller: Execution, kind: "query" | "mutation", call: InnerCall) => Promise<InnerResult>;
	/** A function of its own, called by an action. */
	runFromAction: (
		caller: Execution,
		kind: "query" | "mutation" | "action",
		call: InnerCall,
	) => Promise<InnerResult>;
	/** Engine-made writes in a transaction of their own. */
	writeAlone: <T>(work: (tx: Transaction) => T) => Promise<T>;
	/** Engine-made reads when no transaction is under way. */
	readAlone: <T>(work: () => T) => Promise<T>;
	storeFile: (file: WrittenFile) => Promise<string>;
}>;

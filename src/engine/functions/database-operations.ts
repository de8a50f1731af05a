/** The operations behind `ctx.db`: each takes its JSON arguments and gives JSON text. */
import { must } from "../../lib/assert.ts";
import { InvalidCursorError } from "../query/cursor.ts";
import { readPage } from "../query/paginate.ts";
import { orUndefined, type QueryJson } from "../query/query-json.ts";
import { QueryStream } from "../query/query-stream.ts";
import { findIndex, type Table } from "../storage/catalog.ts";
import type { Transaction } from "../transaction/transaction.ts";
import type { Json, JsonObject } from "../values/json-value.ts";
import { HIGHEST, LOWEST } from "../values/sort-key.ts";
import type { Execution } from "./execution.ts";
import { OperationError } from "./function-error.ts";

type Args = Record<string, Json>;
export type DatabaseOperation = (execution: Execution, args: Args) => string;

function txOf(execution: Execution): Transaction {
	return must(execution.tx, "transaction");
}

function writableTx(execution: Execution): Transaction {
	const tx = txOf(execution);
	if (execution.kind !== "mutation") throw new Error("Writes are only allowed in mutations");
	return tx;
}

/** The table of an id argument, checked against the table the caller named. Null when no table has its number. */
function tableOfArgument(tx: Transaction, method: string, args: Args): Table | null {
	const id = args.id;
	if (typeof id !== "string")
		throw new Error(`Invalid argument \`id\` for \`db.${method}\`: expected a string`);
	let table: Table | null;
	try {
		table = tx.tableByIdOrThrow(id);
	} catch (error) {
		throw new Error(`Invalid argument \`id\` for \`db.${method}\`: ${(error as Error).message}`);
	}
	const expected = args.table;
	if (typeof expected === "string" && table?.name !== expected) {
		const got = table ? `Id<"${table.name}">` : "an Id of an unknown table";
		throw new Error(
			`Invalid argument \`id\` for \`db.${method}\`: expected to be an Id<"${expected}">, got ${got} instead.`,
		);
	}
	return table;
}

function guardSystemTable(table: Table, expectSystem: boolean): void {
	const isSystem = table.name.startsWith("_");
	if (expectSystem && !isSystem) throw new Error("User tables cannot be accessed with db.system.");
	if (!expectSystem && isSystem) throw new Error("System tables can only be accessed with db.system.");
}

function get(execution: Execution, args: Args): string {
	const tx = txOf(execution);
	const table = tableOfArgument(tx, "get", args);
	if (!table) return "null";
	guardSystemTable(table, args.isSystem === true);
	return tx.get(table, args.id as string) ?? "null";
}

function tableForChange(tx: Transaction, method: string, args: Args, verb: string): Table {
	const table = tableOfArgument(tx, method, args);
	if (!table) throw new Error(`${verb} on nonexistent document ID ${args.id}`);
	if (table.name.startsWith("_")) throw new Error(`System tables (prefixed with \`_\`) are read-only.`);
	return table;
}

function insert(execution: Execution, args: Args): string {
	const tx = writableTx(execution);
	const table = args.table as string;
	if (table.startsWith("_")) throw new Error("System tables (prefixed with `_`) are read-only.");
	return JSON.stringify({ _id: tx.insert(table, args.value as JsonObject) });
}

function shallowMerge(execution: Execution, args: Args): string {
	const tx = writableTx(execution);
	const table = tableForChange(tx, "patch", args, "Update");
	const changes = Object.fromEntries(
		Object.entries(args.value as JsonObject).map(([field, value]) => [field, orUndefined(value)]),
	);
	return tx.patch(table, args.id as string, changes);
}

function replace(execution: Execution, args: Args): string {
	const tx = writableTx(execution);
	const table = tableForChange(tx, "replace", args, "Replace");
	return tx.replace(table, args.id as string, args.value as JsonObject);
}

function remove(execution: Execution, args: Args): string {
	const tx = writableTx(execution);
	const table = tableForChange(tx, "delete", args, "Delete");
	return tx.remove(table, args.id as string);
}

function queryStreamNext(execution: Execution, args: Args): string {
	const id = args.queryId as number;
	let stream = execution.streams.get(id);
	if (!stream) throw new Error("in-progress query not found");
	if (!(stream instanceof QueryStream)) {
		stream = new QueryStream(txOf(execution), stream);
		execution.streams.set(id, stream);
	}
	const row = stream.next();
	if (row) return `{"value":${row.json},"done":false}`;
	execution.streams.delete(id);
	return '{"value":null,"done":true}';
}

function queryPage(execution: Execution, args: Args): string {
	const tx = txOf(execution);
	const request = {
		query: args.query as unknown as QueryJson,
		cursor: (args.cursor ?? null) as string | null,
		endCursor: (args.endCursor ?? null) as string | null,
		pageSize: args.pageSize as number,
		maximumRowsRead: (args.maximumRowsRead ?? null) as number | null,
		maximumBytesRead: (args.maximumBytesRead ?? null) as number | null,
	};
	let page: ReturnType<typeof readPage>;
	try {
		page = readPage(tx, request, execution.journalIn);
	} catch (error) {
		if (!(error instanceof InvalidCursorError)) throw error;
		execution.journalIn = null;
		throw new OperationError(error.message, error.data);
	}
	if (execution.journalOut !== null) {
		throw new Error(
			"This query or mutation function ran multiple paginated queries. Convex only supports a single paginated query in each function. (MultiplePaginatedDatabaseQueries)",
		);
	}
	execution.journalOut = page.continueCursor;
	const { documents, ...rest } = page;
	return `{"page":[${documents.join(",")}],${JSON.stringify(rest).slice(1)}`;
}

const NO_PREFIX = new Uint8Array(0);

function count(execution: Execution, args: Args): string {
	const tx = txOf(execution);
	const table = tx.tableForRead(args.table as string);
	if (!table) return "0";
	const { id: indexId } = must(findIndex(table, "by_creation_time"), "by_creation_time");
	tx.usage.add("databaseQueries", 1);
	tx.reads?.add({ indexId, depth: 0, prefix: NO_PREFIX, low: LOWEST, high: HIGHEST });
	return String(tx.scope.documents.count(table));
}

export const DATABASE_OPERATIONS: Readonly<Record<string, DatabaseOperation>> = {
	"1.0/get": get,
	"1.0/insert": insert,
	"1.0/shallowMerge": shallowMerge,
	"1.0/replace": replace,
	"1.0/remove": remove,
	"1.0/queryStreamNext": queryStreamNext,
	"1.0/queryPage": queryPage,
	"1.0/count": count,
};

/** The id in its normal form when it belongs to that table, else null. */
export function normalizeId(tx: Transaction, tableName: string, text: string): string | null {
	return tx.tableOfId(text) === tableName ? text : null;
}

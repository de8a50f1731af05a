/** A query as the function's side serialises it. */
import type { Json } from "../values/json-value.ts";

export type RangeExpression = { type: "Eq" | "Gt" | "Gte" | "Lt" | "Lte"; fieldPath: string; value: Json };
export type SearchFilter =
	| { type: "Search"; fieldPath: string; value: string }
	| { type: "Eq"; fieldPath: string; value: Json };

export type Order = "asc" | "desc";

export type QuerySource =
	| { type: "FullTableScan"; tableName: string; order: Order | null }
	| { type: "IndexRange"; indexName: string; range: RangeExpression[]; order: Order | null }
	| { type: "Search"; indexName: string; filters: SearchFilter[] };

export type QueryOperator = { filter: Json } | { limit: number };

export type QueryJson = { source: QuerySource; operators: QueryOperator[] };

/** An encoded value in which `{"$undefined": null}` stands for "no value". */
export function orUndefined(value: Json): Json | undefined {
	const isMarker =
		typeof value === "object" && value !== null && !Array.isArray(value) && "$undefined" in value;
	return isMarker ? undefined : value;
}

export function tableNameOf(source: QuerySource): string {
	return source.type === "FullTableScan" ? source.tableName : (source.indexName.split(".")[0] as string);
}

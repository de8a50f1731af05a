/** The exported `schema.ts`: which documents each table takes, and which indexes it has. */
import { createHash } from "node:crypto";
import type { IndexSpec } from "../storage/catalog.ts";
import type { Json, JsonObject } from "../values/json-value.ts";
import { type TableOfId, type ValidatorJson, validationError } from "../values/validator.ts";

type IndexJson = { indexDescriptor: string; fields: string[] };
type SearchJson = { indexDescriptor: string; searchField: string; filterFields: string[] };

/** One table of `schema.export()`. */
export type TableJson = {
	tableName: string;
	indexes: IndexJson[];
	stagedDbIndexes?: IndexJson[];
	searchIndexes: SearchJson[];
	stagedSearchIndexes?: SearchJson[];
	vectorIndexes?: Array<{ indexDescriptor: string }>;
	stagedVectorIndexes?: Array<{ indexDescriptor: string }>;
	documentType: ValidatorJson | null;
};

export type SchemaJson = { tables: TableJson[]; schemaValidation: boolean };

export class AppSchema {
	readonly tables: readonly TableJson[];
	readonly #validators = new Map<string, ValidatorJson>();

	constructor(json: SchemaJson | null) {
		this.tables = json?.tables ?? [];
		for (const { tableName, documentType } of this.tables) {
			if (json?.schemaValidation && documentType) this.#validators.set(tableName, documentType);
		}
	}

	/** Null when the table takes the document. */
	error(tableName: string, document: JsonObject, tableOfId: TableOfId): string | null {
		const validator = this.#validators.get(tableName);
		return validator ? validationError(validator, withoutSystemFields(document), tableOfId) : null;
	}

	/** Stands for what the table takes; null when it takes everything. */
	fingerprint(tableName: string): string | null {
		const validator = this.#validators.get(tableName);
		return validator ? createHash("sha1").update(JSON.stringify(validator)).digest("hex") : null;
	}

	/** Names of the tables that are declared or referred to by an id. */
	mentionedTables(): Set<string> {
		const names = new Set<string>();
		const visit = (value: unknown): void => {
			if (typeof value !== "object" || value === null) return;
			const { type, tableName } = value as { type?: unknown; tableName?: unknown };
			if (type === "id" && typeof tableName === "string") names.add(tableName);
			for (const part of Object.values(value)) visit(part);
		};
		for (const table of this.tables) {
			names.add(table.tableName);
			visit(table.documentType);
		}
		return names;
	}
}

function withoutSystemFields(document: JsonObject): Json {
	const { _id, _creationTime, ...rest } = document;
	return rest;
}

export function indexSpecsOf(table: TableJson): IndexSpec[] {
	return [
		...table.indexes.map(
			({ indexDescriptor, fields }): IndexSpec => ({
				kind: "db",
				name: indexDescriptor,
				// An index may name its tiebreaker; it has it anyway.
				fields: fields.at(-1) === "_creationTime" ? fields.slice(0, -1) : [...fields],
			}),
		),
		...table.searchIndexes.map(
			({ indexDescriptor, searchField, filterFields }): IndexSpec => ({
				kind: "search",
				name: indexDescriptor,
				searchField,
				filterFields: [...filterFields].sort(),
			}),
		),
	];
}

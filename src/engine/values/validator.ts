/** Checks encoded values against exported validators, with Convex's error texts. */
import { displayValue } from "./display.ts";
import { float64Of, int64Of, type Json, type JsonObject, kindOf } from "./json-value.ts";
import { compareJson } from "./sort-key.ts";

type FieldJson = { fieldType: ValidatorJson; optional: boolean };

/** What `validator.json` of `convex/values` holds. */
export type ValidatorJson =
	| { type: "null" | "number" | "bigint" | "commitTs" | "boolean" | "string" | "bytes" | "any" }
	| { type: "literal"; value: Json }
	| { type: "id"; tableName: string }
	| { type: "array"; value: ValidatorJson }
	| { type: "record"; keys: ValidatorJson; values: FieldJson }
	| { type: "object"; value: { [field: string]: FieldJson } }
	| { type: "union"; value: ValidatorJson[] };

/** Name of the table an id belongs to, or null for what is no id of a known table. */
export type TableOfId = (id: string) => string | null;

const LEAF_KINDS = {
	null: "null",
	number: "float64",
	bigint: "int64",
	boolean: "boolean",
	string: "string",
	bytes: "bytes",
} as const;

function displayLiteral(value: Json): string {
	const kind = kindOf(value);
	if (kind === "int64") return "<bigint>";
	if (kind === "float64") {
		const float = float64Of(value);
		return Number.isFinite(float) ? JSON.stringify(float).replace(/^(-?\d+)$/, "$1.0") : "<number>";
	}
	return JSON.stringify(value);
}

/** `v.object({name: v.string()})` */
export function displayValidator(validator: ValidatorJson): string {
	switch (validator.type) {
		case "number":
			return "v.float64()";
		case "bigint":
			return "v.int64()";
		case "literal":
			return `v.literal(${displayLiteral(validator.value)})`;
		case "id":
			return `v.id("${validator.tableName}")`;
		case "array":
			return `v.array(${displayValidator(validator.value)})`;
		case "record":
			return `v.record(${displayValidator(validator.keys)}, ${displayValidator(validator.values.fieldType)})`;
		case "union":
			return `v.union(${validator.value.map(displayValidator).join(", ")})`;
		case "object": {
			const fields = Object.entries(validator.value).sort(([a], [b]) => (a < b ? -1 : 1));
			return `v.object({${fields.map(([name, field]) => `${name}: ${displayField(field)}`).join(", ")}})`;
		}
		default:
			return `v.${validator.type}()`;
	}
}

function displayField(field: FieldJson): string {
	const text = displayValidator(field.fieldType);
	return field.optional ? `v.optional(${text})` : text;
}

/** Null when `value` matches; otherwise the error's text. */
export function validationError(
	validator: ValidatorJson,
	value: Json,
	tableOfId: TableOfId,
	path = "",
): string | null {
	switch (validator.type) {
		case "any":
			return null;
		case "id":
			return idError(validator, value, tableOfId, path);
		case "literal":
			return literalError(validator.value, value, path);
		case "array":
			return kindOf(value) === "array"
				? arrayError(validator.value, value as Json[], tableOfId, path)
				: noMatch(validator, value, path);
		case "record":
			return kindOf(value) === "object"
				? recordError(validator, value as JsonObject, tableOfId, path)
				: noMatch(validator, value, path);
		case "object":
			return kindOf(value) === "object"
				? objectError(validator, value as JsonObject, tableOfId, path)
				: noMatch(validator, value, path);
		case "union":
			return unionError(validator, value, tableOfId, path);
		case "commitTs": {
			const kind = kindOf(value);
			return kind === "commitTs" || kind === "int64" ? null : noMatch(validator, value, path);
		}
		default:
			return kindOf(value) === LEAF_KINDS[validator.type] ? null : noMatch(validator, value, path);
	}
}

function context(path: string): string {
	return path === "" ? "" : `Path: ${path}`;
}

function noMatch(validator: ValidatorJson, value: Json, path: string): string {
	return `Value does not match validator.\n${context(path)}\nValue: ${displayValue(value)}\nValidator: ${displayValidator(validator)}`;
}

function idError(
	validator: { type: "id"; tableName: string },
	value: Json,
	tableOfId: TableOfId,
	path: string,
): string | null {
	const table = typeof value === "string" ? tableOfId(value) : null;
	if (table === null) return noMatch(validator, value, path);
	if (table === validator.tableName) return null;
	const from = table.startsWith("_") ? "a system table" : `table \`${table}\``;
	return `Found ID "${value}" from ${from}, which does not match the table name in validator \`v.id("${validator.tableName}")\`.${context(path)}`;
}

function literalError(literal: Json, value: Json, path: string): string | null {
	if (literal === value) return null;
	const same =
		kindOf(literal) === kindOf(value) &&
		(kindOf(value) === "int64" ? int64Of(literal) === int64Of(value) : compareJson(literal, value) === 0);
	if (same) return null;
	return `\`${displayValue(value)}\` does not match literal validator \`v.literal(${displayLiteral(literal)})\`.${context(path)}`;
}

function arrayError(item: ValidatorJson, values: Json[], tableOfId: TableOfId, path: string): string | null {
	for (let i = 0; i < values.length; i++) {
		const error = validationError(item, values[i] as Json, tableOfId, `${path}[${i}]`);
		if (error !== null) return error;
	}
	return null;
}

function recordError(
	validator: { keys: ValidatorJson; values: FieldJson },
	value: JsonObject,
	tableOfId: TableOfId,
	path: string,
): string | null {
	for (const [key, item] of Object.entries(value)) {
		const error =
			validationError(validator.keys, key, tableOfId, `${path}.keys()`) ??
			validationError(validator.values.fieldType, item, tableOfId, `${path}.values()`);
		if (error !== null) return error;
	}
	return null;
}

function objectError(
	validator: { type: "object"; value: { [field: string]: FieldJson } },
	value: JsonObject,
	tableOfId: TableOfId,
	path: string,
): string | null {
	const where = (): string =>
		`${context(path)}\nObject: ${displayValue(value)}\nValidator: ${displayValidator(validator)}`;
	for (const name in validator.value) {
		const field = validator.value[name] as FieldJson;
		const item = Object.hasOwn(value, name) ? value[name] : undefined;
		if (item !== undefined) {
			const error = validationError(
				field.fieldType,
				item,
				tableOfId,
				path === "" ? `.${name}` : `${path}.${name}`,
			);
			if (error !== null) return error;
		} else if (!field.optional) {
			return `Object is missing the required field \`${name}\`. Consider wrapping the field validator in \`v.optional(...)\` if this is expected.\n${where()}`;
		}
	}
	for (const name in value) {
		if (!Object.hasOwn(validator.value, name)) {
			return `Object contains extra field \`${name}\` that is not in the validator.\n${where()}`;
		}
	}
	return null;
}

function unionError(
	validator: { type: "union"; value: ValidatorJson[] },
	value: Json,
	tableOfId: TableOfId,
	path: string,
): string | null {
	const only = validator.value.length === 1 ? validator.value[0] : undefined;
	if (only) return validationError(only, value, tableOfId, path);
	for (const member of validator.value) {
		if (validationError(member, value, tableOfId, path) === null) return null;
	}
	return noMatch(validator, value, path);
}

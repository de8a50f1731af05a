/** Values as they are stored and sent: JSON in Convex's encoding, never decoded to live values here. */

/** JSON of an encoded value. `{"$integer"|"$bytes"|"$float": base64}` and `{"$commitTs": null}` are leaves. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [field: string]: Json };

export type Kind =
	| "null"
	| "int64"
	| "float64"
	| "boolean"
	| "string"
	| "bytes"
	| "array"
	| "object"
	| "commitTs";

export const COMMIT_TS_TEXT = '{"$commitTs":null}';

/** The one field of an encoded leaf (`$integer` …), or null for a plain object. */
function leafTag(value: JsonObject): string | null {
	for (const field in value) return field.charCodeAt(0) === 36 ? field : null;
	return null;
}

export function kindOf(value: Json): Kind {
	if (value === null) return "null";
	if (typeof value === "number") return "float64";
	if (typeof value === "string") return "string";
	if (typeof value === "boolean") return "boolean";
	if (Array.isArray(value)) return "array";
	switch (leafTag(value)) {
		case "$integer":
			return "int64";
		case "$float":
			return "float64";
		case "$bytes":
			return "bytes";
		case "$commitTs":
			return "commitTs";
		default:
			return "object";
	}
}

export function isPlainObject(value: Json | undefined): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value) && leafTag(value) === null;
}

/** The int64 inside `{"$integer": …}`. */
export function int64Of(value: Json): bigint {
	return Buffer.from((value as { $integer: string }).$integer, "base64").readBigInt64LE(0);
}

export function int64ToJson(value: bigint): JsonObject {
	const bytes = Buffer.allocUnsafe(8);
	bytes.writeBigInt64LE(value);
	return { $integer: bytes.toString("base64") };
}

/** A float64, plain or in its `{"$float": …}` form. */
export function float64Of(value: Json): number {
	if (typeof value === "number") return value;
	return Buffer.from((value as { $float: string }).$float, "base64").readDoubleLE(0);
}

export function float64ToJson(value: number): Json {
	if (Number.isFinite(value) && !Object.is(value, -0)) return value;
	const bytes = Buffer.allocUnsafe(8);
	bytes.writeDoubleLE(value);
	return { $float: bytes.toString("base64") };
}

export function bytesOf(value: Json): Buffer {
	return Buffer.from((value as { $bytes: string }).$bytes, "base64");
}

/** The value at a dotted field path; undefined when a step is missing or no object. */
export function fieldAt(document: Json | undefined, path: readonly string[]): Json | undefined {
	let value = document;
	for (const step of path) {
		if (!isPlainObject(value) || !Object.hasOwn(value, step)) return undefined;
		value = value[step];
	}
	return value;
}

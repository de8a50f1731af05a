/** Sizes and shape limits of values, as Convex counts them. */
import { bytesOf, type Json, type JsonObject, kindOf } from "./json-value.ts";

export const MAX_DOCUMENT_BYTES = 1024 * 1024;
const MAX_DOCUMENT_NESTING = 16;
const MAX_FIELDS = 1024;
const MAX_ARRAY_LENGTH = 8192;

/** Bytes of an encoded value by Convex's size formula (not the length of its JSON text). */
export function sizeOf(value: Json): number {
	if (value === null || typeof value === "boolean") return 1;
	if (typeof value === "number") return 9;
	if (typeof value === "string") return 2 + Buffer.byteLength(value);
	if (Array.isArray(value)) {
		let size = 2;
		for (const item of value) size += sizeOf(item);
		return size;
	}
	switch (kindOf(value)) {
		case "bytes":
			return 2 + bytesOf(value).length;
		case "object": {
			let size = 2;
			for (const field in value) size += field.length + 1 + sizeOf(value[field] as Json);
			return size;
		}
		default:
			return 9;
	}
}

function nestingOf(value: Json): number {
	if (typeof value !== "object" || value === null) return 0;
	if (Array.isArray(value)) {
		if (value.length > MAX_ARRAY_LENGTH) {
			throw new Error(`Array length is too long (${value.length} > maximum length ${MAX_ARRAY_LENGTH})`);
		}
		let deepest = 0;
		for (const item of value) deepest = Math.max(deepest, nestingOf(item));
		return deepest + 1;
	}
	if (kindOf(value) !== "object") return 0;
	let deepest = 0;
	let fields = 0;
	for (const field in value) {
		fields += 1;
		deepest = Math.max(deepest, nestingOf(value[field] as Json));
	}
	if (fields > MAX_FIELDS) {
		throw new Error(`Object has too many fields (${fields} > maximum number ${MAX_FIELDS})`);
	}
	return deepest + 1;
}

/**
 * Size of a whole document in bytes. Throws when it is over a documented limit (1 MiB, 16 levels,
 * 1024 fields, arrays of 8192) or has a field name that documents may not have.
 */
export function checkedDocumentSize(document: JsonObject): number {
	for (const field in document) {
		if (field.charCodeAt(0) === 95 && field !== "_id" && field !== "_creationTime") {
			throw new Error(
				`Field '${field}' starts with an underscore, which is only allowed for system fields like '_id'`,
			);
		}
	}
	const nesting = nestingOf(document);
	if (nesting > MAX_DOCUMENT_NESTING) {
		throw new Error(
			`Document is too nested (nested ${nesting} levels deep > maximum nesting ${MAX_DOCUMENT_NESTING})`,
		);
	}
	const size = sizeOf(document);
	if (size > MAX_DOCUMENT_BYTES) {
		throw new Error(
			`Value is too large (${mebibytes(size)} > maximum size ${mebibytes(MAX_DOCUMENT_BYTES)})`,
		);
	}
	return size;
}

export function mebibytes(bytes: number): string {
	const value = bytes / (1024 * 1024);
	return `${Number.isInteger(value) ? value : value.toFixed(2)} MiB`;
}

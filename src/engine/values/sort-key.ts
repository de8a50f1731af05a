/**
 * Index keys: byte strings whose memcmp order is Convex's order of values.
 *
 * undefined < null < int64 < float64 < false < true < string < bytes < array < object; every encoding ends
 * itself, so a key of several fields is their concatenation, and all keys that begin with `prefix` lie in
 * [prefix, prefix + 0xFF), because every tag is below 0xFF.
 */
import { bytesOf, float64Of, int64Of, type Json, kindOf } from "./json-value.ts";

const UNDEFINED = 0x01;
const NULL = 0x03;
const INT64 = 0x04;
const FLOAT64 = 0x0d;
const FALSE = 0x0e;
const TRUE = 0x0f;
const STRING = 0x10;
const BYTES = 0x11;
const ARRAY = 0x12;
const OBJECT = 0x15;

const MAX_INT64 = 0x7fff_ffff_ffff_ffffn;

let scratch = Buffer.allocUnsafe(4096);
let length = 0;

function reserve(count: number): void {
	if (length + count <= scratch.length) return;
	const larger = Buffer.allocUnsafe(Math.max(scratch.length * 2, length + count));
	scratch.copy(larger, 0, 0, length);
	scratch = larger;
}

function putByte(byte: number): void {
	reserve(1);
	scratch[length++] = byte;
}

/** Bytes with 00 escaped to 00 FF, ended by 00. */
function putEscaped(bytes: Buffer): void {
	reserve(bytes.length * 2 + 1);
	for (const byte of bytes) {
		scratch[length++] = byte;
		if (byte === 0) scratch[length++] = 0xff;
	}
	scratch[length++] = 0;
}

function putString(text: string): void {
	if (text.includes("\0")) {
		putEscaped(Buffer.from(text));
		return;
	}
	reserve(text.length * 3 + 1);
	length += scratch.write(text, length);
	scratch[length++] = 0;
}

function putFloat64(value: number): void {
	reserve(9);
	scratch[length++] = FLOAT64;
	scratch.writeDoubleBE(value, length);
	if ((scratch[length] as number) & 0x80) {
		for (let i = 0; i < 8; i++) scratch[length + i] = ~(scratch[length + i] as number) & 0xff;
	} else {
		scratch[length] = (scratch[length] as number) | 0x80;
	}
	length += 8;
}

function putInt64(value: bigint): void {
	reserve(9);
	scratch[length++] = INT64;
	scratch.writeBigUInt64BE(BigInt.asUintN(64, value) ^ (1n << 63n), length);
	length += 8;
}

function putObject(value: { [field: string]: Json }): void {
	const fields = Object.keys(value).sort();
	for (const field of fields) {
		putByte(STRING);
		putString(field);
		putValue(value[field] as Json);
	}
	putByte(0);
}

function putValue(value: Json | undefined): void {
	if (value === undefined) return putByte(UNDEFINED);
	if (value === null) return putByte(NULL);
	if (typeof value === "number") return putFloat64(value);
	if (typeof value === "boolean") return putByte(value ? TRUE : FALSE);
	if (typeof value === "string") {
		putByte(STRING);
		return putString(value);
	}
	if (Array.isArray(value)) {
		putByte(ARRAY);
		for (const item of value) putValue(item);
		return putByte(0);
	}
	switch (kindOf(value)) {
		case "int64":
			return putInt64(int64Of(value));
		case "commitTs":
			return putInt64(MAX_INT64);
		case "float64":
			return putFloat64(float64Of(value));
		case "bytes":
			putByte(BYTES);
			return putEscaped(bytesOf(value));
		default:
			putByte(OBJECT);
			return putObject(value);
	}
}

/** The key of one value, or of "no value" (undefined). */
export function encodeValue(value: Json | undefined): Uint8Array {
	length = 0;
	putValue(value);
	return new Uint8Array(scratch.subarray(0, length));
}

/** The key of several values in order. `ends`, when given, receives the end offset of each. */
export function encodeKey(values: ReadonlyArray<Json | undefined>, ends?: number[]): Uint8Array {
	length = 0;
	for (const value of values) {
		putValue(value);
		ends?.push(length);
	}
	return new Uint8Array(scratch.subarray(0, length));
}

/** Below every key. Not empty: SQLite's binding takes an empty array for NULL. */
export const LOWEST = new Uint8Array([0x00]);
/** Above every key. */
export const HIGHEST = new Uint8Array([0xff]);

/** The first key after all keys that begin with `prefix`. */
export function afterPrefix(prefix: Uint8Array): Uint8Array {
	const bound = new Uint8Array(prefix.length + 1);
	bound.set(prefix);
	bound[prefix.length] = 0xff;
	return bound;
}

/** The smallest byte string greater than `key` itself. */
export function justAfter(key: Uint8Array): Uint8Array {
	const bound = new Uint8Array(key.length + 1);
	bound.set(key);
	return bound;
}

export function compareKeys(a: Uint8Array, b: Uint8Array): number {
	return Buffer.compare(a, b);
}

/** Order of two encoded values, by their keys. */
export function compareJson(a: Json | undefined, b: Json | undefined): number {
	if (typeof a === "number" && typeof b === "number" && a !== b) return a < b ? -1 : 1;
	return Buffer.compare(encodeValue(a), encodeValue(b));
}

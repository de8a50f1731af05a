/**
 * Document ids in Convex's format: base32 (lower-case Crockford) of the table number as a variable-length
 * integer, 16 bytes (14 random, then the day of creation) and a checksum. 31 to 37 characters.
 */
import { randomBytes } from "../../lib/randomness.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS = new Int8Array(128).fill(-1);
for (let i = 0; i < 32; i++) DIGITS[ALPHABET.charCodeAt(i)] = i;

const MIN_LENGTH = 31;
const MAX_LENGTH = 37;
const DAY_MS = 86_400_000;
const INTERNAL_BYTES = 16;

export type DecodedId =
	| { kind: "ok"; tableNumber: number; internalId: Uint8Array }
	| { kind: "bad"; why: string };

function toBase32(bytes: Uint8Array): string {
	let text = "";
	let bits = 0;
	let held = 0;
	for (const byte of bytes) {
		held = ((held << 8) | byte) & 0xfff;
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			text += ALPHABET[(held >>> bits) & 31];
		}
	}
	return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

/** Null when a character is not of the alphabet. */
function fromBase32(text: string): Uint8Array | null {
	const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
	let bits = 0;
	let held = 0;
	let at = 0;
	for (let i = 0; i < text.length; i++) {
		const digit = DIGITS[text.charCodeAt(i)] ?? -1;
		if (digit < 0) return null;
		held = ((held << 5) | digit) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			bytes[at++] = (held >>> bits) & 0xff;
		}
	}
	return bytes;
}

function checksum(bytes: Uint8Array): number {
	let low = 0;
	let high = 0;
	for (const byte of bytes) {
		low = (low + byte) & 0xff;
		high = (high + low) & 0xff;
	}
	return (high << 8) | low;
}

function tableNumberBytes(tableNumber: number): number[] {
	const bytes: number[] = [];
	let rest = tableNumber >>> 0;
	while (rest >= 0x80) {
		bytes.push((rest & 0x7f) | 0x80);
		rest >>>= 7;
	}
	bytes.push(rest);
	return bytes;
}

export function encodeId(tableNumber: number, internalId: Uint8Array): string {
	const head = tableNumberBytes(tableNumber);
	const bytes = new Uint8Array(head.length + INTERNAL_BYTES + 2);
	bytes.set(head);
	bytes.set(internalId, head.length);
	const sum = checksum(bytes.subarray(0, head.length + INTERNAL_BYTES));
	bytes[bytes.length - 2] = sum & 0xff;
	bytes[bytes.length - 1] = sum >>> 8;
	return toBase32(bytes);
}

// One call for many ids: the secure source costs more per call than per byte.
let pool = randomBytes(14 * 256);
let used = 0;

/** A fresh id; `nowMs` gives the day it carries. */
export function newId(tableNumber: number, nowMs: number): string {
	if (used + 14 > pool.length) {
		pool = randomBytes(14 * 256);
		used = 0;
	}
	const internalId = new Uint8Array(INTERNAL_BYTES);
	internalId.set(pool.subarray(used, used + 14));
	used += 14;
	const day = Math.floor(nowMs / DAY_MS) & 0xffff;
	internalId[14] = day >>> 8;
	internalId[15] = day & 0xff;
	return encodeId(tableNumber, internalId);
}

export function decodeId(text: string): DecodedId {
	if (text.length < MIN_LENGTH || text.length > MAX_LENGTH) {
		return { kind: "bad", why: `Invalid ID length ${text.length}` };
	}
	const bytes = fromBase32(text);
	if (!bytes) return { kind: "bad", why: "Invalid character in ID" };
	let tableNumber = 0;
	let at = 0;
	for (;;) {
		const byte = bytes[at];
		if (byte === undefined || at >= 5) return { kind: "bad", why: "Invalid table number" };
		tableNumber += (byte & 0x7f) * 2 ** (7 * at);
		at += 1;
		if (byte < 0x80) break;
	}
	if (bytes.length !== at + INTERNAL_BYTES + 2)
		return { kind: "bad", why: `Invalid ID length ${text.length}` };
	const sum = (bytes[at + INTERNAL_BYTES] as number) | ((bytes[at + INTERNAL_BYTES + 1] as number) << 8);
	if (sum !== checksum(bytes.subarray(0, at + INTERNAL_BYTES)))
		return { kind: "bad", why: "Invalid ID version" };
	const internalId = bytes.slice(at, at + INTERNAL_BYTES);
	// The bits that fill up the last character are zero: each id has one spelling.
	if (encodeId(tableNumber, internalId) !== text) return { kind: "bad", why: "Invalid ID padding" };
	return { kind: "ok", tableNumber, internalId };
}

const tableNumbers = new Map<string, number>();

/** Table number of an id, or null when the text is no id. Recent answers are remembered. */
export function tableNumberOf(text: string): number | null {
	const known = tableNumbers.get(text);
	if (known !== undefined) return known;
	const decoded = decodeId(text);
	if (decoded.kind === "bad") return null;
	if (tableNumbers.size >= 10_000) tableNumbers.clear();
	tableNumbers.set(text, decoded.tableNumber);
	return decoded.tableNumber;
}

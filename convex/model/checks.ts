/** Limits on values that validators cannot express. */
import { refusal } from "../../src/protocol/errors.ts";

/** Longest id that a client may make. */
const ID_CHARS = 256;
/** Longest name or label. */
const NAME_CHARS = 200;
/** Longest path. */
const PATH_CHARS = 4096;

const LIMITS = { id: ID_CHARS, name: NAME_CHARS, path: PATH_CHARS } as const;

/** Refuses an empty or overlong value; gives it back otherwise. `what` names it for a person, such as "session id". */
export function checked(kind: keyof typeof LIMITS, what: string, value: string): string {
	if (value === "") throw refusal("invalid", `The ${what} is empty.`);
	if (value.length > LIMITS[kind]) {
		throw refusal(
			"too_large",
			`The ${what} has ${value.length} characters, and ${LIMITS[kind]} are allowed.`,
		);
	}
	return value;
}

/** The value, cut to a name's length: for what people see only. */
export function asName(value: string): string {
	return value.trim().slice(0, NAME_CHARS).toWellFormed();
}

/** Latest time that a date can hold, ms since the epoch. */
export const LATEST_MS = 8.64e15;

/** The time, or the nearest that can be shown and listed; 0 for none. A session file may say anything. */
export function asTime(value: number): number {
	return Number.isNaN(value) ? 0 : Math.min(Math.max(value, 0), LATEST_MS);
}

const encoder = new TextEncoder();

/** UTF-8 bytes of a text. */
export function utf8Bytes(text: string): number {
	return encoder.encode(text).length;
}

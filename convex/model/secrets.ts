/** Keys as clients hold them, and their hashes. For HTTP actions: a mutation's randomness can be guessed. */
import { KEY_PREFIX, KEY_SHOWN_CHARS } from "../../src/protocol/access.ts";

/** 256 bits: beyond guessing, so the hash needs no salt. */
const KEY_BYTES = 32;

/** A new API key, `osk_` and 64 hex digits. */
export function makeKey(): string {
	return KEY_PREFIX + hex(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
}

/** A key as lists show it. */
export function shownOf(key: string): string {
	return `${key.slice(0, KEY_SHOWN_CHARS)}…`;
}

export async function sha256Hex(text: string): Promise<string> {
	return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

function hex(bytes: Uint8Array): string {
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Keys and one-time codes, made here: only their SHA-256 goes to the backend. */
import { createHash, randomBytes, randomInt } from "node:crypto";
import { KEY_PREFIX, KEY_SHOWN_CHARS } from "../protocol/access.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

export type NewKey = { key: string; hash: string; shown: string };

export function makeKey(): NewKey {
	let key = KEY_PREFIX;
	for (let i = 0; i < 32; i++) key += ALPHABET[randomInt(ALPHABET.length)];
	return { key, hash: sha256(key), shown: `${key.slice(0, KEY_SHOWN_CHARS)}…` };
}

export function makeCode(): { code: string; hash: string } {
	const code = randomBytes(18).toString("base64url");
	return { code, hash: sha256(code) };
}

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * Replaces secrets by `[redacted:<rule>]`, in plain text and in the JSON of entries.
 *
 * In an entry only texts change, and of a text only the secret: ids, types, names of models and tools, and
 * opaque payloads such as pictures and signatures stand as they are, and JSON stays JSON. A text that holds
 * no secret comes back as the very same line (A4).
 */
import { ASSIGNMENT, isSecretName, isSecretValue } from "./own-rules.ts";
import { type FindSecrets, loadSecretRules, type Secret } from "./secret-rules.ts";

export type Redacted = { text: string; hidden: Record<string, number> };

export interface Redactor {
	/** Text, or the JSON of an entry: what is a JSON object comes back as one. */
	redact(text: string): Promise<Redacted>;
	/** The same at once. */
	redactNow(text: string): Redacted;
	readonly find: FindSecrets;
}

/** Loads the rules. */
export async function createRedactor(): Promise<Redactor> {
	const find = await loadSecretRules();
	const redactNow = (text: string): Redacted => {
		const value = text.startsWith("{") ? parseObject(text) : null;
		return value ? redactJson(text, value, find) : redactText(text, find);
	};
	return { redact: async (text) => redactNow(text), redactNow, find };
}

export const markOf = (rule: string): string => `[redacted:${rule}]`;

/** Plain text. */
export function redactText(text: string, find: FindSecrets): Redacted {
	const hidden: Record<string, number> = {};
	return { text: replace(text, find(text), hidden), hidden };
}

function replace(text: string, secrets: readonly Secret[], hidden: Record<string, number>): string {
	if (secrets.length === 0) return text;
	let result = "";
	let at = 0;
	for (const { start, end, rule } of secrets) {
		result += text.slice(at, start) + markOf(rule);
		at = end;
		hidden[rule] = (hidden[rule] ?? 0) + 1;
	}
	return result + text.slice(at);
}

type Json = Record<string, unknown>;

/** JSON whose parsed value is `value`; any value, an entry or the arguments of a call. */
function redactJson(text: string, value: Json, find: FindSecrets): Redacted {
	const hidden: Record<string, number> = {};
	const redacted = redactEntry(value, find, hidden);
	return { text: redacted === value ? text : JSON.stringify(redacted), hidden };
}

/** Names whose values say what an entry is and where it belongs; changed, the entry would be another. */
const STRUCTURE = new Set([
	"id",
	"parentId",
	"type",
	"timestamp",
	"role",
	"api",
	"provider",
	"model",
	"modelId",
	"customType",
	"toolCallId",
	"toolName",
	"stopReason",
	"firstKeptEntryId",
	"fromId",
	"targetId",
	"mimeType",
	"textSignature",
	"thinkingSignature",
	"thoughtSignature",
]);

function redactEntry(entry: Json, find: FindSecrets, hidden: Record<string, number>): Json {
	const isEntry = typeof entry.type === "string" && typeof entry.id === "string";
	if (!isEntry) return redactValue(entry, find, hidden) as Json;
	return change(entry, (name, value) => {
		if (STRUCTURE.has(name)) return value;
		if (name !== "message" && name !== "content" && name !== "systemMessage")
			return redactNamed(name, value, find, hidden);
		if (name === "content") return redactBlocks(value, find, hidden);
		return isObject(value) ? redactMessage(value, find, hidden) : redactValue(value, find, hidden);
	});
}

function redactMessage(message: Json, find: FindSecrets, hidden: Record<string, number>): Json {
	return change(message, (name, value) => {
		if (STRUCTURE.has(name)) return value;
		return name === "content" ? redactBlocks(value, find, hidden) : redactNamed(name, value, find, hidden);
	});
}

function redactBlocks(content: unknown, find: FindSecrets, hidden: Record<string, number>): unknown {
	if (!Array.isArray(content)) return redactValue(content, find, hidden);
	return changeItems(content, (block) => {
		if (!isObject(block)) return redactValue(block, find, hidden);
		if (block.type === "image") return block;
		return change(block, (name, value) => {
			const isName = STRUCTURE.has(name) || (block.type === "toolCall" && name === "name");
			return isName ? value : redactNamed(name, value, find, hidden);
		});
	});
}

/** A property: its name may say that its value is a secret. */
function redactNamed(
	name: string,
	value: unknown,
	find: FindSecrets,
	hidden: Record<string, number>,
): unknown {
	if (typeof value !== "string") return redactValue(value, find, hidden);
	const secrets = find(value);
	if (secrets.length === 0 && isSecretName(name) && isSecretValue(name, value)) {
		return replace(value, [{ start: 0, end: value.length, rule: ASSIGNMENT }], hidden);
	}
	return replace(value, secrets, hidden);
}

function redactValue(value: unknown, find: FindSecrets, hidden: Record<string, number>): unknown {
	if (typeof value === "string") return replace(value, find(value), hidden);
	if (Array.isArray(value)) return changeItems(value, (item) => redactValue(item, find, hidden));
	if (!isObject(value)) return value;
	// A picture's data is no text, wherever it stands.
	if (value.type === "image" && typeof value.data === "string") return value;
	return change(value, (name, item) => redactNamed(name, item, find, hidden));
}

/** The same object when nothing changed, so that its line can stay. */
function change(value: Json, by: (name: string, value: unknown) => unknown): Json {
	let result = value;
	for (const [name, before] of Object.entries(value)) {
		const after = by(name, before);
		if (after === before) continue;
		if (result === value) result = { ...value };
		result[name] = after;
	}
	return result;
}

function changeItems(items: unknown[], by: (item: unknown) => unknown): unknown[] {
	const changed = items.map(by);
	return changed.some((item, index) => item !== items[index]) ? changed : items;
}

function parseObject(text: string): Json | null {
	try {
		const value: unknown = JSON.parse(text);
		return isObject(value) ? value : null;
	} catch {
		// No JSON after all: it is looked at as text.
		return null;
	}
}

const isObject = (value: unknown): value is Json =>
	typeof value === "object" && value !== null && !Array.isArray(value);

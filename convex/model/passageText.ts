/**
 * What of an entry can be searched: its text by kind, in parts that are short enough for an index.
 *
 * Pure and total, for entries are relayed whatever they are: a type or block unknown to us gives what text
 * it holds, or nothing. Every word is in exactly one part, up to `PASSAGE_TEXT_MAX` characters an entry;
 * images and other base64 are no words. Pi's system prompts are left out but for their text: their sections
 * are the same in every session.
 */
import { type Json, object, parsedObject } from "../../src/lib/json.ts";
import { plainText } from "../../src/lib/plain-text.ts";
import type { PassageKind } from "../../src/protocol/search.ts";

export type Passage = { kind: PassageKind; text: string };

/** Characters of one part. */
export const PASSAGE_CHARS = 8000;
/** Characters of all parts of an entry; what comes after is not searched. */
export const PASSAGE_TEXT_MAX = 256 * 1024;

/** Parts of the entry's line, those of a kind together. `type` is the entry's. */
export function passagesOf(json: string, type: string): Passage[] {
	const byKind = new Map<PassageKind, string[]>();
	for (const { kind, text } of piecesOf(parsedObject(json) ?? {}, type)) {
		const clean = searchable(text);
		if (clean === "") continue;
		const texts = byKind.get(kind);
		if (texts) texts.push(clean);
		else byKind.set(kind, [clean]);
	}
	const passages: Passage[] = [];
	let left = PASSAGE_TEXT_MAX;
	for (const [kind, texts] of byKind) {
		const text = headOf(texts.join("\n"), left);
		left -= text.length;
		for (const part of cut(text)) passages.push({ kind, text: part });
	}
	return passages;
}

function piecesOf(entry: Json, type: string): Passage[] {
	switch (type) {
		case "message":
			return messagePieces(object(entry.message));
		case "custom_message":
			return contentPieces(entry.content, "prompt");
		case "compaction":
		case "branch_summary":
			return [{ kind: "summary", text: flat(entry.summary) }];
		case "session_info":
			return [{ kind: "title", text: flat(entry.name) }];
		case "label":
			return [{ kind: "title", text: flat(entry.label) }];
		default:
			return [];
	}
}

function messagePieces(message: Json): Passage[] {
	switch (message.role) {
		case "toolResult":
			return [
				{ kind: "tool", text: flat(message.toolName) },
				...contentPieces(message.content, "tool").map(({ text }): Passage => ({ kind: "tool", text })),
			];
		case "bashExecution":
			return [{ kind: "tool", text: `${flat(message.command)}\n${flat(message.output)}` }];
		case "branchSummary":
		case "compactionSummary":
			return [{ kind: "summary", text: flat(message.summary) }];
		default: {
			const kind = message.role === "assistant" ? "answer" : "prompt";
			return [
				...contentPieces(message.content, kind),
				{ kind, text: flat(message.textContent) },
				{ kind, text: flat(message.errorMessage) },
			];
		}
	}
}

/** `kind` is that of what is plainly said. */
function contentPieces(content: unknown, kind: PassageKind): Passage[] {
	if (!Array.isArray(content)) return [{ kind, text: flat(content) }];
	return content.map((one): Passage => {
		const block = object(one);
		// What another agent posted may hold more than we know to name.
		const posted = postedText(block.type === "part" ? block.posted : object(block.posted).content);
		switch (block.type) {
			case undefined:
				return { kind, text: flat(one) };
			case "text":
				return { kind, text: flat(block.text) };
			case "thinking":
				return { kind: "thinking", text: posted ?? flat(block.thinking) };
			case "toolCall":
				return { kind: "tool", text: posted ?? flat([block.name, block.arguments]) };
			case "toolResult":
				return { kind: "tool", text: posted ?? flat([block.toolName, block.text]) };
			case "part":
				return { kind, text: posted ?? "" };
			case "image":
				return { kind, text: "" };
			default:
				return { kind, text: flat(textFields(block)) };
		}
	});
}

const IDS = new Set(["toolCallId", "toolUseId", "tool_use_id", "callId", "id"]);
/** Names of fields that every part of a tool has. */
const USUAL = new Set(
	"toolName name tool args input arguments parameters result output content text thinking reasoning".split(
		" ",
	),
);

/** The content of a part as one reads it: without ids, and without the names of the fields that are in each. */
function postedText(content: unknown): string | null {
	if (content === undefined || content === null) return null;
	if (typeof content !== "object" || Array.isArray(content)) return flat(content);
	return Object.entries(content)
		.filter(([name]) => !IDS.has(name))
		.map(([name, value]) => flat(USUAL.has(name) ? value : { [name]: value }))
		.join("\n");
}

/** An unknown block without its type and ids, which nobody would look for. */
function textFields(block: Json): Json {
	return Object.fromEntries(Object.entries(block).filter(([name]) => name !== "type" && name !== "id"));
}

/** All text in a value, in order, a line each; names of fields before what they hold. Not recursive: input may be deep. */
function flat(value: unknown): string {
	if (typeof value === "string") return value;
	const lines: string[] = [];
	const waiting: unknown[] = [value];
	while (waiting.length > 0) {
		const next = waiting.pop();
		if (typeof next === "string") lines.push(next);
		else if (typeof next === "number" || typeof next === "boolean") lines.push(String(next));
		else if (Array.isArray(next)) for (let at = next.length - 1; at >= 0; at--) waiting.push(next[at]);
		else if (typeof next === "object" && next !== null) {
			for (const [name, inner] of Object.entries(next).reverse()) waiting.push(inner, `${name}:`);
		}
	}
	return lines.join("\n");
}

/** Runs of base64 are longer than any word, and hold fewer `/` and `+` than a path has. */
const BASE64 = /(?:data:[\w.+-]+\/[\w.+-]+(?:;[\w=.+-]+)*;base64,)?[A-Za-z0-9+/]{256,}={0,2}/g;
/** Mean length of the words of a run from which it is base64. */
const BASE64_WORD = 16;

/** Colours and other escapes of a terminal stand in the midst of words. What a line showed before counts too. */
function searchable(text: string): string {
	const words = plainText(text.replaceAll("\r", "\n")).replace(BASE64, (run) => {
		const parts = run.split(/[/+]+/);
		return run.length / parts.length >= BASE64_WORD ? " " : run;
	});
	// File names as macOS lists them are decomposed, what people type is not.
	return words
		.trim()
		.normalize("NFC")
		.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** The text's first characters, up to the end of a word. */
function headOf(text: string, chars: number): string {
	return text.length <= chars ? text : text.slice(0, cutPoint(text, 0, chars));
}

/** Parts of at most `PASSAGE_CHARS`, each ending where a word ends. */
function cut(text: string): string[] {
	const parts: string[] = [];
	for (let from = 0; from < text.length; ) {
		const to = text.length - from <= PASSAGE_CHARS ? text.length : cutPoint(text, from, PASSAGE_CHARS);
		const part = text.slice(from, to).trim();
		if (part !== "") parts.push(part);
		from = to;
	}
	return parts;
}

/** How far back the end of a line or of a sentence is preferred to that of a word. */
const LINE_SLACK = 2000;
const WORD_CHAR = /[\p{L}\p{N}\p{M}\p{Co}]/u;

/** Where to cut so that at most `chars` come before. A run without a word's end is cut in its midst. */
function cutPoint(text: string, from: number, chars: number): number {
	const end = from + chars;
	const line = text.lastIndexOf("\n", end - 1);
	if (line > Math.max(from, end - LINE_SLACK)) return line + 1;
	for (let at = end; at > from; at--) {
		if (isLow(text, at)) continue;
		if (!isWordAt(text, at) || !isWordBefore(text, at)) return at;
	}
	return isLow(text, end) && chars > 1 ? end - 1 : end;
}

const isWordAt = (text: string, at: number) =>
	WORD_CHAR.test(String.fromCodePoint(text.codePointAt(at) ?? 32));
const isWordBefore = (text: string, at: number) => isWordAt(text, isLow(text, at - 1) ? at - 2 : at - 1);

/** The second half of a surrogate pair: no place to cut before. */
function isLow(text: string, at: number): boolean {
	const code = text.charCodeAt(at);
	return code >= 0xdc00 && code <= 0xdfff;
}

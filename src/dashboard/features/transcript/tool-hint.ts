import { firstLine, plainText } from "../../../lib/plain-text.ts";

/** Arguments that say best what a call is about, in order. */
const TELLING = ["command", "path", "file_path", "filePath", "pattern", "query", "url", "prompt", "name"];
const MOST = 160;

/** A few words on a call: its most telling argument, else the first text among them. `args` may be cut short. */
export function callHint(toolName: string, args: string): string {
	const values = argumentsOf(args);
	const names = [...TELLING.filter((name) => name in values), ...Object.keys(values)];
	const told = names
		.map((name) => values[name])
		.find((value) => typeof value === "string" && value.trim() !== "");
	if (typeof told === "string") return firstLine(plainText(told), MOST);
	return args.length > 2 && toolName !== "" ? firstLine(plainText(args).replace(/\s+/g, " "), MOST) : "";
}

function argumentsOf(args: string): { [name: string]: unknown } {
	try {
		const value: unknown = JSON.parse(args);
		return typeof value === "object" && value !== null ? (value as { [name: string]: unknown }) : {};
	} catch {
		// Still being said: show what a whole text argument at the front says so far.
		const match = /^\s*\{\s*"([^"\\]+)"\s*:\s*"((?:[^"\\]|\\.)*)/.exec(args.slice(0, 4000));
		return match?.[1] && match[2] ? { [match[1]]: unescaped(match[2]) } : {};
	}
}

function unescaped(text: string): string {
	try {
		return String(JSON.parse(`"${text}"`));
	} catch {
		// Cut in the midst of an escape.
		return text;
	}
}

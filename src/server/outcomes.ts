/** Outcomes of the engine as the wire shows them. Values are spliced as text, never parsed again. */
import { randomBytes } from "node:crypto";
import type { Outcome } from "../engine/types.ts";

/** What the wire calls the error: a request id in front of the engine's text. */
export function wireError(errorMessage: string): string {
	return `[Request ID: ${randomBytes(8).toString("hex")}] ${errorMessage}`;
}

/** `dir/mod.js:fn`, `dir/mod` and `dir/mod:default` name functions as clients may spell them. */
export function canonicalPath(path: string): string {
	const [module = "", name = "default"] = path.split(":", 2);
	return `${module.replace(/\.js$/, "")}:${name}`;
}

export const VALUE_FORMATS = [
	"convex_encoded_json",
	"convex_json",
	"json",
	"convex_clean_json",
	"export_json",
] as const;
export type ValueFormat = (typeof VALUE_FORMATS)[number];

export function isEncoded(format: ValueFormat): boolean {
	return format === "convex_encoded_json" || format === "convex_json";
}

/** `{status, value, logLines?}` or `{status, errorMessage, errorData?, logLines?}`. */
export function outcomeJson(outcome: Outcome, format: ValueFormat): string {
	const logs = outcome.logLines.length > 0 ? `,"logLines":${JSON.stringify(outcome.logLines)}` : "";
	if (outcome.kind === "ok")
		return `{"status":"success","value":${inFormat(outcome.valueJson, format)}${logs}}`;
	const data =
		outcome.errorDataJson === undefined ? "" : `,"errorData":${inFormat(outcome.errorDataJson, format)}`;
	return `{"status":"error","errorMessage":${JSON.stringify(wireError(outcome.errorMessage))}${data}${logs}}`;
}

function inFormat(encoded: string, format: ValueFormat): string {
	return isEncoded(format) || !encoded.includes('"$') ? encoded : JSON.stringify(plain(JSON.parse(encoded)));
}

/** int64 becomes a decimal string, bytes base64, special floats their name. */
function plain(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(plain);
	if (typeof value !== "object" || value === null) return value;
	const entries = Object.entries(value);
	const [only] = entries;
	if (entries.length === 1 && only) {
		const [tag, inner] = only;
		if (tag === "$integer") return Buffer.from(String(inner), "base64").readBigInt64LE().toString();
		if (tag === "$bytes") return inner;
		if (tag === "$float") return floatName(Buffer.from(String(inner), "base64").readDoubleLE());
	}
	return Object.fromEntries(entries.map(([name, inner]) => [name, plain(inner)]));
}

function floatName(value: number): string | number {
	return Object.is(value, -0) ? -0 : String(value);
}

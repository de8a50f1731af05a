/** How values and validators read in error messages. */
import { bytesOf, float64Of, int64Of, type Json, type JsonObject, kindOf } from "./json-value.ts";

function displayFloat(value: number): string {
	if (Number.isNaN(value)) return "NaN";
	if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
	if (Object.is(value, -0)) return "-0.0";
	return Number.isInteger(value) && Math.abs(value) < 1e16 ? `${value}.0` : String(value);
}

/** `{name: "a", n: 1.0, big: 7n}` */
export function displayValue(value: Json): string {
	switch (kindOf(value)) {
		case "null":
			return "null";
		case "int64":
			return `${int64Of(value)}n`;
		case "float64":
			return displayFloat(float64Of(value));
		case "boolean":
			return String(value);
		case "string":
			return JSON.stringify(value);
		case "bytes":
			return `b"${bytesOf(value).toString("hex")}"`;
		case "commitTs":
			return "db.vars.commitTs";
		case "array":
			return `[${(value as Json[]).map(displayValue).join(", ")}]`;
		case "object":
			return `{${Object.entries(value as JsonObject)
				.map(([field, item]) => `${field}: ${displayValue(item)}`)
				.join(", ")}}`;
	}
}

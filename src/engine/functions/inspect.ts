/** How `console` arguments read in log lines: single quotes, spaces inside brackets, five levels deep. */

const MAX_DEPTH = 5;
const MAX_STRING = 32 * 1024;

const ESCAPES: Record<string, string> = { "\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function quoted(text: string): string {
	const hex = (char: string): string =>
		`\\x${char.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`;
	return `'${text.replace(/[\\'\p{Cc}]/gu, (char) => ESCAPES[char] ?? hex(char))}'`;
}

function fieldName(name: string): string {
	return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

/** One value as text, such as `{ a: 1, b: [ 'x' ] }`. */
export function inspect(value: unknown, depth = 0, seen: readonly unknown[] = []): string {
	switch (typeof value) {
		case "string":
			return quoted(value.length > MAX_STRING ? `${value.slice(0, MAX_STRING)}…` : value);
		case "bigint":
			return `${value}n`;
		case "number":
			return Object.is(value, -0) ? "-0" : String(value);
		case "function":
			return `[Function${value.name ? `: ${value.name}` : " (anonymous)"}]`;
		case "symbol":
			return value.toString();
		case "object":
			return value === null ? "null" : inspectObject(value, depth, seen);
		default:
			return String(value);
	}
}

function inspectObject(value: object, depth: number, seen: readonly unknown[]): string {
	if (seen.includes(value)) return "[Circular]";
	const inner = (part: unknown): string => inspect(part, depth + 1, [...seen, value]);
	if (value instanceof Error)
		return value.stack?.includes(value.message) ? value.stack : `[${value.name}: ${value.message}]`;
	if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
	if (value instanceof RegExp) return String(value);
	if (value instanceof ArrayBuffer) return `ArrayBuffer { byteLength: ${value.byteLength} }`;
	if (depth > MAX_DEPTH) return Array.isArray(value) ? "[Array]" : "[Object]";
	if (Array.isArray(value)) return value.length === 0 ? "[]" : `[ ${Array.from(value, inner).join(", ")} ]`;
	if (value instanceof Map) {
		const entries = [...value].map(([key, item]) => `${inner(key)} => ${inner(item)}`);
		return `Map (${value.size}) {${entries.join(", ")}}`;
	}
	if (value instanceof Set) return `Set (${value.size}) {${[...value].map(inner).join(", ")}}`;
	if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength}) [ … ]`;
	const fields = Object.entries(value).map(([name, item]) => `${fieldName(name)}: ${inner(item)}`);
	const name = Object.getPrototypeOf(value)?.constructor?.name;
	const label = name && name !== "Object" ? `${name} ` : "";
	return fields.length === 0 ? `${label}{}` : `${label}{ ${fields.join(", ")} }`;
}

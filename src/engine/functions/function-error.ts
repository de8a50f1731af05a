/** Errors of functions: what crosses to callers, and in which words. */
import type { Json } from "../values/json-value.ts";
import type { SourceMap } from "./source-map.ts";

/** A call that failed, in the parts a caller may see. */
export type Failure = {
	/** `Uncaught Error: text`, or a message of the backend itself. */
	message: string;
	/** Lines `    at handler (../convex/file.ts:1:2)`. */
	frames: string[];
	/** Present exactly for a ConvexError. */
	dataJson?: string;
};

/** Thrown into a function by an operation; `data` is there when it is a ConvexError. */
export class OperationError extends Error {
	readonly data?: Json;
	constructor(message: string, data?: Json) {
		super(message);
		if (data !== undefined) this.data = data;
	}
}

export function failureOf(message: string): Failure {
	return { message, frames: [] };
}

/** The text for a development deployment, without the request id in front. */
export function errorMessageOf(failure: Failure): string {
	return `Server Error\n${failure.message}\n${failure.frames.map((frame) => `${frame}\n`).join("")}`;
}

export function operationErrorOf(failure: Failure): OperationError {
	const data = failure.dataJson === undefined ? undefined : (JSON.parse(failure.dataJson) as Json);
	return new OperationError(failure.message, data);
}

/** What a function threw, as a failure. The stack names the app's own files. */
export function thrownFailure(thrown: unknown, sourceMap: SourceMap): Failure {
	if (typeof thrown !== "object" || thrown === null) return failureOf(`Uncaught ${String(thrown)}`);
	const error = thrown as Partial<Error> & { data?: unknown };
	const name = typeof error.name === "string" && error.name !== "" ? error.name : "Error";
	const message = typeof error.message === "string" ? error.message : safeText(thrown);
	const failure: Failure = {
		message: `Uncaught ${message === "" ? name : `${name}: ${message}`}`,
		frames: framesOf(String(error.stack ?? ""), sourceMap),
	};
	// The function's side leaves the data of a ConvexError as JSON text.
	if (Symbol.for("ConvexError") in thrown && typeof error.data === "string") failure.dataJson = error.data;
	return failure;
}

function safeText(value: unknown): string {
	try {
		return JSON.stringify(value) ?? String(value);
	} catch {
		return Object.prototype.toString.call(value);
	}
}

const FRAME = /^\s*at (?:(async )?(.*?) \()?(?:file:\/\/)?(.*?):(\d+):(\d+)\)?$/;

function framesOf(stack: string, sourceMap: SourceMap): string[] {
	const frames: string[] = [];
	for (const line of stack.split("\n")) {
		const match = FRAME.exec(line);
		if (!match?.[3]?.endsWith(sourceMap.bundlePath)) continue;
		const place = sourceMap.locate(Number(match[4]), Number(match[5]));
		if (!place || place.includes("node_modules/convex/")) continue;
		const prefix = `    at ${match[1] ?? ""}`;
		frames.push(match[2] ? `${prefix}${match[2]} (${place})` : `${prefix}${place}`);
	}
	return frames;
}

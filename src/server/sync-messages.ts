/**
 * Messages of the sync protocol: what clients send, read with care, and the frames they get, built by
 * splicing the engine's JSON text.
 */
import type { Outcome, QueryOutcome } from "../engine/types.ts";
import { canonicalPath, wireError } from "./outcomes.ts";
import { decodeTs, encodeTs } from "./timestamps.ts";

export type QueryChange =
	| { kind: "add"; queryId: number; path: string; argsJson: string; journal: string | null }
	| { kind: "remove"; queryId: number };

export type ClientMessage =
	| { kind: "connect"; sessionId: string; maxObservedTs: bigint | null; clientTs: number | null }
	| { kind: "modify"; baseVersion: number; newVersion: number; changes: QueryChange[] }
	| { kind: "mutation" | "action"; requestId: number; path: string; argsJson: string }
	| {
			kind: "authenticate";
			baseVersion: number;
			tokenType: "Admin" | "User" | "None";
			value: string;
			impersonating: unknown;
	  }
	| { kind: "event" };

/** A frame that breaks the protocol; the socket answers it with a FatalError. */
export class ProtocolError extends Error {}

type Json = Record<string, unknown>;

export function readMessage(text: string): ClientMessage {
	let message: unknown;
	try {
		message = JSON.parse(text);
	} catch {
		throw new ProtocolError("Received Invalid JSON on websocket");
	}
	if (!isObject(message)) throw new ProtocolError("Received a message that is no object");
	switch (message.type) {
		case "Connect":
			return {
				kind: "connect",
				sessionId: string(message, "sessionId"),
				maxObservedTs:
					message.maxObservedTimestamp === undefined ? null : timestamp(message.maxObservedTimestamp),
				clientTs: Number.isFinite(message.clientTs) ? (message.clientTs as number) : null,
			};
		case "ModifyQuerySet":
			return {
				kind: "modify",
				baseVersion: count(message, "baseVersion"),
				newVersion: count(message, "newVersion"),
				changes: list(message, "modifications").map(readChange),
			};
		case "Mutation":
		case "Action":
			return {
				kind: message.type === "Mutation" ? "mutation" : "action",
				requestId: count(message, "requestId"),
				...readCall(message),
			};
		case "Authenticate":
			return readAuthenticate(message);
		case "Event":
			return { kind: "event" };
		default:
			throw new ProtocolError(
				`Received a message of unknown type ${JSON.stringify(message.type)?.slice(0, 60)}`,
			);
	}
}

function readChange(value: unknown): QueryChange {
	if (!isObject(value)) throw new ProtocolError("A query set modification must be an object");
	const queryId = count(value, "queryId");
	if (value.type === "Remove") return { kind: "remove", queryId };
	if (value.type !== "Add") throw new ProtocolError("A query set modification must be of type Add or Remove");
	return {
		kind: "add",
		queryId,
		...readCall(value),
		journal: typeof value.journal === "string" ? value.journal : null,
	};
}

function readCall(message: Json): { path: string; argsJson: string } {
	if (typeof message.componentPath === "string" && message.componentPath !== "") {
		throw new ProtocolError("Components are not supported by this backend");
	}
	const args = list(message, "args");
	return { path: canonicalPath(string(message, "udfPath")), argsJson: JSON.stringify(args) };
}

function readAuthenticate(message: Json): ClientMessage {
	const { tokenType } = message;
	if (tokenType !== "Admin" && tokenType !== "User" && tokenType !== "None")
		throw new ProtocolError("Authenticate has an unknown tokenType");
	return {
		kind: "authenticate",
		baseVersion: count(message, "baseVersion"),
		tokenType,
		value: tokenType === "None" ? "" : string(message, "value"),
		impersonating: message.impersonating ?? message.actingAs,
	};
}

const isObject = (value: unknown): value is Json =>
	typeof value === "object" && value !== null && !Array.isArray(value);

function string(message: Json, field: string): string {
	const value = message[field];
	if (typeof value !== "string") throw new ProtocolError(`The field ${field} must be a string`);
	return value;
}

function count(message: Json, field: string): number {
	const value = message[field];
	if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0xffffffff) {
		throw new ProtocolError(`The field ${field} must be a non-negative 32-bit integer`);
	}
	return value as number;
}

function list(message: Json, field: string): unknown[] {
	const value = message[field];
	if (!Array.isArray(value)) throw new ProtocolError(`The field ${field} must be an array`);
	return value;
}

function timestamp(value: unknown): bigint {
	const ts = typeof value === "string" ? decodeTs(value) : null;
	if (ts === null) throw new ProtocolError("The field maxObservedTimestamp must be a timestamp");
	return ts;
}

export type Version = { querySet: number; identity: number; ts: bigint };

const versionJson = (version: Version) =>
	`{"querySet":${version.querySet},"identity":${version.identity},"ts":"${encodeTs(version.ts)}"}`;

/** `removed` and `results` by query id; modifications come out sorted by it. */
export function transitionFrame(
	start: Version,
	end: Version,
	removed: Iterable<number>,
	results: ReadonlyMap<number, QueryOutcome>,
	clockSkewMs: number | null = null,
): string {
	const parts: { queryId: number; json: string }[] = [];
	for (const queryId of removed)
		if (!results.has(queryId)) parts.push({ queryId, json: `{"type":"QueryRemoved","queryId":${queryId}}` });
	for (const [queryId, outcome] of results) parts.push({ queryId, json: queryJson(queryId, outcome) });
	parts.sort((a, b) => a.queryId - b.queryId);
	const modifications = parts.map((part) => part.json).join(",");
	const skew = clockSkewMs === null ? "" : `,"clientClockSkew":${clockSkewMs}`;
	return `{"type":"Transition","startVersion":${versionJson(start)},"endVersion":${versionJson(end)},"modifications":[${modifications}]${skew}}`;
}

function queryJson(queryId: number, outcome: QueryOutcome): string {
	const tail = `"logLines":${JSON.stringify(outcome.logLines)},"journal":${JSON.stringify(outcome.journal)}}`;
	if (outcome.kind === "ok")
		return `{"type":"QueryUpdated","queryId":${queryId},"value":${outcome.valueJson},${tail}`;
	return `{"type":"QueryFailed","queryId":${queryId},"errorMessage":${JSON.stringify(wireError(outcome.errorMessage))}${errorData(outcome)},${tail}`;
}

const errorData = (outcome: Outcome & { kind: "error" }) =>
	outcome.errorDataJson === undefined ? "" : `,"errorData":${outcome.errorDataJson}`;

/** `ts` null for an action (absent on the wire) is told from a failed mutation by `kind`. */
export function responseFrame(
	kind: "mutation" | "action",
	requestId: number,
	outcome: Outcome,
	ts: bigint | null,
): string {
	const type = kind === "mutation" ? "MutationResponse" : "ActionResponse";
	const logs = `"logLines":${JSON.stringify(outcome.logLines)}`;
	const failedTs = kind === "mutation" ? ',"ts":null' : "";
	if (outcome.kind === "error") {
		return `{"type":"${type}","requestId":${requestId},"success":false,"result":${JSON.stringify(wireError(outcome.errorMessage))}${failedTs}${errorData(outcome)},${logs}}`;
	}
	const okTs = kind === "mutation" ? `,"ts":"${encodeTs(ts ?? 0n)}"` : "";
	return `{"type":"${type}","requestId":${requestId},"success":true,"result":${outcome.valueJson}${okTs},${logs}}`;
}

export const PING_FRAME = '{"type":"Ping"}';
export const fatalFrame = (error: string) => JSON.stringify({ type: "FatalError", error });
export const authErrorFrame = (error: string, baseVersion: number, authUpdateAttempted: boolean) =>
	JSON.stringify({ type: "AuthError", error, baseVersion, authUpdateAttempted });

/** A UTF-16 unit is at most 3 bytes of UTF-8, so a part stays under the 5,000,000 bytes of the real backend. */
const CHUNK_CHARS = 1_600_000;

/** One frame, or several TransitionChunk frames when it is long. Never cut within a surrogate pair. */
export function chunked(frame: string, transitionId: string): string[] {
	if (frame.length <= CHUNK_CHARS) return [frame];
	const parts: string[] = [];
	for (let at = 0; at < frame.length; ) {
		let end = Math.min(frame.length, at + CHUNK_CHARS);
		if (end < frame.length && /[\uD800-\uDBFF]/.test(frame[end - 1] as string)) end--;
		parts.push(frame.slice(at, end));
		at = end;
	}
	return parts.map((chunk, partNumber) =>
		JSON.stringify({ type: "TransitionChunk", chunk, partNumber, totalParts: parts.length, transitionId }),
	);
}

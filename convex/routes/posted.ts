/**
 * What plugins post, read and checked: sessions and messages as `opensync.ts` describes them. Keys that are
 * unknown are left out of account and a null counts as nothing given, for plugins post both. Whatever else
 * does not fit ends in `Refused` with one sentence that names the field.
 */
import type { AgentMessage } from "../../src/protocol/agent-entry.ts";
import type { AgentSession } from "../../src/protocol/agent-session.ts";
import { OPENSYNC_ROLES, type OpenSyncPart, type OpenSyncRole } from "../../src/protocol/opensync.ts";
import { Refused } from "./api.ts";

export type Fields = Readonly<Record<string, unknown>>;

export type PostedMessage = { sessionId: string; source?: string; message: AgentMessage };

const ID_CHARS = 256;
const PATH_CHARS = 4096;
/** Sums of any number of these stay numbers. */
const MOST = Number.MAX_SAFE_INTEGER;
/** Latest time that a date can hold, ms since the epoch. */
const LATEST_MS = 8.64e15;

/** `what` names it for a person. */
export function fieldsOf(value: unknown, what: string): Fields {
	if (typeof value !== "object" || value === null || Array.isArray(value))
		throw new Refused(400, `The ${what} must be a JSON object.`);
	return value as Fields;
}

export function postedSession(value: unknown): AgentSession {
	const fields = fieldsOf(value, "session");
	const externalId = idIn(fields, ["externalId", "sessionId"]);
	const [input, output] = [count(fields, "promptTokens"), count(fields, "completionTokens")];
	const told = {
		source: text(fields, "source"),
		title: text(fields, "title"),
		projectPath: text(fields, "projectPath", PATH_CHARS),
		projectName: text(fields, "projectName"),
		model: text(fields, "model"),
		provider: text(fields, "provider"),
		tokens:
			input === undefined && output === undefined
				? undefined
				: { input: input ?? 0, output: output ?? 0, cacheRead: 0, cacheWrite: 0 },
		cost: count(fields, "cost"),
		durationMs: count(fields, "durationMs"),
		createdAt: count(fields, "createdAt", LATEST_MS),
	};
	return { externalId, ...given(told) };
}

export function postedMessage(value: unknown): PostedMessage {
	const fields = fieldsOf(value, "message");
	const sessionId = idIn(fields, ["sessionExternalId", "sessionId"]);
	const externalId = idIn(fields, ["externalId"]);
	const message = {
		textContent: text(fields, "textContent"),
		model: text(fields, "model"),
		promptTokens: count(fields, "promptTokens"),
		completionTokens: count(fields, "completionTokens"),
		durationMs: count(fields, "durationMs"),
		createdAt: count(fields, "createdAt", LATEST_MS),
		parts: partsIn(fields),
	};
	const source = text(fields, "source");
	return {
		sessionId,
		...(source === undefined ? {} : { source }),
		message: { externalId, role: roleIn(fields), ...given(message) },
	};
}

/** The items of a list that may be missing. */
export function listIn(fields: Fields, name: string): readonly unknown[] {
	const value = fields[name] ?? [];
	if (!Array.isArray(value)) throw new Refused(400, `The field ${name} must be a list.`);
	return value;
}

function idIn(fields: Fields, names: readonly string[]): string {
	const name = names.find((one) => fields[one] !== undefined && fields[one] !== null && fields[one] !== "");
	if (name === undefined) throw new Refused(400, `Missing ${names.join(" or ")}.`);
	return text(fields, name, ID_CHARS) as string;
}

function roleIn(fields: Fields): OpenSyncRole {
	const role = OPENSYNC_ROLES.find((one) => one === fields.role);
	if (role === undefined)
		throw new Refused(400, `The field role must be one of ${OPENSYNC_ROLES.join(", ")}.`);
	return role;
}

function partsIn(fields: Fields): OpenSyncPart[] | undefined {
	if (fields.parts === undefined || fields.parts === null) return undefined;
	return listIn(fields, "parts").map((value, index) => {
		const part = fieldsOf(value, `part ${index}`);
		if (typeof part.type !== "string") throw new Refused(400, `The type of part ${index} must be a text.`);
		const { type, content, ...rest } = part;
		// OpenSync's documents tell of parts without `content`, with its fields beside the type.
		return { type, content: content === undefined ? rest : content };
	});
}

function text(fields: Fields, name: string, most?: number): string | undefined {
	const value = fields[name] ?? undefined;
	if (value === undefined) return undefined;
	if (typeof value !== "string") throw new Refused(400, `The field ${name} must be a text.`);
	if (most !== undefined && value.length > most)
		throw new Refused(400, `The field ${name} may have ${most} characters at most.`);
	return value;
}

function count(fields: Fields, name: string, most = MOST): number | undefined {
	const value = fields[name] ?? undefined;
	if (value === undefined) return undefined;
	if (typeof value !== "number" || !(value >= 0 && value <= most))
		throw new Refused(400, `The field ${name} must be a number from 0 to ${most}.`);
	return value;
}

/** Without what is undefined. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
	return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

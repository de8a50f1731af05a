/**
 * What a hosted OpenSync does with what is posted, its faults included: message ids are one for all users,
 * writes inside its windows are dropped, an update without parts erases them, a change of title wipes the
 * searchable text, batches are strict. Embeddings and the evaluation tables are left out.
 */
import { OPENSYNC_ROLES, type OpenSyncPart } from "../../src/protocol/opensync.ts";

export type StoredSession = {
	/** The id of OpenSync's own, which reading needs. */
	id: string;
	userId: string;
	externalId: string;
	source: string;
	title?: string;
	projectPath?: string;
	projectName?: string;
	model?: string;
	provider?: string;
	promptTokens: number;
	completionTokens: number;
	totalTokens: number;
	cost: number;
	durationMs?: number;
	messageCount: number;
	searchableText: string;
	createdAt: number;
	updatedAt: number;
};

export type StoredMessage = {
	id: string;
	sessionId: string;
	externalId: string;
	role: string;
	textContent?: string;
	model?: string;
	promptTokens?: number;
	completionTokens?: number;
	durationMs?: number;
	createdAt: number;
	parts: OpenSyncPart[];
};

export type Json = Record<string, unknown>;

/** Fails as a Convex function does: the route makes a 500 of it. */
export class ServerError extends Error {}

const MESSAGE_WINDOW_MS = 5_000;
const SESSION_WINDOW_MS = 10_000;
const SEARCHABLE_CHARS = 10_000;
const VALUE_BYTES = 1 << 20;

type Kind = "string" | "number" | "role" | "parts";
type Shape = Readonly<Record<string, { kind: Kind; optional: boolean }>>;

const shape = (required: Record<string, Kind>, optional: Record<string, Kind>): Shape =>
	Object.fromEntries([
		...Object.entries(required).map(([key, kind]) => [key, { kind, optional: false }]),
		...Object.entries(optional).map(([key, kind]) => [key, { kind, optional: true }]),
	]);

const SESSION_BATCH = shape(
	{ externalId: "string" },
	{
		source: "string",
		title: "string",
		projectPath: "string",
		projectName: "string",
		model: "string",
		provider: "string",
		promptTokens: "number",
		completionTokens: "number",
		cost: "number",
		durationMs: "number",
	},
);
const MESSAGE_BATCH = shape(
	{ sessionExternalId: "string", externalId: "string", role: "role" },
	{
		textContent: "string",
		model: "string",
		promptTokens: "number",
		completionTokens: "number",
		durationMs: "number",
		source: "string",
		parts: "parts",
	},
);
const DATED = shape({}, { createdAt: "number" });
const SESSION = { ...SESSION_BATCH, ...DATED };
const MESSAGE = { ...MESSAGE_BATCH, ...DATED };

export class HostedStore {
	readonly sessions: StoredSession[] = [];
	readonly messages: StoredMessage[] = [];
	readonly #now: () => number;
	#ids = 0;

	constructor(now: () => number) {
		this.#now = now;
	}

	/** `POST /sync/session`: unknown keys are ignored. */
	postSession(userId: string, body: Json): string {
		const { sessionId, ...rest } = body;
		return this.#upsertSession(userId, checked(SESSION, picked(SESSION, { externalId: sessionId, ...rest })));
	}

	/** `POST /sync/message`: unknown keys are ignored, but not inside its parts. */
	postMessage(userId: string, body: Json): string {
		return this.#upsertMessage(userId, checked(MESSAGE, picked(MESSAGE, body)));
	}

	/** `POST /sync/batch`: one bad key anywhere fails its whole half, and the call still succeeds. */
	postBatch(userId: string, body: Json): { ok: true; sessions: number; messages: number; errors: string[] } {
		const result = { ok: true as const, sessions: 0, messages: 0, errors: [] as string[] };
		const half = (name: string, items: unknown, given: Shape, store: (item: Json) => unknown): number => {
			if (!Array.isArray(items) || items.length === 0) return 0;
			try {
				const good = items.map((item) => checked(given, item as Json));
				for (const item of good) store(item);
				return good.length;
			} catch (error) {
				result.errors.push(`${name}: ${String(error instanceof Error ? error.message : error)}`);
				return 0;
			}
		};
		result.sessions = half("Sessions batch failed", body.sessions, SESSION_BATCH, (item) =>
			this.#upsertSession(userId, item),
		);
		result.messages = half("Messages batch failed", body.messages, MESSAGE_BATCH, (item) => {
			const known = this.messages.some(({ externalId }) => externalId === item.externalId);
			this.#upsertMessage(userId, known ? { ...item, parts: undefined } : item);
		});
		return result;
	}

	/** Newest change first. */
	ofUser(userId: string): StoredSession[] {
		return this.sessions
			.filter((session) => session.userId === userId)
			.sort((a, b) => b.updatedAt - a.updatedAt);
	}

	/** In the order in which they were said. */
	ofSession(sessionId: string): StoredMessage[] {
		return this.messages
			.filter((message) => message.sessionId === sessionId)
			.sort((a, b) => a.createdAt - b.createdAt);
	}

	#newId(letter: string): string {
		this.#ids += 1;
		return `${letter}${String(this.#ids).padStart(31, "0")}`;
	}

	#upsertSession(userId: string, given: Json): string {
		const now = this.#now();
		const at = this.sessions.find((one) => one.userId === userId && one.externalId === given.externalId);
		const { source, createdAt, externalId, promptTokens, completionTokens, ...rest } = defined(given);
		if (!at) {
			const session: StoredSession = {
				...(rest as Partial<StoredSession>),
				id: this.#newId("k"),
				userId,
				externalId: String(externalId),
				source: source === "cursor" ? "cursor-sync" : String(source ?? "opencode"),
				promptTokens: Number(promptTokens ?? 0),
				completionTokens: Number(completionTokens ?? 0),
				totalTokens: Number(promptTokens ?? 0) + Number(completionTokens ?? 0),
				cost: Number(rest.cost ?? 0),
				messageCount: 0,
				searchableText: titleText(rest),
				createdAt: Number(createdAt ?? now),
				updatedAt: now,
			};
			this.sessions.push(session);
			return session.id;
		}
		const prompt = Number(promptTokens || at.promptTokens);
		const completion = Number(completionTokens || at.completionTokens);
		const same = (key: "title" | "model" | "projectPath"): boolean =>
			rest[key] === undefined || rest[key] === at[key];
		const isUnchanged =
			same("title") &&
			same("model") &&
			same("projectPath") &&
			prompt === at.promptTokens &&
			completion === at.completionTokens;
		if (isUnchanged && now - at.updatedAt < SESSION_WINDOW_MS) return at.id;
		const isRetitled = rest.title !== undefined && rest.title !== at.title;
		Object.assign(at, rest, {
			...(source === undefined ? {} : { source }),
			promptTokens: prompt,
			completionTokens: completion,
			totalTokens: prompt + completion,
			updatedAt: now,
		});
		if (isRetitled) at.searchableText = titleText(at);
		return at.id;
	}

	#upsertMessage(userId: string, given: Json): string {
		const now = this.#now();
		const { externalId, sessionExternalId, role, parts, createdAt, source, ...rest } = defined(given);
		const at = this.messages.find((one) => one.externalId === externalId);
		if (at) {
			if (now - at.createdAt < MESSAGE_WINDOW_MS) return at.id;
			Object.assign(at, rest, { parts: (parts as OpenSyncPart[] | undefined) ?? [] });
			return at.id;
		}
		const find = () =>
			this.sessions.find((one) => one.userId === userId && one.externalId === sessionExternalId);
		if (!find()) this.#upsertSession(userId, { externalId: sessionExternalId, source });
		const session = find() as StoredSession;
		const message: StoredMessage = {
			...(rest as Partial<StoredMessage>),
			id: this.#newId("m"),
			sessionId: session.id,
			externalId: String(externalId),
			role: String(role),
			createdAt: Number(createdAt ?? now),
			parts: (parts as OpenSyncPart[] | undefined) ?? [],
		};
		this.messages.push(message);
		const said = message.parts.filter(({ type }) => type === "text").map(({ content }) => String(content));
		session.messageCount += 1;
		session.updatedAt = now;
		session.searchableText = [session.searchableText, ...said].join(" ").slice(0, SEARCHABLE_CHARS);
		return message.id;
	}
}

const titleText = ({ title, projectPath, projectName, model, provider }: Partial<StoredSession>): string =>
	[title, projectPath, projectName, model, provider].filter(Boolean).join(" ");

const defined = (given: Json): Json =>
	Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));

const picked = (given: Shape, body: Json): Json =>
	Object.fromEntries(Object.entries(body).filter(([key, value]) => key in given && value !== undefined));

/** @throws ServerError as Convex's validators word it. */
function checked(given: Shape, value: Json): Json {
	if (typeof value !== "object" || value === null) throw mismatch("", value);
	for (const [key, { kind, optional }] of Object.entries(given)) {
		if (value[key] === undefined) {
			if (optional) continue;
			throw new ServerError(
				`ArgumentValidationError: Object is missing the required field \`${key}\`. Consider wrapping the field validator in \`v.optional(...)\` if this is expected.`,
			);
		}
		if (!matches(kind, value[key])) throw mismatch(`.${key}`, value[key]);
	}
	for (const key of Object.keys(value)) {
		if (key in given) continue;
		throw new ServerError(
			`ArgumentValidationError: Object contains extra field \`${key}\` that is not in the validator.`,
		);
	}
	checkNames(value);
	const bytes = Buffer.byteLength(JSON.stringify(value));
	if (bytes > VALUE_BYTES) throw new ServerError(`Value is too large (${bytes} bytes > maximum size 1 MiB)`);
	return value;
}

/** Names of fields that Convex keeps for itself, or cannot store. */
function checkNames(value: unknown, depth = 0): void {
	if (typeof value === "string" && !value.isWellFormed())
		throw new ServerError("A string is not a valid Convex value.");
	if (depth > 16) throw new ServerError("The value is too deeply nested.");
	if (Array.isArray(value) && value.length > 8192) throw new ServerError("Array length is too long.");
	if (typeof value !== "object" || value === null) return;
	if (!Array.isArray(value) && Object.keys(value).length > 1024)
		throw new ServerError("Object has too many fields.");
	for (const [key, inner] of Object.entries(value)) {
		if (!Array.isArray(value) && !/^(?![$_])[\x20-\x7e]+$/.test(key))
			throw new ServerError(`Field name ${key} is invalid: it must be ASCII and not begin with "$" or "_".`);
		checkNames(inner, depth + 1);
	}
}

function matches(kind: Kind, value: unknown): boolean {
	if (kind === "role") return OPENSYNC_ROLES.some((role) => role === value);
	if (kind !== "parts") return typeof value === kind;
	return (
		Array.isArray(value) &&
		value.every(
			(part) =>
				typeof part === "object" &&
				part !== null &&
				typeof part.type === "string" &&
				part.content !== undefined &&
				Object.keys(part).length === 2,
		)
	);
}

const mismatch = (path: string, value: unknown): ServerError =>
	new ServerError(
		`ArgumentValidationError: Value does not match validator.\nPath: ${path}\nValue: ${JSON.stringify(value)}`,
	);

/** Sessions and messages of other agents for stories. */
import { createHash } from "node:crypto";
import { api, internal } from "../../convex/_generated/api.js";
import type { Scope } from "../../src/protocol/access.ts";
import { type AgentMessage, agentEntry } from "../../src/protocol/agent-entry.ts";
import type { AgentEntry, AgentSession, PushedAgentSession } from "../../src/protocol/agent-session.ts";
import type { App, Client } from "./app.ts";

/** A message as a plugin's post becomes one. */
export function agentMessage(
	externalId: string,
	role: AgentMessage["role"],
	textContent: string,
	extra: Partial<AgentMessage> = {},
): AgentEntry {
	const { entryId, json, timestamp } = agentEntry({ externalId, role, textContent, ...extra });
	return { entryId, timestamp, body: { kind: "inline", json } };
}

export async function push(
	client: Client,
	session: AgentSession,
	entries: AgentEntry[] = [],
): Promise<PushedAgentSession> {
	return await client.mutation(api.openSync.push, { session, entries });
}

export type Answer = { status: number; body: Record<string, unknown>; headers: Headers; text: string };

/** Calls of the HTTP API with one key. */
export type Caller = {
	get(path: string): Promise<Answer>;
	/** A text is sent as it is. */
	post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
	keyId: string;
};

/** A caller with a new key. */
export async function caller(
	app: App,
	{ scopes = ["read", "write"], user }: { scopes?: Scope[]; user?: string } = {},
): Promise<Caller> {
	keys += 1;
	const key = `osk_test${keys}`;
	const hash = createHash("sha256").update(key).digest("hex");
	const { id } = await app.runMutation(internal.apiKeys.addFirst, {
		name: "plugin",
		hash,
		shown: "osk_test…",
		scopes,
		...(user === undefined ? {} : { userName: user }),
	});
	const authorization = { Authorization: `Bearer ${key}` };
	return {
		keyId: id,
		get: (path) => call(app, path, { headers: authorization }),
		post: (path, body, headers = { "Content-Type": "application/json" }) =>
			call(app, path, {
				method: "POST",
				headers: { ...authorization, ...headers },
				body: typeof body === "string" ? body : JSON.stringify(body),
			}),
	};
}
let keys = 0;

export async function call(app: App, path: string, init?: RequestInit): Promise<Answer> {
	const response = await app.runner.fetch(path, init);
	const text = await response.text();
	const isJson = response.headers.get("content-type")?.startsWith("application/json");
	const body = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
	return { status: response.status, body, headers: response.headers, text };
}

/** Status and sentence of an answer that refuses. */
export const error = ({ status, body }: Answer): string => `${status} ${body.error}`;

/** A message of the session `s`, as plugins post it. */
export const message = (externalId: string, more: Record<string, unknown> = {}) => ({
	sessionExternalId: "s",
	externalId,
	role: "user",
	textContent: `text of ${externalId}`,
	...more,
});

export type Got = {
	session: Record<string, unknown>;
	messages: { id: string; externalId: string; role: string; createdAt: number; parts: unknown[] }[];
	nextCursor?: string;
};

/** A session as `/api/sessions/get` tells it. */
export async function got(http: Caller, id = "s", more = ""): Promise<Got> {
	return (await http.get(`/api/sessions/get?id=${encodeURIComponent(id)}${more}`)).body as Got;
}

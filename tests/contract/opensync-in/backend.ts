/** Our backend in a process of its own, and calls of its HTTP API over a real socket. */
import { callAsAdmin } from "../../../src/cli/admin.ts";
import { readSecrets } from "../../../src/cli/backend-home.ts";
import { makeKey } from "../../../src/cli/keys.ts";
import type { Scope } from "../../../src/protocol/access.ts";
import { createSetup, type Setup, type Up } from "../../support/cli.ts";

export type Answer = { status: number; headers: Headers; text: string; body: Record<string, unknown> };

export type RunningBackend = {
	setup: Setup;
	up: Up;
	/** Of the user of that name, who is made when there is none. */
	makeKey(options?: { user?: string; scopes?: Scope[] }): Promise<string>;
	/** `key` null: without one. A text is sent as it is. */
	call(key: string | null, path: string, post?: unknown): Promise<Answer>;
	close(): Promise<void>;
};

export async function startBackend(): Promise<RunningBackend> {
	const setup = createSetup();
	const up = await setup.up();
	return {
		setup,
		up,
		async makeKey({ user = "owner", scopes = ["read", "write", "control"] } = {}) {
			const { key, hash, shown } = makeKey();
			const adminKey = readSecrets(up.dataDir)?.adminKey ?? "";
			const args = { name: "test", hash, shown, scopes, userName: user };
			await callAsAdmin(up.url, adminKey, "apiKeys:addFirst", args);
			return key;
		},
		async call(key, path, post) {
			const headers: Record<string, string> = key === null ? {} : { Authorization: `Bearer ${key}` };
			const init =
				post === undefined
					? { headers }
					: { method: "POST", headers, body: typeof post === "string" ? post : JSON.stringify(post) };
			const response = await fetch(up.siteUrl + path, init);
			const text = await response.text();
			const isJson = response.headers.get("content-type")?.startsWith("application/json");
			const body = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
			return { status: response.status, headers: response.headers, text, body };
		},
		close: () => setup.dispose(),
	};
}

export type Told = {
	session: Record<string, unknown>;
	messages: {
		id: string;
		externalId: string;
		role: string;
		textContent?: string;
		model?: string;
		createdAt: number;
		parts: { type: string; content: unknown }[];
	}[];
	nextCursor?: string;
};

/** A session as `/api/sessions/get` tells it. */
export async function told(backend: RunningBackend, key: string, id: string): Promise<Told> {
	const { status, body, text } = await backend.call(key, `/api/sessions/get?id=${encodeURIComponent(id)}`);
	if (status !== 200) throw new Error(`${status} ${text}`);
	return body as Told;
}

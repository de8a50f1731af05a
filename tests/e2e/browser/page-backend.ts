/**
 * The embedded backend with the page, in this process and on free ports, and a stock client that fills it
 * as a terminal does. What the page is shown comes over real sockets from a real database.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConvexHttpClient } from "convex/browser";
import { api } from "../../../convex/_generated/api.js";
import { callAsAdmin } from "../../../src/cli/admin.ts";
import { readSecrets } from "../../../src/cli/backend-home.ts";
import { makeKey } from "../../../src/cli/keys.ts";
import { type LocalBackend, signInLink, startLocalBackend } from "../../../src/cli/local-backend.ts";
import type { Scope } from "../../../src/protocol/access.ts";
import { type AgentMessage, agentEntry } from "../../../src/protocol/agent-entry.ts";
import type { AgentSession } from "../../../src/protocol/agent-session.ts";
import { describeEntry } from "../../../src/protocol/describe-entry.ts";
import type { Append, EntryPush } from "../../../src/protocol/entry.ts";
import type { Present } from "../../../src/protocol/presence.ts";
import type { OpenSession } from "../../../src/protocol/session.ts";
import type { DeltaOp } from "../../../src/protocol/stream.ts";
import { freePorts } from "../../support/free-ports.ts";

export type PageBackend = {
	siteUrl(): string;
	/** The page's address with a fresh one-time code. */
	signInLink(): Promise<string>;
	makeKey(scopes?: Scope[]): Promise<{ key: string; id: string }>;
	revokeKey(id: string): Promise<void>;
	terminal(): Promise<Terminal>;
	/** Down and up again, on the same ports and data. */
	stop(): Promise<void>;
	start(): Promise<void>;
	close(): Promise<void>;
};

export async function startPageBackend(allowedHosts: readonly string[] = []): Promise<PageBackend> {
	const dataDir = mkdtempSync(join(tmpdir(), "pi-opensync-page-"));
	const [port, sitePort] = (await freePorts(2)) as [number, number];
	const start = () => startLocalBackend({ dataDir, host: "127.0.0.1", port, sitePort, allowedHosts });
	let running: (LocalBackend & { close(): Promise<void> }) | null = await start();
	const { url, siteUrl } = running;
	const { adminKey } = readSecrets(dataDir) as { adminKey: string };
	const backend: PageBackend = {
		siteUrl: () => siteUrl,
		signInLink: () => signInLink({ url, siteUrl, dataDir }),
		async makeKey(scopes = ["read", "write", "control"]) {
			const { key, hash, shown } = makeKey();
			const made = await callAsAdmin(url, adminKey, "apiKeys:addFirst", {
				name: "test",
				hash,
				shown,
				scopes,
			});
			return { key, id: (made as { id: string }).id };
		},
		async revokeKey(id) {
			await callAsAdmin(url, adminKey, "apiKeys:revokeById", { id });
		},
		async terminal() {
			const { key } = await backend.makeKey();
			return new Terminal(url, await tokenFor(siteUrl, key));
		},
		async stop() {
			await running?.close();
			running = null;
		},
		async start() {
			running = await start();
		},
		async close() {
			await backend.stop();
			rmSync(dataDir, { recursive: true, force: true });
		},
	};
	return backend;
}

async function tokenFor(siteUrl: string, key: string): Promise<string> {
	const response = await fetch(`${siteUrl}/auth/token`, {
		method: "POST",
		headers: { Authorization: `Bearer ${key}` },
	});
	const { token } = (await response.json()) as { token?: string };
	if (!token) throw new Error(`no token: HTTP ${response.status}`);
	return token;
}

/** Entries and streams of sessions, sent one after the other. */
export class Terminal {
	readonly #client: ConvexHttpClient;
	#made = 0;
	#ends = new Map<string, number>();

	constructor(url: string, token: string) {
		this.#client = new ConvexHttpClient(url, {
			auth: token,
			skipConvexDeploymentUrlCheck: true,
			logger: false,
		});
	}

	async open(sessionId: string, changes: Partial<OpenSession> = {}): Promise<void> {
		await this.#client.mutation(api.sessions.open, {
			sessionId,
			source: "pi",
			header: null,
			projectPath: "/home/dev/demo",
			projectName: "demo",
			machine: "devbox",
			startedAt: Date.now(),
			...changes,
		});
	}

	/** Appends one entry and gives its id; its parent is `parentId`. */
	async append(
		sessionId: string,
		parentId: string | null,
		body: EntryBody,
		rest: Partial<Append> = {},
	): Promise<string> {
		const push = entryPush(`e${++this.#made}`, parentId, body);
		await this.#client.mutation(api.entries.append, {
			sessionId,
			entries: [push],
			leafId: push.entryId,
			...rest,
		});
		return push.entryId;
	}

	async appendAll(sessionId: string, entries: EntryPush[], rest: Partial<Append> = {}): Promise<void> {
		for (let at = 0; at < entries.length; at += 200) {
			await this.#client.mutation(api.entries.append, {
				sessionId,
				entries: entries.slice(at, at + 200),
				...rest,
			});
		}
	}

	/** Messages of another agent, as its plugin posts them; later ones replace those with the same id. */
	async pushAgent(session: AgentSession, ...messages: AgentMessage[]): Promise<void> {
		const entries = messages.map(agentEntry).map(({ entryId, timestamp, json }) => {
			const body = { kind: "inline" as const, json };
			return { entryId, timestamp, body };
		});
		await this.#client.mutation(api.openSync.push, { session, entries });
	}

	async status(sessionId: string, status: "idle" | "running" | "waiting" | "ended"): Promise<void> {
		await this.#client.mutation(api.sessions.update, { sessionId, status });
	}

	async remove(sessionId: string): Promise<void> {
		await this.#client.mutation(api.sessions.remove, { sessionId });
	}

	async moveLeaf(sessionId: string, leafId: string): Promise<void> {
		await this.#client.mutation(api.sessions.update, { sessionId, leafId });
	}

	async present(sessionId: string): Promise<Present[]> {
		return await this.#client.query(api.presence.list, { sessionId });
	}

	/** Asks again until it is so; the test's own deadline bounds it. */
	async until(isSo: () => Promise<boolean>): Promise<void> {
		while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
	}

	async startStream(sessionId: string, streamId: string): Promise<void> {
		await this.#client.mutation(api.streams.start, {
			sessionId,
			streamId,
			terminalId: "terminal",
			startedAt: Date.now(),
		});
		this.#ends.set(streamId, 0);
	}

	/** Gives the position after the ops. */
	async push(streamId: string, ...ops: DeltaOp[]): Promise<number> {
		const start = this.#ends.get(streamId) ?? 0;
		const end = await this.#client.mutation(api.streams.push, { streamId, start, ops });
		this.#ends.set(streamId, end);
		return end;
	}

	async endStream(streamId: string): Promise<void> {
		await this.#client.mutation(api.streams.end, { streamId });
	}

	/** One message of another agent that is too large for a row. */
	async pushAgentFile(session: AgentSession, message: AgentMessage): Promise<void> {
		const { entryId, timestamp, json } = agentEntry(message);
		const storageId = await this.upload(json);
		const { columns } = describeEntry(json);
		const body = { kind: "stored" as const, storageId, bytes: json.length, columns };
		await this.#client.mutation(api.openSync.push, { session, entries: [{ entryId, timestamp, body }] });
	}

	/** The file's id, for an entry that is too large for a row. */
	async upload(json: string): Promise<string> {
		const uploadUrl = await this.#client.mutation(api.entries.uploadUrl, {});
		const response = await fetch(uploadUrl, {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: json,
		});
		return ((await response.json()) as { storageId: string }).storageId;
	}
}

export type EntryBody = { type?: string } & Record<string, unknown>;

export function entryPush(
	entryId: string,
	parentId: string | null,
	{ type = "message", ...body }: EntryBody,
): EntryPush {
	const timestamp = new Date();
	const json = JSON.stringify({ type, id: entryId, parentId, timestamp: timestamp.toISOString(), ...body });
	return { entryId, parentId, type, timestamp: timestamp.getTime(), body: { kind: "inline", json } };
}

export const user = (text: string): EntryBody => ({
	message: { role: "user", content: [{ type: "text", text }] },
});
export const assistant = (...content: object[]): EntryBody => ({
	message: { role: "assistant", content, model: "test-1", provider: "test", stopReason: "stop" },
});
export const text = (said: string): object => ({ type: "text", text: said });

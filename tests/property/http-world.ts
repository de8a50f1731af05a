/** A backend on real sockets with two users, keys of all kinds, and their state as the API tells it. */
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConvexHttpClient } from "convex/browser";
import { api } from "../../convex/_generated/api.js";
import { callAsAdmin } from "../../src/cli/admin.ts";
import { readSecrets } from "../../src/cli/backend-home.ts";
import { makeKey } from "../../src/cli/keys.ts";
import { startLocalBackend } from "../../src/cli/local-backend.ts";
import type { Scope } from "../../src/protocol/access.ts";
import { freePorts } from "../support/free-ports.ts";
import type { FuzzRequest, KeyKind, Who } from "./http-requests.ts";

export const WHO: readonly Who[] = ["alice", "bob"];
/** A word that only this user's data and requests hold. */
export const CANARY: Readonly<Record<Who, string>> = { alice: "zqalicecanary", bob: "zqbobcanary" };
export const other = (who: Who): Who => (who === "alice" ? "bob" : "alice");

export type Reply = { status: number; headers: Readonly<Record<string, string>>; text: string };
export type Message = {
	externalId: string;
	role: string;
	textContent?: string;
	createdAt: number;
	parts: { type: string; content: unknown }[];
};
export type Session = { session: { id: string; externalId: string }; messages: Message[] };
/** By the agents' ids; `text` is all of it for comparing. */
export type State = { sessions: ReadonlyMap<string, Session>; text: string };

/** A rate limit counts by key: each kind has some, used in turn. */
const KEYS_EACH = 6;
const READER_KEYS = 12;

export class HttpWorld {
	readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
	readonly #siteUrl: string;
	readonly #keys: Map<string, string[]>;
	readonly #close: () => Promise<void>;
	#turn = 0;

	private constructor(siteUrl: string, keys: Map<string, string[]>, close: () => Promise<void>) {
		this.#siteUrl = siteUrl;
		this.#keys = keys;
		this.#close = close;
	}

	static async start(): Promise<HttpWorld> {
		const dataDir = mkdtempSync(join(tmpdir(), "pi-opensync-http-"));
		const [port, sitePort] = (await freePorts(2)) as [number, number];
		const backend = await startLocalBackend({ dataDir, host: "127.0.0.1", port, sitePort, allowedHosts: [] });
		const { adminKey } = readSecrets(dataDir) as { adminKey: string };
		const keys = new Map<string, string[]>();
		for (const who of WHO) await addKeys(backend.url, adminKey, who, keys);
		const world = new HttpWorld(backend.siteUrl, keys, async () => {
			await backend.close();
			rmSync(dataDir, { recursive: true, force: true });
		});
		for (const who of WHO) await world.#fill(backend.url, who);
		return world;
	}

	async close(): Promise<void> {
		this.#agent.destroy();
		await this.#close();
	}

	/** Sends it as it is: the address is not made valid, and any method may have a body. */
	async send(
		request: Pick<FuzzRequest, "method" | "path" | "headers" | "body"> & { authorization?: string },
	) {
		const { method, path, body, authorization } = request;
		const length = body === null ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
		const headers = {
			...request.headers,
			...length,
			...(authorization === undefined ? {} : { Authorization: authorization }),
		};
		return await new Promise<Reply>((resolve, reject) => {
			const sent = httpRequest(
				`${this.#siteUrl}/`,
				{ method, path, agent: this.#agent, headers },
				(response) => {
					const chunks: Buffer[] = [];
					response.on("data", (chunk: Buffer) => chunks.push(chunk));
					response.on("error", reject);
					response.on("end", () =>
						resolve({
							status: response.statusCode ?? 0,
							headers: response.headers as Record<string, string>,
							text: Buffer.concat(chunks).toString(),
						}),
					);
				},
			);
			sent.on("error", reject);
			sent.end(body ?? undefined);
		});
	}

	/** The header's value; undefined for none. */
	authorization(who: Who, kind: KeyKind): string | undefined {
		this.#turn += 1;
		switch (kind) {
			case "none":
				return undefined;
			case "wrong":
				return `Bearer osk_${"w".repeat(32)}`;
			case "malformed":
				return ["Bearer", "Basic abc", "osk_x", "Bearer osk_ x", `Bearer ${"y".repeat(4000)}`][
					this.#turn % 5
				];
			default:
				return `Bearer ${this.#key(`${who} ${kind}`)}`;
		}
	}

	/** All that the API tells of a user's sessions. */
	async state(who: Who): Promise<State> {
		const list = (await this.#get(who, "/api/sessions?limit=500")) as { sessions: Session["session"][] };
		const stats = await this.#get(who, "/api/stats");
		const told = await Promise.all(
			list.sessions.map(
				async ({ id }) => (await this.#get(who, `/api/sessions/get?id=${encodeURIComponent(id)}`)) as Session,
			),
		);
		return {
			sessions: new Map(told.map((one) => [one.session.externalId, one])),
			text: JSON.stringify([list, stats, told]),
		};
	}

	/** Id of a row of this user's. */
	async sessionRow(who: Who): Promise<string> {
		const { sessions } = (await this.#get(who, "/api/sessions?limit=1")) as {
			sessions: Session["session"][];
		};
		return sessions[0]?.id ?? "none";
	}

	async #get(who: Who, path: string): Promise<unknown> {
		const authorization = `Bearer ${this.#key(`${who} reader`)}`;
		const { status, text } = await this.send({ method: "GET", path, headers: {}, body: null, authorization });
		if (status !== 200) throw new Error(`${path}: HTTP ${status} ${text}`);
		return JSON.parse(text);
	}

	#key(name: string): string {
		const keys = this.#keys.get(name) as string[];
		this.#turn += 1;
		return keys[this.#turn % keys.length] as string;
	}

	/** Something of each kind: a session of another agent's, the same ids for both, and one that Pi syncs. */
	async #fill(url: string, who: Who): Promise<void> {
		const authorization = this.authorization(who, "full") as string;
		const post = async (path: string, value: object): Promise<Reply> =>
			await this.send({
				method: "POST",
				path,
				headers: { "Content-Type": "application/json" },
				body: JSON.stringify(value),
				authorization,
			});
		const says = `${CANARY[who]} says hello`;
		for (const externalId of ["s1", "shared"]) {
			await post("/sync/session", { externalId, title: says, projectPath: `/home/${CANARY[who]}` });
			const message = { sessionExternalId: externalId, role: "user", textContent: says };
			await post("/sync/message", { ...message, externalId: "shared-message" });
		}
		const { text } = await post("/auth/token", {});
		const client = new ConvexHttpClient(url, {
			auth: (JSON.parse(text) as { token: string }).token,
			skipConvexDeploymentUrlCheck: true,
			logger: false,
		});
		await client.mutation(api.sessions.open, {
			sessionId: "native",
			source: "pi",
			header: null,
			projectPath: `/home/${CANARY[who]}`,
			projectName: CANARY[who],
			machine: CANARY[who],
			startedAt: 1,
		});
		const json = JSON.stringify({ type: "message", id: "n1", message: { role: "user", content: says } });
		const body = { kind: "inline" as const, json };
		const entry = { entryId: "n1", parentId: null, type: "message", timestamp: 1, body };
		await client.mutation(api.entries.append, { sessionId: "native", entries: [entry] });
	}
}

async function addKeys(url: string, adminKey: string, who: Who, keys: Map<string, string[]>): Promise<void> {
	const kinds: [KeyKind | "reader", Scope[], number][] = [
		["full", ["read", "write", "control"], KEYS_EACH],
		["readOnly", ["read"], 1],
		["writeOnly", ["write"], 1],
		["revoked", ["read", "write"], 1],
		["reader", ["read"], READER_KEYS],
	];
	for (const [kind, scopes, count] of kinds) {
		const made: string[] = [];
		for (let at = 0; at < count; at += 1) {
			const { key, hash, shown } = makeKey();
			const args = { name: `${CANARY[who]} ${kind}`, hash, shown, scopes, userName: CANARY[who] };
			const added = (await callAsAdmin(url, adminKey, "apiKeys:addFirst", args)) as { id: string };
			if (kind === "revoked") await callAsAdmin(url, adminKey, "apiKeys:revokeById", { id: added.id });
			made.push(key);
		}
		keys.set(`${who} ${kind}`, made);
	}
}

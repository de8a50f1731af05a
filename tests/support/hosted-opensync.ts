/**
 * A hosted OpenSync in this process, on a free port of 127.0.0.1, with the answers and the faults of the
 * real one (`hosted-opensync-store.ts`). It keeps every request, and can be made slow, broken or away.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
	HostedStore,
	type Json,
	ServerError,
	type StoredMessage,
	type StoredSession,
} from "./hosted-opensync-store.ts";

export type HostedRequest = {
	/** In order of arrival, from 0. */
	index: number;
	/** ms since the epoch, by the stand-in's clock. */
	at: number;
	method: string;
	path: string;
	query: Record<string, string>;
	headers: Record<string, string>;
	/** The parsed body; undefined without one or when it is no JSON. */
	body: unknown;
	/** What it was answered with; 0: not at all. */
	status: number;
};

export type Fault =
	/** The answer comes after that many real ms. */
	| { kind: "slow"; ms: number }
	/** No answer until the stand-in stops. */
	| { kind: "hang" }
	/** Nothing is done; this is answered. */
	| { kind: "status"; status: number; body?: unknown; headers?: Record<string, string> }
	/** The connection breaks before anything is done. */
	| { kind: "cut" }
	/** Everything is done, but the connection breaks before the answer. */
	| { kind: "lostReply" }
	/** Everything is done, but what is answered is no JSON. */
	| { kind: "malformed" };

export type HostedOptions = {
	/** ms since the epoch. Default: the wall clock. */
	now?: () => number;
	/** Key to user. Default: one key, `HOSTED_KEY`, of one user. */
	keys?: Readonly<Record<string, string>>;
	/** Sessions of `GET /api/sessions` without a limit. Default 50, as OpenSync has it. */
	defaultLimit?: number;
};

export const HOSTED_KEY = "osk_hosted0000000000000000000000001";
export const HOSTED_USER = "user-1";

/** Null: no fault. Asked for every request. */
export type FaultRule = (request: HostedRequest) => Fault | null;

export type HostedOpenSync = {
	/** Where it answers. */
	siteUrl: string;
	/** The API address whose site that is, as a person would set it. */
	convexUrl: string;
	key: string;
	store: HostedStore;
	requests: readonly HostedRequest[];
	/** Those of one path. */
	to(path: string): HostedRequest[];
	session(externalId: string): StoredSession | undefined;
	/** Of a session by its external id, in the order in which they were said. */
	messagesOf(externalId: string): StoredMessage[];
	/** Holds until another rule is set. */
	setFault(rule: FaultRule | null): void;
	/** The next requests, of one path when it is given. They go before the rule of `setFault`. */
	failNext(fault: Fault, count?: number, path?: string): void;
	/** What `failNext` still had in store does not happen. */
	forgetFaults(): void;
	/** Closes the port; `up` opens the same one. */
	down(): Promise<void>;
	up(): Promise<void>;
	stop(): Promise<void>;
};

type Answer = { status: number; body: unknown; type?: string; headers?: Record<string, string> };

export async function startHostedOpenSync(options: HostedOptions = {}): Promise<HostedOpenSync> {
	const now = options.now ?? Date.now;
	const keys = options.keys ?? { [HOSTED_KEY]: HOSTED_USER };
	const store = new HostedStore(now);
	const requests: HostedRequest[] = [];
	const pending: { fault: Fault; count: number; path: string | null }[] = [];
	let rule: FaultRule | null = null;
	let server: Server | null = null;
	let port = 0;

	const faultOf = (request: HostedRequest): Fault | null => {
		const next = pending.find((one) => one.count > 0 && (one.path === null || one.path === request.path));
		if (!next) return rule?.(request) ?? null;
		next.count -= 1;
		return next.fault;
	};

	const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
		const url = new URL(incoming.url ?? "/", "http://localhost");
		const text = await bodyOf(incoming);
		const request: HostedRequest = {
			index: requests.length,
			at: now(),
			method: incoming.method ?? "GET",
			path: url.pathname,
			query: Object.fromEntries(url.searchParams),
			headers: incoming.headers as Record<string, string>,
			body: parsed(text),
			status: 0,
		};
		requests.push(request);
		const fault = faultOf(request);
		if (fault?.kind === "hang") return;
		if (fault?.kind === "cut") return void incoming.socket.destroy();
		if (fault?.kind === "slow") await new Promise((resolve) => setTimeout(resolve, fault.ms));
		const answer: Answer =
			fault?.kind === "status"
				? { status: fault.status, body: fault.body ?? { error: "Server Error" }, headers: fault.headers }
				: route({ store, keys, now, defaultLimit: options.defaultLimit ?? 50 }, request, text);
		if (fault?.kind === "lostReply") return void incoming.socket.destroy();
		request.status = answer.status;
		outgoing.writeHead(answer.status, {
			"Content-Type": answer.type ?? "application/json",
			...answer.headers,
		});
		const whole = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
		outgoing.end(fault?.kind === "malformed" ? "<html>not JSON" : whole);
	};

	const up = (): Promise<void> =>
		new Promise((resolve, reject) => {
			const opened = createServer((incoming, outgoing) => {
				handle(incoming, outgoing).catch(() => incoming.socket.destroy());
			});
			opened.once("error", reject);
			opened.listen(port, "127.0.0.1", () => {
				port = (opened.address() as { port: number }).port;
				server = opened;
				resolve();
			});
		});
	const down = async (): Promise<void> => {
		const closing = server;
		server = null;
		if (!closing) return;
		const closed = new Promise((resolve) => closing.close(resolve));
		closing.closeAllConnections();
		await closed;
	};

	await up();
	const session = (externalId: string) => store.sessions.find((one) => one.externalId === externalId);
	return {
		siteUrl: `http://127.0.0.1:${port}`,
		convexUrl: `http://127.0.0.1:${port - 1}`,
		key: Object.keys(keys)[0] ?? "",
		store,
		requests,
		to: (path) => requests.filter((request) => request.path === path),
		session,
		messagesOf: (externalId) => store.ofSession(session(externalId)?.id ?? ""),
		setFault(given) {
			rule = given;
		},
		failNext: (fault, count = 1, path) => void pending.push({ fault, count, path: path ?? null }),
		forgetFaults: () => void pending.splice(0),
		down,
		up,
		stop: down,
	};
}

type World = {
	store: HostedStore;
	keys: Readonly<Record<string, string>>;
	now: () => number;
	defaultLimit: number;
};

function route(world: World, request: HostedRequest, text: string): Answer {
	const { store } = world;
	const { method, path, query } = request;
	if (method === "OPTIONS") return path === "/*" ? { status: 204, body: "" } : notFound();
	const at = `${method} ${path}`;
	if (at === "GET /health") return { status: 200, body: { status: "ok", timestamp: world.now() } };
	const routes: Record<string, (userId: string) => Answer> = {
		"POST /sync/session": (userId) => {
			const body = JSON.parse(text) as Json;
			if (!body.externalId && !body.sessionId)
				return { status: 400, body: { error: "Missing externalId or sessionId" } };
			return { status: 200, body: { ok: true, sessionId: store.postSession(userId, body) } };
		},
		"POST /sync/message": (userId) => ({
			status: 200,
			body: { ok: true, messageId: store.postMessage(userId, JSON.parse(text) as Json) },
		}),
		"POST /sync/batch": (userId) => ({
			status: 200,
			body: store.postBatch(userId, JSON.parse(text) as Json),
		}),
		"GET /sync/sessions/list": (userId) => ({
			status: 200,
			body: { sessionIds: store.ofUser(userId).map(({ externalId }) => externalId) },
		}),
		"GET /api/sessions": (userId) => listed(world, userId, query.limit),
		"GET /api/sessions/get": (userId) => whole(store, userId, query.id),
	};
	const answer = routes[at];
	if (!answer) return notFound();
	const auth = signedIn(world.keys, path, request.headers.authorization);
	if ("refused" in auth) return auth.refused;
	try {
		return answer(auth.userId);
	} catch (error) {
		return { status: 500, body: { error: error instanceof ServerError ? error.message : String(error) } };
	}
}

const notFound = (): Answer => ({ status: 404, body: "No matching routes found", type: "text/plain" });

function signedIn(
	keys: Readonly<Record<string, string>>,
	path: string,
	header: string | undefined,
): { userId: string } | { refused: Answer } {
	const refused = (error: string) => ({ refused: { status: 401, body: { error } } });
	if (!header?.startsWith("Bearer ")) return refused("Missing Authorization header");
	const token = header.slice("Bearer ".length);
	if (!token.startsWith("osk_"))
		return refused(path === "/sync/sessions/list" ? "Invalid API key format" : "Invalid or expired token");
	const userId = keys[token];
	return userId === undefined ? refused("Invalid API key") : { userId };
}

function listed({ store, defaultLimit }: World, userId: string, limit: string | undefined): Answer {
	const count = limit === undefined ? defaultLimit : Number.parseInt(limit, 10);
	if (Number.isNaN(count))
		throw new ServerError(
			"ArgumentValidationError: Value does not match validator.\nPath: .limit\nValue: NaN",
		);
	const sessions = store
		.ofUser(userId)
		.slice(0, count)
		.map(({ userId: _user, source: _source, searchableText: _text, ...told }) => ({
			...told,
			isPublic: false,
		}));
	return { status: 200, body: { sessions } };
}

function whole(store: HostedStore, userId: string, id: string | undefined): Answer {
	if (!id) return { status: 400, body: { error: "Missing session ID" } };
	if (!/^[a-z][0-9a-z]{31}$/.test(id))
		throw new ServerError("ArgumentValidationError: Value does not match validator.\nPath: .sessionId");
	const found = store.ofUser(userId).find((one) => one.id === id);
	if (!found) return { status: 404, body: { error: "Session not found" } };
	const { userId: _user, source: _source, searchableText: _text, ...session } = found;
	const messages = store.ofSession(id).map(({ sessionId: _session, ...message }) => message);
	return { status: 200, body: { session: { ...session, isPublic: false }, messages } };
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of incoming) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks).toString("utf8");
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/**
 * The Backend port over a Convex deployment, on the stock client.
 *
 * Guarantees: nothing is printed; no promise of ours is left to reject unheard; every call settles within
 * its deadline. The stock client queues calls for ever while it is offline, so a call is handed to it only
 * over a standing connection; one that is cut off in flight may still land after we gave up on it, which
 * is harmless because the functions are idempotent. The client itself is loaded at the first need.
 *
 *   connecting ──token, socket──> connected <──socket──> offline
 *        └──── key refused ─────> signedOut ──tried again once a minute──> connecting
 */
import type { ConvexClient } from "convex/browser";
import { asRefusal, type RefusalCode } from "../protocol/errors.ts";
import { type Backend, BackendError, type Connection } from "../sync/ports.ts";
import { type Functions, NAMES } from "./functions.ts";
import { isLoopback, siteUrlOf } from "./site-url.ts";
import { causeOf, type Fetch } from "./token-exchange.ts";
import { createTokens, type Tokens } from "./tokens.ts";

export type ConvexBackendOptions = {
	convexUrl: string;
	/** Default: derived from `convexUrl`. */
	siteUrl?: string | null;
	apiKey: string;
	fetch?: Fetch;
	/** Default: the global one. */
	webSocket?: typeof WebSocket;
	/** For debugging. Default: nowhere. */
	log?: (line: string) => void;
	/** For a call, in ms. Default 15 s; calls that carry much get four times that. */
	deadlineMs?: number;
};

const DEADLINE_MS = 15_000;
const HEAVY = 4;

export function createConvexBackend(options: ConvexBackendOptions): Backend {
	const site = siteUrlOf(options.convexUrl, options.siteUrl);
	const link = createLink(options, site);
	const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
	const mutate = <K extends MutationName>(name: K, args: Functions[K]["_args"], times = 1) =>
		link.call(deadlineMs * times, (client, refs) => client.mutation(refs[name], args as never)) as Promise<
			Functions[K]["_returnType"]
		>;
	return {
		url: options.convexUrl,
		loopback: isLoopback(options.convexUrl),
		connection: link.connection,
		onConnection: link.onConnection,
		openSession: (args) => mutate("open", args),
		updateSession: async (args) => void (await mutate("update", args)),
		append: (args) => mutate("append", args, HEAVY),
		missing: (sessionId, entryIds) =>
			link.call(deadlineMs, (client, refs) => client.query(refs.missing, { sessionId, entryIds })),
		upload: async (json) => {
			const url = await mutate("uploadUrl", {});
			return await postText(options.fetch ?? globalThis.fetch, url, json, deadlineMs * HEAVY);
		},
		startStream: async (args) => void (await mutate("startStream", args)),
		pushStream: (args) => mutate("pushStream", args),
		endStream: async (streamId) => void (await mutate("endStream", { streamId })),
		beat: async (args) => void (await mutate("beat", args)),
		leave: async (clientId) => void (await mutate("leave", { clientId })),
		onPresence: (sessionId, listener) =>
			link.subscribe((client, refs) =>
				// A failing query ends in an empty list: who is here is never worth an error.
				client.onUpdate(refs.presence, { sessionId }, listener, () => listener([])),
			),
		close: link.close,
	};
}

type MutationName = Exclude<keyof Functions, "missing" | "presence">;

type Link = {
	connection(): Connection;
	onConnection(listener: (connection: Connection) => void): () => void;
	call<T>(deadlineMs: number, run: (client: ConvexClient, refs: Functions) => Promise<T>): Promise<T>;
	subscribe(run: (client: ConvexClient, refs: Functions) => () => void): () => void;
	close(): Promise<void>;
};

/** A client and its state; the client is made once a token is there, for it never asks twice for its first. */
function createLink(options: ConvexBackendOptions, site: string | null): Link {
	let state: Connection = { kind: "connecting" };
	let closed = false;
	let open: { client: ConvexClient; refs: Functions } | null = null;
	const listeners = new Set<(connection: Connection) => void>();
	const subscriptions = new Set<{ run: Parameters<Link["subscribe"]>[0]; end: (() => void) | null }>();
	const say = (next: Connection): void => {
		if (closed || same(state, next)) return;
		state = next;
		for (const listener of [...listeners]) guarded(() => listener(next), options.log);
	};
	const tokens = createTokens({
		siteUrl: site,
		apiKey: options.apiKey,
		fetch: options.fetch ?? globalThis.fetch,
		onRefused: (reason) => say({ kind: "signedOut", reason }),
		onUnreachable: (reason) => say({ kind: "offline", reason }),
	});
	const starting = start(options, tokens, say).then((made) => {
		if (!made) return;
		if (closed) return void made.client.close().catch(() => {});
		open = made;
		for (const one of subscriptions) one.end ??= one.run(made.client, made.refs);
	});
	// Loading the client cannot fail in a whole installation; if it does, the state says so.
	starting.catch((error) => say({ kind: "offline", reason: causeOf(error) }));

	return {
		connection: () => state,
		onConnection(listener) {
			listeners.add(listener);
			return () => void listeners.delete(listener);
		},
		async call(deadlineMs, run) {
			const until = Date.now() + deadlineMs;
			await connected(deadlineMs);
			const { client, refs } = open as NonNullable<typeof open>;
			try {
				return await within(until - Date.now(), run(client, refs), () => lateness(state, options.convexUrl));
			} catch (error) {
				const failure = asBackendError(error);
				if (failure.code === "signed_out") tokens.renew();
				throw failure;
			}
		},
		subscribe(run) {
			const one: { run: typeof run; end: (() => void) | null } = {
				run,
				end: open ? run(open.client, open.refs) : null,
			};
			subscriptions.add(one);
			return () => {
				subscriptions.delete(one);
				one.end?.();
			};
		},
		async close() {
			if (closed) return;
			closed = true;
			tokens.stop();
			listeners.clear();
			subscriptions.clear();
			await open?.client.close().catch(() => {});
		},
	};

	/** Waits for a standing connection, and for no longer than that is worth. */
	async function connected(deadlineMs: number): Promise<void> {
		if (closed) throw new BackendError("unreachable", "unexpected", "The connection was closed.");
		if (state.kind === "connected" && open) return;
		if (state.kind === "signedOut") throw new BackendError("signedOut", "signed_out", state.reason);
		await new Promise<void>((resolve, reject) => {
			const finish = (failure: BackendError | null): void => {
				clearTimeout(timer);
				listeners.delete(look);
				if (failure) reject(failure);
				else resolve();
			};
			const look = (now: Connection): void => {
				if (now.kind === "connected") finish(null);
				else if (now.kind === "signedOut") finish(new BackendError("signedOut", "signed_out", now.reason));
			};
			const timer = setTimeout(() => finish(lateness(state, options.convexUrl)), deadlineMs);
			listeners.add(look);
		});
	}
}

async function start(
	options: ConvexBackendOptions,
	tokens: Tokens,
	say: (state: Connection) => void,
): Promise<{ client: ConvexClient; refs: Functions } | null> {
	const [{ ConvexClient: Client }, { makeFunctionReference }, first] = await Promise.all([
		import("convex/browser"),
		import("convex/server"),
		tokens.fetch(false),
	]);
	if (first === null) return null;
	const refs = Object.fromEntries(
		Object.entries(NAMES).map(([key, name]) => [key, makeFunctionReference(name)]),
	) as unknown as Functions;
	const client = new Client(options.convexUrl, {
		logger: false,
		unsavedChangesWarning: false,
		skipConvexDeploymentUrlCheck: true,
		initialAuthTokenReuse: true,
		...(options.webSocket ? { webSocketConstructor: options.webSocket } : {}),
	});
	const signIn = (): void =>
		client.setAuth(
			({ forceRefreshToken }) => tokens.fetch(forceRefreshToken),
			(isSignedIn) => {
				if (!isSignedIn) tokens.afterFailure(signIn);
			},
		);
	tokens.onRenew(signIn);
	signIn();
	client.subscribeToConnectionState(({ isWebSocketConnected, hasEverConnected, connectionRetries }) => {
		if (isWebSocketConnected) say({ kind: "connected" });
		else if (hasEverConnected || connectionRetries > 0)
			say({ kind: "offline", reason: `No connection to ${options.convexUrl}.` });
	});
	return { client, refs };
}

const SIGNED_OUT: readonly RefusalCode[] = ["signed_out", "key_revoked", "scope_missing"];

/** What went wrong, as the port says it. */
function asBackendError(error: unknown): BackendError {
	if (error instanceof BackendError) return error;
	const refused = asRefusal(error);
	if (refused)
		return new BackendError(
			SIGNED_OUT.includes(refused.code) ? "signedOut" : "refused",
			refused.code,
			refused.message,
		);
	return new BackendError(
		"refused",
		"unexpected",
		error instanceof Error ? firstLine(error.message) : String(error),
	);
}

const firstLine = (text: string): string => text.trim().split("\n", 1)[0]?.slice(0, 300) ?? "";

function lateness(state: Connection, url: string): BackendError {
	const why =
		state.kind === "offline" || state.kind === "signedOut" ? state.reason : `${url} did not answer in time.`;
	return new BackendError("unreachable", "unexpected", why);
}

/** Settles with `work`, or rejects after `ms`; a rejection of `work` that comes later is dropped with it. */
function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(late()), Math.max(0, ms));
		work.then(resolve, reject).finally(() => clearTimeout(timer));
	});
}

async function postText(fetch: Fetch, url: string, text: string, deadlineMs: number): Promise<string> {
	try {
		const response = await fetch(url, {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: text,
			signal: AbortSignal.timeout(deadlineMs),
		});
		const body = (await response.json().catch(() => null)) as { storageId?: unknown } | null;
		if (response.ok && typeof body?.storageId === "string") return body.storageId;
		const kind = response.status === 413 ? "refused" : "unreachable";
		throw new BackendError(
			kind,
			kind === "refused" ? "too_large" : "unexpected",
			`The upload was answered with status ${response.status}.`,
		);
	} catch (error) {
		if (error instanceof BackendError) throw error;
		throw new BackendError("unreachable", "unexpected", `The upload failed (${causeOf(error)}).`);
	}
}

function guarded(run: () => void, log: ((line: string) => void) | undefined): void {
	try {
		run();
	} catch (error) {
		// A listener's bug is not the connection's: the others still hear.
		log?.(`connection listener failed: ${String(error)}`);
	}
}

const same = (a: Connection, b: Connection): boolean => JSON.stringify(a) === JSON.stringify(b);

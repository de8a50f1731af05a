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
import { isLoopback } from "../lib/loopback.ts";
import { asRefusal, type RefusalCode } from "../protocol/errors.ts";
import { type Backend, BackendError, type Connection } from "../sync/ports.ts";
import { createStatus, lateness, type Status } from "./connection-status.ts";
import { type Functions, NAMES } from "./functions.ts";
import { siteUrlOf } from "./site-url.ts";
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
	const status = createStatus(options);
	let closed = false;
	let open: Opened | null = null;
	/** Ends the calls under way. */
	const giveUps = new Set<() => void>();
	const subscriptions = new Set<{ run: Parameters<Link["subscribe"]>[0]; end: (() => void) | null }>();
	const tokens = createTokens({
		siteUrl: site,
		apiKey: options.apiKey,
		fetch: options.fetch ?? globalThis.fetch,
		onRefused: (reason) => status.signIn({ kind: "signedOut", reason }),
		onUnreachable: (reason) => status.signIn({ kind: "offline", reason }),
		onToken: () => status.signIn(null),
	});
	connect(options, tokens, status).then(
		(made) => {
			if (!made) return;
			if (closed) return void made.client.close().catch(() => {});
			open = made;
			for (const one of subscriptions) one.end ??= one.run(made.client, made.refs);
		},
		// Loading the client cannot fail in a whole installation; if it does, the state says so.
		(error) => status.signIn({ kind: "offline", reason: causeOf(error) }),
	);

	return {
		connection: status.now,
		onConnection: status.listen,
		async call(deadlineMs, run) {
			const until = Date.now() + deadlineMs;
			await status.connected(deadlineMs);
			if (!open) throw new BackendError("unreachable", "unexpected", "The connection was closed.");
			try {
				return await within(until - Date.now(), run(open.client, open.refs), giveUps, () =>
					lateness(status.now(), options.convexUrl),
				);
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
				one.end = null;
			};
		},
		async close() {
			if (closed) return;
			closed = true;
			tokens.stop();
			status.close();
			subscriptions.clear();
			for (const giveUp of [...giveUps]) giveUp();
			const { client } = open ?? {};
			open = null;
			await client?.close().catch(() => {});
		},
	};
}

type Opened = { client: ConvexClient; refs: Functions };

async function connect(
	options: ConvexBackendOptions,
	tokens: Tokens,
	status: Status,
): Promise<Opened | null> {
	const [{ ConvexClient: Client }, first] = await Promise.all([
		import("convex/browser"),
		tokens.fetch(false),
	]);
	if (first === null) return null;
	// The client takes plain names too; making references of them would load the whole of `convex/server`.
	const refs = NAMES as unknown as Functions;
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
		if (isWebSocketConnected) status.socket({ kind: "connected" });
		else if (hasEverConnected || connectionRetries > 0) {
			status.socket({ kind: "offline", reason: `No connection to ${options.convexUrl}.` });
		}
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

/** Settles with `work`, or rejects after `ms` or when given up; a rejection of `work` that comes later is dropped with it. */
function within<T>(ms: number, work: Promise<T>, giveUps: Set<() => void>, late: () => Error): Promise<T> {
	return new Promise((resolve, reject) => {
		const finish = (settle: () => void): void => {
			clearTimeout(timer);
			giveUps.delete(giveUp);
			settle();
		};
		const giveUp = (): void => finish(() => reject(late()));
		const timer = setTimeout(giveUp, Math.max(0, ms));
		giveUps.add(giveUp);
		work.then(
			(value) => finish(() => resolve(value)),
			(error) => finish(() => reject(error)),
		);
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

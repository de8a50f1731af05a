/**
 * A connection to a Convex deployment, on the stock client.
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
import { holdingClock } from "../lib/clock.ts";
import { settledWithin } from "../lib/settled-within.ts";
import type { Scope } from "../protocol/access.ts";
import { asRefusal, type RefusalCode } from "../protocol/errors.ts";
import { BackendError, type Connection } from "../sync/ports.ts";
import { createStatus, lateness, type Status } from "./connection-status.ts";
import { type Functions, NAMES } from "./functions.ts";
import { ownFetch, ownSocket } from "./own-machine.ts";
import { watchfulSocket } from "./silent-socket.ts";
import { causeOf, endable, type Fetch, saidLine } from "./token-exchange.ts";
import { createTokens, type Tokens } from "./tokens.ts";

export type LinkOptions = {
	convexUrl: string;
	apiKey: string;
	fetch?: Fetch;
	/** Default: the global one. */
	webSocket?: typeof WebSocket;
	/** For debugging. Default: nowhere. */
	log?: (line: string) => void;
};

/** The other side may stand still. */
const GOODBYE_MS = 1_000;

/** One client's connection. */
export type Link = {
	connection(): Connection;
	onConnection(listener: (connection: Connection) => void): () => void;
	call<T>(deadlineMs: number, run: (client: ConvexClient, refs: Functions) => Promise<T>): Promise<T>;
	subscribe(run: (client: ConvexClient, refs: Functions) => () => void): () => void;
	/** What the key may do; empty before the first token. */
	scopes(): readonly Scope[];
	close(): Promise<void>;
};

/** A client and its state; the client is made once a token is there, for it never asks twice for its first. */
export function createLink(options: LinkOptions, site: string | null): Link {
	const status = createStatus(options);
	const end = new AbortController();
	let closed = false;
	let open: Opened | null = null;
	/** Ends the calls under way. */
	const giveUps = new Set<() => void>();
	const subscriptions = new Set<{ run: Parameters<Link["subscribe"]>[0]; end: (() => void) | null }>();
	const tokens = createTokens({
		siteUrl: site,
		apiKey: options.apiKey,
		fetch: endable(options.fetch ?? ownFetch, end.signal),
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
		scopes: tokens.scopes,
		async close() {
			if (closed) return;
			closed = true;
			tokens.stop();
			end.abort();
			status.close();
			subscriptions.clear();
			for (const giveUp of [...giveUps]) giveUp();
			const { client } = open ?? {};
			open = null;
			// Its socket no longer holds the process, which would end in the midst of this where nothing else does.
			if (client)
				await settledWithin(
					client.close().catch(() => {}),
					holdingClock,
					GOODBYE_MS,
				);
		},
	};
}

type Opened = { client: ConvexClient; refs: Functions };

async function connect(options: LinkOptions, tokens: Tokens, status: Status): Promise<Opened | null> {
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
		webSocketConstructor: watchfulSocket(options.webSocket ?? ownSocket(options.convexUrl)),
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
			saidLine(String(refused.message)),
		);
	return new BackendError(
		"refused",
		"unexpected",
		error instanceof Error ? firstLine(error.message) : String(error),
	);
}

const firstLine = (text: string): string => saidLine(text.trim().split("\n", 1)[0] ?? "");

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

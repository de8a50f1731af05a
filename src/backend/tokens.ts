/**
 * Tokens for the stock client, which asks for one when it starts and before the old one ends.
 *
 * `fetch` never rejects and gives null only when stopped: the client takes null for "signed out for good"
 * and would never ask again. So an unreachable backend is asked again with back-off, and one that refuses
 * the key once a minute, for the key may be made valid there; both are reported meanwhile.
 */
import { backoffMs } from "../lib/backoff.ts";
import type { Scope } from "../protocol/access.ts";
import { exchangeKey, type Fetch } from "./token-exchange.ts";

export type Tokens = {
	/** @param fresh the cached one is not good enough. */
	fetch(fresh: boolean): Promise<string | null>;
	/** The token was refused in a call: sign in again, at most every five seconds. */
	renew(): void;
	onRenew(listener: () => void): void;
	/** The client gave up on its tokens: run `again` in a while. */
	afterFailure(again: () => void): void;
	/** Of the key, by the newest token; empty before there is one. */
	scopes(): readonly Scope[];
	stop(): void;
};

export type TokensOptions = {
	/** Null: the address is no URL. */
	siteUrl: string | null;
	apiKey: string;
	fetch: Fetch;
	onRefused: (reason: string) => void;
	onUnreachable: (reason: string) => void;
	onToken: () => void;
};

const EXCHANGE_MS = 10_000;
const REFUSED_AGAIN_MS = 60_000;
const RENEW_LEAST_MS = 5000;
/** A token that ends sooner is not handed out again. */
const FRESH_ENOUGH_MS = 60_000;

export function createTokens(options: TokensOptions): Tokens {
	let stopped = false;
	let cached: { token: string; expiresAt: number } | null = null;
	let scopes: readonly Scope[] = [];
	let renewedAt = 0;
	let renewed: () => void = () => {};
	const timers = new Map<ReturnType<typeof setTimeout>, () => void>();

	/** Resolves after `ms`, or at once when stopped. */
	const pause = (ms: number): Promise<void> =>
		new Promise((resolve) => {
			if (stopped) return resolve();
			const timer = setTimeout(() => {
				timers.delete(timer);
				resolve();
			}, ms);
			(timer as { unref?: () => void }).unref?.();
			timers.set(timer, resolve);
		});

	return {
		async fetch(fresh) {
			if (!fresh && cached && cached.expiresAt - Date.now() > FRESH_ENOUGH_MS) return cached.token;
			for (let attempt = 0; !stopped; attempt += 1) {
				if (options.siteUrl === null) {
					options.onRefused("The address is not a URL: it must look like http://127.0.0.1:3210.");
					await pause(REFUSED_AGAIN_MS);
					continue;
				}
				const answer = await exchangeKey(options.fetch, options.siteUrl, options.apiKey, EXCHANGE_MS);
				if (stopped) break;
				if (answer.kind === "token") {
					cached = answer;
					scopes = answer.scopes;
					options.onToken();
					return answer.token;
				}
				if (answer.kind === "refused") options.onRefused(answer.message);
				else options.onUnreachable(answer.message);
				await pause(answer.kind === "refused" ? REFUSED_AGAIN_MS : backoffMs(attempt));
			}
			return null;
		},
		renew() {
			if (stopped || Date.now() - renewedAt < RENEW_LEAST_MS) return;
			renewedAt = Date.now();
			cached = null;
			renewed();
		},
		onRenew(listener) {
			renewed = listener;
		},
		afterFailure(again) {
			cached = null;
			void pause(RENEW_LEAST_MS).then(() => {
				if (!stopped) again();
			});
		},
		scopes: () => scopes,
		stop() {
			stopped = true;
			for (const [timer, resolve] of timers) {
				clearTimeout(timer);
				resolve();
			}
			timers.clear();
		},
	};
}

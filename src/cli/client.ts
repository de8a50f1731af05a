/** A signed-in client of the public functions, for commands that ask once and end. */
import { ConvexHttpClient } from "convex/browser";
import type { FunctionReference, FunctionReturnType, OptionalRestArgs } from "convex/server";
import { ownFetch } from "../backend/own-machine.ts";
import { siteUrlOf } from "../backend/site-url.ts";
import { type Exchanged, exchangeKey } from "../backend/token-exchange.ts";
import type { Settings } from "../config/options.ts";
import { isLoopback } from "../lib/loopback.ts";
import { asRefusal } from "../protocol/errors.ts";
import { CliError } from "./output.ts";
import { START_COMMAND } from "./project.ts";

const DEADLINE_MS = 15_000;

export type Client = {
	url: string;
	siteUrl: string;
	userName: string;
	scopes: string[];
	query<F extends FunctionReference<"query">>(
		fn: F,
		...args: OptionalRestArgs<F>
	): Promise<FunctionReturnType<F>>;
	mutation<F extends FunctionReference<"mutation">>(
		fn: F,
		...args: OptionalRestArgs<F>
	): Promise<FunctionReturnType<F>>;
};

/** Signs in with the key of the settings. Every failure is a `CliError` that says what to do. */
export async function connectClient(
	settings: Pick<Settings, "convexUrl" | "siteUrl" | "apiKey">,
): Promise<Client> {
	const { convexUrl: url, apiKey } = settings;
	const siteUrl = mustHaveSite(settings);
	if (apiKey === "") {
		throw new CliError(
			`No API key is set: run \`${START_COMMAND}\` once, or \`pi-opensync config set apiKey osk_…\`.`,
		);
	}
	const token = await signIn(url, siteUrl, apiKey);
	const http = new ConvexHttpClient(url, {
		logger: false,
		skipConvexDeploymentUrlCheck: true,
		fetch: ownFetch as typeof globalThis.fetch,
	});
	http.setAuth(token.token);
	const wrap = async <T>(run: () => Promise<T>): Promise<T> => {
		try {
			return await run();
		} catch (error) {
			const refused = asRefusal(error);
			if (refused) throw new CliError(refused.message);
			if (error instanceof TypeError) throw new CliError(unreachable(url));
			throw error;
		}
	};
	return {
		url,
		siteUrl,
		userName: token.userName,
		scopes: token.scopes,
		query: (fn, ...args) => wrap(() => http.query(fn, ...args)),
		mutation: (fn, ...args) => wrap(() => http.mutation(fn, ...args)),
	};
}

async function signIn(url: string, siteUrl: string, apiKey: string): Promise<Exchanged & { kind: "token" }> {
	const exchanged = await exchangeKey(ownFetch, siteUrl, apiKey, DEADLINE_MS);
	switch (exchanged.kind) {
		case "token":
			return exchanged;
		case "refused":
			throw new CliError(`${url} refuses the API key. ${exchanged.message}`);
		case "notOurs":
			throw new CliError(`${exchanged.message} Check convexUrl and siteUrl.`);
		case "unreachable":
			throw new CliError(unreachable(url));
	}
}

/** The sentence for a backend that does not answer. */
export function unreachable(url: string): string {
	return isLoopback(url)
		? `The backend at ${url} does not answer: start it with \`${START_COMMAND}\`, or check convexUrl.`
		: `The backend at ${url} does not answer: check convexUrl and the network.`;
}

export function mustHaveSite(settings: Pick<Settings, "convexUrl" | "siteUrl">): string {
	const siteUrl = siteUrlOf(settings.convexUrl, settings.siteUrl);
	if (siteUrl) return siteUrl;
	throw new CliError(
		`"${settings.convexUrl}" is no address: set it with \`pi-opensync config set convexUrl http://127.0.0.1:3210\`.`,
	);
}

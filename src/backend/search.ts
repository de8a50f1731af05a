/** Search over HTTP, one question at a time: no connection stays open, and a question can be given up. */
import { ConvexHttpClient } from "convex/browser";
import { type FunctionReference, makeFunctionReference } from "convex/server";
import { asRefusal } from "../protocol/errors.ts";
import type { Search, SearchPage } from "../protocol/search.ts";
import { ownFetch } from "./own-machine.ts";
import { siteUrlOf } from "./site-url.ts";
import { causeOf, exchangeKey, type Fetch, saidLine } from "./token-exchange.ts";

export type SearchTarget = {
	convexUrl: string;
	/** Empty: derived from `convexUrl`. */
	siteUrl: string;
	apiKey: string;
	fetch?: Fetch;
};

export type Searched =
	| { kind: "found"; page: SearchPage }
	| { kind: "cancelled" }
	/** `message` is a sentence that says what to do. */
	| { kind: "failed"; message: string };

const DEADLINE_MS = 15_000;
const passages: FunctionReference<"query", "public", Search, SearchPage> =
	makeFunctionReference("search:passages");

/** Never rejects; settles when `signal` aborts, or after half a minute at most. */
export async function searchBackend(
	target: SearchTarget,
	search: Search,
	signal?: AbortSignal,
): Promise<Searched> {
	const base = target.fetch ?? ownFetch;
	const cancelable: Fetch = (url, init) => {
		const signals = [init?.signal, signal, AbortSignal.timeout(DEADLINE_MS)].filter((one) => one != null);
		return base(url, { ...init, signal: AbortSignal.any(signals) });
	};
	const searched = await ask(target, search, cancelable);
	return signal?.aborted ? { kind: "cancelled" } : searched;
}

async function ask(target: SearchTarget, search: Search, fetch: Fetch): Promise<Searched> {
	const { convexUrl, apiKey } = target;
	const siteUrl = siteUrlOf(convexUrl, target.siteUrl);
	if (!siteUrl) return { kind: "failed", message: `"${convexUrl}" is no address: check convexUrl.` };
	if (apiKey === "") return { kind: "failed", message: "No API key is set: use /opensync:config." };
	const exchanged = await exchangeKey(fetch, siteUrl, apiKey, DEADLINE_MS);
	if (exchanged.kind !== "token") return { kind: "failed", message: exchanged.message };
	const client = new ConvexHttpClient(convexUrl, {
		logger: false,
		skipConvexDeploymentUrlCheck: true,
		fetch: fetch as typeof globalThis.fetch,
	});
	client.setAuth(exchanged.token);
	try {
		return { kind: "found", page: await client.query(passages, search) };
	} catch (error) {
		const refused = asRefusal(error);
		const message = refused
			? saidLine(String(refused.message))
			: `The backend at ${convexUrl} does not answer (${causeOf(error)}).`;
		return { kind: "failed", message };
	}
}

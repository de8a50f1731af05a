/** The Backend port over a Convex deployment; what is guaranteed of calls is in `link.ts`. */
import { isLoopback } from "../lib/loopback.ts";
import type { LiveBackend } from "../sync/ports.ts";
import { postText } from "./file-text.ts";
import type { MutationName, QueryName } from "./functions.ts";
import { createLink, type LinkOptions } from "./link.ts";
import { type Calls, liveCalls } from "./live-calls.ts";
import { ownFetch } from "./own-machine.ts";
import { siteUrlOf } from "./site-url.ts";
import { endable } from "./token-exchange.ts";

export type ConvexBackendOptions = LinkOptions & {
	/** Default: derived from `convexUrl`. */
	siteUrl?: string | null;
	/** For a call, in ms. Default 15 s; calls that carry much get four times that. */
	deadlineMs?: number;
};

const DEADLINE_MS = 15_000;
const HEAVY = 4;

export function createConvexBackend(options: ConvexBackendOptions): LiveBackend {
	const site = siteUrlOf(options.convexUrl, options.siteUrl);
	const link = createLink(options, site);
	const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
	const heavyMs = deadlineMs * HEAVY;
	const end = new AbortController();
	const fetch = endable(options.fetch ?? ownFetch, end.signal);
	const calls: Calls = {
		mutate: (name, args, ms = deadlineMs) =>
			link.call(ms, (client, refs) => client.mutation(refs[name as MutationName], args as never)) as never,
		ask: (name, args, ms = deadlineMs) =>
			link.call(ms, (client, refs) => client.query(refs[name as QueryName], args as never)) as never,
		watch: (name, args, listener, onError = () => {}) =>
			link.subscribe((client, refs) =>
				client.onUpdate(
					refs[name as QueryName],
					args as never,
					(value) => {
						try {
							listener(value as never);
						} catch (error) {
							// A listener's bug must not end the connection for everybody else.
							options.log?.(`a listener of ${name} failed: ${String(error)}`);
						}
					},
					onError,
				),
			),
	};
	const { mutate, ask, watch } = calls;
	return {
		url: options.convexUrl,
		loopback: isLoopback(options.convexUrl),
		connection: link.connection,
		onConnection: link.onConnection,
		openSession: (args) => mutate("open", args),
		updateSession: async (args) => void (await mutate("update", args)),
		append: (args) => mutate("append", args, heavyMs),
		missing: (sessionId, entryIds) => ask("missing", { sessionId, entryIds }),
		upload: async (json) => await postText(fetch, await mutate("uploadUrl", {}), json, heavyMs),
		startStream: async (args) => void (await mutate("startStream", args)),
		pushStream: (args) => mutate("pushStream", args),
		endStream: async (streamId) => void (await mutate("endStream", { streamId })),
		beat: async (args) => void (await mutate("beat", args)),
		leave: async (args) => void (await mutate("leave", args)),
		onPresence: (sessionId, listener) =>
			// A failing query ends in an empty list: who is here is never worth an error.
			watch("presence", { sessionId }, listener, () => listener([])),
		...liveCalls(calls, { fetch, heavyMs }),
		scopes: () => link.call(deadlineMs, async () => [...link.scopes()]),
		async close() {
			end.abort();
			await link.close();
		},
	};
}

/** What two terminals at one session need of the backend: calls and subscriptions, each one function of `convex/`. */
import { type Backend, BackendError, type LiveBackend } from "../sync/ports.ts";
import { getText } from "./file-text.ts";
import type { ArgsOf, MutationName, QueryName, ResultOf } from "./functions.ts";
import type { Fetch } from "./token-exchange.ts";

/** The functions by their short names, typed. Calls reject with a `BackendError`; default deadline: as every call. */
export type Calls = {
	mutate<K extends MutationName>(name: K, args: ArgsOf<K>, deadlineMs?: number): Promise<ResultOf<K>>;
	ask<K extends QueryName>(name: K, args: ArgsOf<K>, deadlineMs?: number): Promise<ResultOf<K>>;
	/** @param onError default: nothing is told. */
	watch<K extends QueryName>(
		name: K,
		args: ArgsOf<K>,
		listener: (value: ResultOf<K>) => void,
		onError?: () => void,
	): () => void;
};

type Live = Omit<LiveBackend, keyof Backend | "scopes">;

/** @param options.heavyMs deadline of calls that carry much. */
export function liveCalls(
	{ mutate, ask, watch }: Calls,
	{ fetch, heavyMs }: { fetch: Fetch; heavyMs: number },
): Live {
	return {
		acquireLock: (args, deadlineMs) => mutate("acquireLock", args, deadlineMs),
		takeOverLock: (args) => mutate("takeOverLock", args),
		renewLock: (args) => mutate("renewLock", args),
		releaseLock: (args) => mutate("releaseLock", args),
		onTurnLock: (sessionId, listener) => watch("turnLock", { sessionId }, listener),
		onLive: (sessionId, listener) => watch("live", { sessionId }, listener),
		onEntries: (args, listener) => watch("entriesTail", args, listener),
		onStream: (sessionId, listener) => watch("stream", { sessionId }, listener),
		onStreamTail: (streamId, listener) => watch("streamTail", { streamId }, listener),
		readStream: (streamId, start) => ask("readStream", { streamId, start }, heavyMs),
		entriesPage: (sessionId, cursor, limit) => ask("entriesPage", { sessionId, cursor, limit }, heavyMs),
		async entryJson({ json, url }) {
			if (json !== null) return json;
			if (url === null) throw new BackendError("refused", "invalid", "The text is not stored any more.");
			return await getText(fetch, url, heavyMs);
		},
		session: (sessionId) => ask("session", { sessionId }),
		header: (sessionId) => ask("header", { sessionId }),
		attachable: (limit) => ask("attachable", { limit }),
		sendPrompt: (args) => mutate("sendPrompt", args),
		withdrawPrompt: (promptId) => mutate("withdrawPrompt", { promptId }),
		acceptPrompt: (args) => mutate("acceptPrompt", args),
		advancePrompt: async (args) => void (await mutate("advancePrompt", args)),
		onPrompts: (sessionId, listener) => watch("prompts", { sessionId }, listener),
		ask: async (args) => void (await mutate("ask", args)),
		answer: (args) => mutate("answer", args),
		closeQuestion: async (questionId) => void (await mutate("closeQuestion", { questionId })),
		onQuestions: (sessionId, listener) => watch("questions", { sessionId }, listener),
		onPlace: (clientId, listener) => watch("place", { clientId }, listener),
	};
}

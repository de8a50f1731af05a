/** What an import of another agent's sessions needs of a backend; what is guaranteed of calls is in `link.ts`. */
import type { FunctionReference } from "convex/server";
import type { PushAgentSession, PushedAgentSession } from "../protocol/agent-session.ts";
import type { SessionView } from "../protocol/session.ts";
import type { Connection } from "../sync/ports.ts";
import type { ConvexBackendOptions } from "./convex-backend.ts";
import { postText } from "./file-text.ts";
import { createLink } from "./link.ts";
import { ownFetch } from "./own-machine.ts";
import { siteUrlOf } from "./site-url.ts";

/** Every call rejects with a `BackendError` within its deadline, and may be repeated. */
export interface AgentBackend {
	connection(): Connection;
	onConnection(listener: (connection: Connection) => void): () => void;
	/** Upserts by the agent's own ids; all or nothing. */
	push(args: PushAgentSession): Promise<PushedAgentSession>;
	/** Uploads an entry's line; gives its storage id. */
	upload(json: string): Promise<string>;
	session(sessionId: string): Promise<SessionView | null>;
	/** Of these ids, at most 5,000, those that the session does not hold. */
	missing(sessionId: string, entryIds: string[]): Promise<string[]>;
	/** The session is gone at once; what it holds is deleted in the background. */
	remove(sessionId: string): Promise<void>;
	close(): Promise<void>;
}

const PUSH = "openSync:push" as unknown as FunctionReference<
	"mutation",
	"public",
	PushAgentSession,
	PushedAgentSession
>;

const REMOVE = "sessions:remove" as unknown as FunctionReference<
	"mutation",
	"public",
	{ sessionId: string },
	unknown
>;

const DEADLINE_MS = 15_000;
const HEAVY_MS = 60_000;

export function createAgentBackend(options: ConvexBackendOptions): AgentBackend {
	const link = createLink(options, siteUrlOf(options.convexUrl, options.siteUrl));
	const fetch = options.fetch ?? ownFetch;
	return {
		connection: link.connection,
		onConnection: link.onConnection,
		push: (args) => link.call(HEAVY_MS, (client) => client.mutation(PUSH, args)),
		upload: async (json) => {
			const url = await link.call(DEADLINE_MS, (client, refs) => client.mutation(refs.uploadUrl, {}));
			return await postText(fetch, url, json, HEAVY_MS);
		},
		session: (sessionId) =>
			link.call(DEADLINE_MS, (client, refs) => client.query(refs.session, { sessionId })),
		missing: (sessionId, entryIds) =>
			link.call(HEAVY_MS, (client, refs) => client.query(refs.missing, { sessionId, entryIds })),
		remove: async (sessionId) =>
			void (await link.call(DEADLINE_MS, (client) => client.mutation(REMOVE, { sessionId }))),
		close: link.close,
	};
}

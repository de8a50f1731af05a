/**
 * The contract between the engine and whoever serves it.
 *
 * The engine runs the functions of one Convex app on one SQLite file. Everything that crosses this
 * boundary is JSON text in Convex's value encoding (`convexToJson`), never a live object, so that a
 * server can splice results into frames without parsing them.
 *
 * Guarantees: queries and mutations are serialisable (one writer, reads on one snapshot); a commit has
 * one timestamp, nanoseconds since the epoch, that only rises, also across restarts; a resent mutation
 * with the same `request` gives the stored result without running again.
 * Not here: sockets, HTTP, tokens. `src/server` does those.
 */

export type FunctionKind = "query" | "mutation" | "action";

/** What `ctx.auth.getUserIdentity()` returns; null when nobody is signed in. */
export type Identity = Readonly<{
	tokenIdentifier: string;
	issuer: string;
	subject: string;
	[claim: string]: unknown;
}>;

/** Caller of a function. `admin` may call internal functions. */
export type Caller = Readonly<{
	identity: Identity | null;
	admin: boolean;
	ip?: string | null;
	userAgent?: string | null;
	/** Raw bearer token, for `1.0/getRequestMetadata`. */
	authToken?: string | null;
}>;

/** `[LOG] 'text' { a: 1 }`: level in brackets, arguments in object-inspect style. */
export type LogLine = string;

/**
 * What became of one call. `valueJson` is JSON text in Convex's encoding. `errorMessage` is the text
 * for a development deployment, without the `[Request ID: …]` prefix: `Server Error\nUncaught Error: …`
 * (the server puts the prefix in front). `errorDataJson` is present exactly when a ConvexError was thrown.
 */
export type Outcome =
	| { kind: "ok"; valueJson: string; logLines: LogLine[] }
	| { kind: "error"; errorMessage: string; errorDataJson?: string; logLines: LogLine[] };

export type QueryOutcome = Outcome & { ts: bigint; journal: string | null };
/** `ts` is the commit timestamp; null when the mutation failed. `replayed`: the stored answer of an earlier send. */
export type MutationOutcome = Outcome & { ts: bigint | null; replayed: boolean };

/** One client request, for exactly-once mutations: client session id and its request number. */
export type RequestKey = Readonly<{ sessionId: string; requestId: number }>;

/** One subscribed query of one client, as the sync protocol adds it. */
export type Subscription = Readonly<{
	path: string;
	argsJson: string;
	caller: Caller;
	/** From an earlier run of this query by this client (pagination); null at first. */
	journal: string | null;
}>;

/**
 * The subscribed queries of one client connection. All results of one `evaluate` are from one snapshot.
 * Identical subscriptions (path, args, identity, journal) of all clients share one run.
 */
export interface QuerySet {
	add(queryId: number, subscription: Subscription): void;
	remove(queryId: number): void;
	/** Evaluates what is stale or new at one timestamp >= `atLeast`. Unchanged queries are left out. */
	evaluate(atLeast?: bigint): Promise<{ ts: bigint; results: Map<number, QueryOutcome> }>;
	/** Called (coalesced) when a commit made at least one of these queries stale. */
	onStale: (() => void) | null;
	close(): void;
}

export type FunctionInfo = Readonly<{
	path: string;
	kind: FunctionKind | "httpAction";
	visibility: "public" | "internal";
}>;

export type StoredFile = Readonly<{
	storageId: string;
	sha256Base64: string;
	sizeBytes: number;
	contentType: string | null;
	/** Absolute path of the content on this machine. */
	filePath: string;
}>;

export type EngineOptions = Readonly<{
	/** Folder with a Convex app: `schema.ts`, function modules, `http.ts`, `crons.ts`, `auth.config.ts`. */
	functionsDir: string;
	/** Folder for the database and stored files; null keeps all in memory and a temporary folder. */
	dataDir: string | null;
	/** `process.env` of the functions, besides CONVEX_CLOUD_URL and CONVEX_SITE_URL. */
	env: Readonly<Record<string, string>>;
	cloudUrl: string;
	siteUrl: string;
	/** Receives log lines of functions and engine events; default: nothing. */
	log?: ((line: string) => void) | undefined;
	/** Wall clock in ms; tests replace it. */
	now?: (() => number) | undefined;
}>;

export interface Engine {
	readonly functions: ReadonlyMap<string, FunctionInfo>;
	/** `auth.config.ts` `providers`, resolved with `env`; empty when there is no such file. */
	readonly authProviders: readonly unknown[];
	latestTs(): bigint;
	query(path: string, argsJson: string, caller: Caller, at?: bigint): Promise<QueryOutcome>;
	/** Several queries on one snapshot. */
	queryBatch(
		calls: ReadonlyArray<{ path: string; argsJson: string }>,
		caller: Caller,
	): Promise<QueryOutcome[]>;
	mutation(path: string, argsJson: string, caller: Caller, request?: RequestKey): Promise<MutationOutcome>;
	action(path: string, argsJson: string, caller: Caller): Promise<Outcome>;
	/** Admin only: runs a function of any kind by path. */
	run(path: string, argsJson: string, caller: Caller): Promise<Outcome>;
	/** Runs `http.ts` for a request whose URL is the public one. Null when no `http.ts` exists. */
	httpAction(request: Request, caller: Caller): Promise<Response | null>;
	openQuerySet(): QuerySet;
	/** Called after every commit with its timestamp. Returns the unsubscribe function. */
	onCommit(listener: (ts: bigint) => void): () => void;
	files: {
		/** Null when the token is wrong (`invalid`) or too old (`expired`) is told apart by `kind`. */
		checkUploadToken(token: string): { kind: "ok" } | { kind: "invalid" } | { kind: "expired" };
		store(
			body: ReadableStream<Uint8Array> | Uint8Array,
			meta: { contentType: string | null; sha256Base64?: string | null },
		): Promise<{ kind: "stored"; storageId: string } | { kind: "digestMismatch" }>;
		/** By the uuid of a download URL `/api/storage/{uuid}`. */
		byUuid(uuid: string): Promise<StoredFile | null>;
	};
	/** Deterministic bad calls (unknown function, wrong kind, bad args) are `error` outcomes, never throws. */
	close(): Promise<void>;
}

/** Thrown by `openEngine` with one sentence for a person: what, why, what to do. */
export class EngineStartError extends Error {
	readonly code: "functions" | "schema" | "unsupported" | "dataDir" | "corrupt" | "locked";
	constructor(code: EngineStartError["code"], message: string) {
		super(message);
		this.name = "EngineStartError";
		this.code = code;
	}
}

/**
 * What the sync machines need from the world. Implementations: `src/backend` over a Convex deployment,
 * `tests/support` in memory. Everything else in this folder is pure or drives these ports.
 */
import type { Append, Appended } from "../protocol/entry.ts";
import type { RefusalCode } from "../protocol/errors.ts";
import type { Beat, Present } from "../protocol/presence.ts";
import type { Opened, OpenSession, UpdateSession } from "../protocol/session.ts";
import type { Push, StartStream } from "../protocol/stream.ts";

/**
 * Every failure of a port. `unreachable`: try again later, nothing is known to have happened.
 * `refused`: the backend said no and would again; `code` says what to do. `signedOut`: key wrong, revoked
 * or without scope.
 */
export class BackendError extends Error {
	readonly kind: "unreachable" | "refused" | "signedOut";
	readonly code: RefusalCode | "unexpected";
	constructor(kind: BackendError["kind"], code: BackendError["code"], message: string) {
		super(message);
		this.name = "BackendError";
		this.kind = kind;
		this.code = code;
	}
}

export type Connection =
	| { kind: "connecting" }
	| { kind: "connected" }
	| { kind: "offline"; reason: string }
	| { kind: "signedOut"; reason: string };

/**
 * One backend, signed in with one key. Contract:
 * - every call rejects with a `BackendError` within its own deadline; none hangs for ever.
 * - calls may be repeated: the functions behind them are idempotent.
 */
export interface Backend {
	readonly url: string;
	/** True when it is on this machine: redaction off, no least interval between pushes. */
	readonly loopback: boolean;
	connection(): Connection;
	onConnection(listener: (connection: Connection) => void): () => void;
	openSession(args: OpenSession): Promise<Opened>;
	updateSession(args: UpdateSession): Promise<void>;
	append(args: Append): Promise<Appended>;
	/** Of these ids, those that the backend does not hold for the session, its ancestors' shared part included. At most 5,000 ids. */
	missing(sessionId: string, entryIds: string[]): Promise<string[]>;
	/** Uploads an entry's JSON; gives its storage id. */
	upload(json: string): Promise<string>;
	startStream(args: StartStream): Promise<void>;
	/** The stream's end after the push; see `vPush`. */
	pushStream(args: Push): Promise<number>;
	endStream(streamId: string): Promise<void>;
	beat(args: Beat): Promise<void>;
	leave(clientId: string): Promise<void>;
	onPresence(sessionId: string, listener: (present: readonly Present[]) => void): () => void;
	close(): Promise<void>;
}

/** One entry of a session file: parsed, and its line. */
export type SourceEntry = Readonly<{ id: string; parentId: string | null; type: string; timestamp: string }>;

/**
 * Where the entries of a session come from: a live Pi session or a file. `entries()` is in file order and
 * only grows; the objects are Pi's own and are not to be changed.
 */
export interface SessionSource {
	readonly sessionId: string;
	/** First line of the session file, parsed. */
	header(): Readonly<Record<string, unknown>> | null;
	entries(): readonly SourceEntry[];
	leafId(): string | null;
}

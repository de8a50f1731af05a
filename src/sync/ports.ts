/**
 * What the sync machines need from the world. Implementations: `src/backend` over a Convex deployment,
 * `tests/support` in memory. Everything else in this folder is pure or drives these ports.
 */
import type { Scope } from "../protocol/access.ts";
import type { Append, Appended, EntryPage, EntryView } from "../protocol/entry.ts";
import type { RefusalCode } from "../protocol/errors.ts";
import type { OpenSyncMessage, OpenSyncSession } from "../protocol/opensync.ts";
import type { Beat, Leave, Place, Present } from "../protocol/presence.ts";
import type {
	AcceptedPrompt,
	AcceptPrompt,
	AdvancePrompt,
	PromptState,
	PromptView,
	SendPrompt,
} from "../protocol/prompt.ts";
import type { Answer, Answered, Ask, QuestionView } from "../protocol/question.ts";
import type { Live, Opened, OpenSession, SessionView, UpdateSession } from "../protocol/session.ts";
import type { Delta, Push, StartStream, StreamView } from "../protocol/stream.ts";
import type {
	Acquire,
	Acquired,
	Attachable,
	HeldLock,
	Released,
	Renewed,
	TakeOver,
	TurnLock,
} from "../protocol/turn-lock.ts";

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
	leave(args: Leave): Promise<void>;
	onPresence(sessionId: string, listener: (present: readonly Present[]) => void): () => void;
	close(): Promise<void>;
}

/**
 * What two terminals at one session need besides. As for `Backend`: calls reject within their deadline and
 * may be repeated. Listeners get the newest value, again after every cut; a query that fails tells nothing.
 */
export interface LiveBackend extends Backend {
	/** @param deadlineMs default: as every call. */
	acquireLock(args: Acquire, deadlineMs?: number): Promise<Acquired>;
	takeOverLock(args: TakeOver): Promise<Acquired>;
	renewLock(args: HeldLock): Promise<Renewed>;
	releaseLock(args: HeldLock): Promise<Released>;
	onTurnLock(sessionId: string, listener: (lock: TurnLock) => void): () => void;
	onLive(sessionId: string, listener: (live: Live | null) => void): () => void;
	/** Own entries after a seq, oldest first, at most `limit`. */
	onEntries(
		args: { sessionId: string; afterSeq: number; limit: number },
		listener: (entries: readonly EntryView[]) => void,
	): () => void;
	onStream(sessionId: string, listener: (stream: StreamView | null) => void): () => void;
	onStreamTail(streamId: string, listener: (deltas: readonly Delta[]) => void): () => void;
	readStream(streamId: string, start: number): Promise<Delta[]>;
	/** Newest first, ancestors of a fork included. */
	entriesPage(sessionId: string, cursor: string | null, limit: number): Promise<EntryPage>;
	/** An entry's line, fetched where it is stored apart. */
	entryJson(entry: Pick<EntryView, "json" | "url">): Promise<string>;
	session(sessionId: string): Promise<SessionView | null>;
	header(sessionId: string): Promise<string | null>;
	attachable(limit: number): Promise<Attachable[]>;
	/** What the key may do. */
	scopes(): Promise<Scope[]>;
	sendPrompt(args: SendPrompt): Promise<PromptState>;
	withdrawPrompt(promptId: string): Promise<PromptState>;
	acceptPrompt(args: AcceptPrompt): Promise<AcceptedPrompt>;
	advancePrompt(args: AdvancePrompt): Promise<void>;
	onPrompts(sessionId: string, listener: (prompts: readonly PromptView[]) => void): () => void;
	ask(args: Ask): Promise<void>;
	answer(args: Answer): Promise<Answered>;
	closeQuestion(questionId: string): Promise<void>;
	onQuestions(sessionId: string, listener: (questions: readonly QuestionView[]) => void): () => void;
	/** Where a client is; null when it is gone. */
	onPlace(clientId: string, listener: (place: Place | null) => void): () => void;
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

/** What became of one request to a hosted OpenSync. `reason` is one sentence for a person. */
export type PostOutcome =
	| { kind: "ok" }
	/** It may or may not have happened: to be tried again. `isServerError`: something answered, with an error of its own. */
	| { kind: "retry"; reason: string; afterMs: number | null; isServerError: boolean }
	/** This one would be refused again. */
	| { kind: "refused"; reason: string }
	/** Nothing at all goes there until somebody changes the key or the address. */
	| { kind: "closed"; why: "signedOut" | "notOpenSync"; reason: string };

/** What a hosted OpenSync holds of a session. `unknown`: it could not be asked. */
export type Recorded =
	| { kind: "held"; messages: readonly { externalId: string; createdAt: number }[] }
	| { kind: "absent" }
	| { kind: "unknown" };

/** A hosted OpenSync, as one user: a record of sessions and nothing live. No method rejects; none hangs for ever. */
export interface RecordDestination {
	/** Where it answers. */
	readonly url: string;
	postSession(session: OpenSyncSession): Promise<PostOutcome>;
	postMessage(message: OpenSyncMessage): Promise<PostOutcome>;
	/** Whether the key is taken. */
	check(): Promise<PostOutcome>;
	recorded(sessionId: string): Promise<Recorded>;
}

/** What a hosted OpenSync has acknowledged of one session. */
export type RecordMark = {
	/** So many entries of the source, in its order, need nothing more. */
	position: number;
	/** Id of the last of them, by which a source that is another one is noticed. */
	lastEntryId: string | null;
	/** What was refused for good. */
	parked: { entryId: string; reason: string }[];
	/** What the session was last told to be and surely kept; null: never told. */
	session: string | null;
	/** Last moment at which something was sent for the session, ms since the epoch. */
	touchedAt: number;
};

/** Keeps the mark of one session across restarts. Neither method rejects. */
export interface RecordJournal {
	/** Null when there is none, or none that can be read. */
	read(): Promise<RecordMark | null>;
	/** @param mark null: it stays as it is. @param unsent whether something of the session waits still. */
	write(mark: RecordMark | null, unsent: boolean): Promise<void>;
}

/**
 * One client's sync socket.
 *
 *   frames ──► inbox (in order) ──► changes to the query set, identity ──┐
 *                    ├──► mutations, one after the other ──► response ───┤
 *                    └──► actions, side by side ──► response             ▼
 *   engine says "stale" ─────────────────────────────────────► update loop ──► Transition
 *
 * Guarantees: every Transition starts at exactly the version the last one ended at; its results are of one
 * timestamp; a mutation's response goes out before the first Transition that covers it; every change of query
 * set or identity and every successful mutation is answered by a Transition. One update runs at a time; what
 * happens meanwhile is taken together in the next one, and none starts while the client has too much unread.
 * Not here: transport (`sync-server.ts`).
 */
import { randomUUID } from "node:crypto";
import type { Caller, Engine, QuerySet } from "../engine/types.ts";
import { type Authenticated, type Callers, NOBODY } from "./callers.ts";
import {
	authErrorFrame,
	type ClientMessage,
	chunked,
	fatalFrame,
	ProtocolError,
	type QueryChange,
	readMessage,
	responseFrame,
	transitionFrame,
	type Version,
} from "./sync-messages.ts";

/** The transport below one socket. */
export interface Wire {
	send(frame: string): void;
	close(code: number, reason: string): void;
	/** Bytes given to `send` that the network has not taken. */
	unsentBytes(): number;
}

/** Above this much text that the network has not taken, its own buffers being full, no further transition is made. */
const UNSENT_MOST_BYTES = 1024 * 1024;
const UNSENT_RETRY_MS = 5;
/** A client that reads nothing is not listened to either: this much of answers that it has not taken, or of changes that wait for that. */
const BACKLOG_MOST_BYTES = 64 * 1024 * 1024;
const MUTATION_QUEUE_MOST = 1000;
const ACTIONS_MOST = 1000;
/** While more of a client's mutations wait, this many are covered by one transition. */
const COVERED_TOGETHER = 8;

type Change =
	| { kind: "queries"; newVersion: number; changes: QueryChange[] }
	| { kind: "identity"; caller: Caller };
type AddedQuery = { path: string; argsJson: string; journal: string | null };

export class SyncSocket {
	readonly #engine: Engine;
	readonly #callers: Callers;
	readonly #wire: Wire;
	readonly #log: (line: string) => void;
	readonly #querySet: QuerySet;
	readonly #queries = new Map<number, AddedQuery>();
	/** What the client has been told. */
	#version: Version = { querySet: 0, identity: 0, ts: 0n };
	/** Versions and query ids received, ahead of what was told. */
	#received = { querySet: 0, identity: 0, queryIds: new Set<number>() };
	#pending: Change[] = [];
	#pendingBytes = 0;
	/** Commits of this client's mutations that a Transition must cover. */
	#cover = 0n;
	/** A mutation succeeded; clients settle it at the next Transition, even when an earlier one covered it. */
	#owed = false;
	#answeredSince = 0;
	#updating = false;
	#stale = false;
	#closed = false;
	#inbox: Promise<void> = Promise.resolve();
	#mutations: Promise<void> = Promise.resolve();
	/** The mutation that runs now, and the engine's time when it began. */
	#running: Promise<void> | null = null;
	#runningSince = 0n;
	#queuedMutations = 0;
	#actions = 0;
	#draining = false;
	#authenticating = 0;
	/** Who sends mutations and actions; queries run as `#queryCaller`, set when the update loop takes the change. */
	#caller: Caller;
	#queryCaller: Caller = NOBODY;
	#expiresAtMs: number | null = null;
	#sessionId: string | null = null;
	/** The client's clock minus ours when it connected, in ms; null when it did not say. */
	#clockSkewMs: number | null = null;

	constructor(
		engine: Engine,
		callers: Callers,
		wire: Wire,
		client: { ip: string | null; userAgent: string | null },
		log: (line: string) => void,
	) {
		this.#engine = engine;
		this.#callers = callers;
		this.#wire = wire;
		this.#log = log;
		this.#caller = { ...NOBODY, ...client };
		this.#querySet = engine.openQuerySet();
		this.#querySet.onStale = () => {
			this.#stale = true;
			this.#update();
		};
	}

	/** A text frame from the client. */
	receive(text: string): void {
		if (this.#closed || this.#draining) return;
		if (this.#wire.unsentBytes() + this.#pendingBytes > BACKLOG_MOST_BYTES)
			return this.#end(1013, "TooManyConcurrentRequests");
		let message: ClientMessage;
		try {
			message = readMessage(text);
		} catch (error) {
			this.#fatal(
				error instanceof ProtocolError ? error.message : "Received a message that could not be read",
			);
			return;
		}
		if (message.kind === "modify") this.#pendingBytes += text.length;
		// Only an Authenticate takes time; whatever else is ready goes on without a turn of the loop.
		if (message.kind === "authenticate" || this.#authenticating > 0) {
			this.#authenticating++;
			this.#inbox = this.#inbox.then(() => this.#take(message)).finally(() => this.#authenticating--);
			this.#inbox.catch((error) => this.#broken(error));
		} else this.#takeNow(message);
	}

	/** Takes nothing more; resolves when the mutation under way, if any, is answered. */
	async drain(): Promise<void> {
		this.#draining = true;
		await this.#running?.catch(() => {});
	}

	dispose(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#querySet.onStale = null;
		this.#querySet.close();
	}

	async #take(message: ClientMessage): Promise<void> {
		if (this.#closed) return;
		if (message.kind === "authenticate") await this.#authenticate(message);
		else this.#takeNow(message);
	}

	#takeNow(message: ClientMessage): void {
		if (message.kind === "event" || message.kind === "authenticate") return;
		if (message.kind === "connect") this.#connect(message);
		else if (this.#sessionId === null) this.#fatal("The first message must be Connect");
		else if (message.kind === "modify") this.#modify(message);
		else if (message.kind === "mutation") this.#mutate(message);
		else void this.#act(message);
	}

	#connect(message: ClientMessage & { kind: "connect" }): void {
		if (this.#sessionId !== null) return this.#fatal("Received Connect twice");
		this.#sessionId = message.sessionId;
		this.#clockSkewMs = message.clientTs === null ? null : Math.round(message.clientTs - Date.now());
		// The client has seen a later state than ours, such as another deployment's: it must not be shown an older one.
		if (message.maxObservedTs !== null && message.maxObservedTs > this.#engine.latestTs()) {
			this.#end(1011, "InternalServerError: maxObservedTimestamp is ahead of this backend");
		}
	}

	#modify(message: ClientMessage & { kind: "modify" }): void {
		if (message.baseVersion !== this.#received.querySet) {
			return this.#fatal(
				`ModifyQuerySet has base version ${message.baseVersion}, but the query set is at ${this.#received.querySet}`,
			);
		}
		if (message.newVersion <= message.baseVersion)
			return this.#fatal("ModifyQuerySet must raise the version");
		const { queryIds } = this.#received;
		for (const { kind, queryId } of message.changes) {
			if (kind === "add" && queryIds.has(queryId)) return this.#fatal(`Duplicate query ID: ${queryId}`);
			if (kind === "remove" && !queryIds.has(queryId)) return this.#fatal(`Nonexistent query: ${queryId}`);
			if (kind === "add") queryIds.add(queryId);
			else queryIds.delete(queryId);
		}
		this.#received.querySet = message.newVersion;
		this.#pending.push({ kind: "queries", newVersion: message.newVersion, changes: message.changes });
		this.#update();
	}

	async #authenticate(message: ClientMessage & { kind: "authenticate" }): Promise<void> {
		if (this.#sessionId === null) return this.#fatal("The first message must be Connect");
		if (message.baseVersion !== this.#received.identity) {
			return this.#fatal(
				`Authenticate has base version ${message.baseVersion}, but the identity is at ${this.#received.identity}`,
			);
		}
		const found = await this.#credentials(message);
		if (this.#closed) return;
		if (found.kind === "refused") {
			this.#wire.send(authErrorFrame(found.message, message.baseVersion, true));
			return this.#end(1000, found.code);
		}
		this.#received.identity = message.baseVersion + 1;
		this.#expiresAtMs = found.expiresAtMs ?? null;
		const { ip, userAgent } = this.#caller;
		this.#caller = { ...found.caller, ip: ip ?? null, userAgent: userAgent ?? null };
		this.#pending.push({ kind: "identity", caller: this.#caller });
		this.#update();
	}

	async #credentials(message: ClientMessage & { kind: "authenticate" }): Promise<Authenticated> {
		if (message.tokenType === "None") return { kind: "ok", caller: NOBODY };
		if (message.tokenType === "Admin") return this.#callers.admin(message.value, message.impersonating);
		return await this.#callers.token(message.value);
	}

	#mutate(message: ClientMessage & { kind: "mutation" | "action" }): void {
		if (this.#signedOut()) return;
		if (this.#queuedMutations >= MUTATION_QUEUE_MOST) return this.#end(1013, "TooManyConcurrentRequests");
		this.#queuedMutations++;
		const caller = this.#caller;
		const run = async () => {
			const request = { sessionId: this.#sessionId as string, requestId: message.requestId };
			const outcome = await this.#engine.mutation(message.path, message.argsJson, caller, request);
			if (this.#closed) return;
			this.#wire.send(responseFrame("mutation", message.requestId, outcome, outcome.ts));
			if (outcome.kind === "ok" && outcome.ts !== null) {
				if (outcome.ts > this.#cover) this.#cover = outcome.ts;
				this.#owed = true;
				this.#answeredSince++;
			}
			if (this.#owed && (this.#queuedMutations === 0 || this.#answeredSince >= COVERED_TOGETHER))
				this.#update();
		};
		this.#mutations = this.#mutations.then(async () => {
			this.#queuedMutations--;
			// What the client sent before it went away is not known to have arrived; it will send it again.
			if (this.#closed || this.#draining) return;
			this.#runningSince = this.#engine.latestTs();
			this.#running = run();
			try {
				await this.#running;
			} finally {
				this.#running = null;
			}
		});
		this.#mutations.catch((error) => this.#broken(error));
	}

	async #act(message: ClientMessage & { kind: "mutation" | "action" }): Promise<void> {
		if (this.#signedOut()) return;
		if (this.#actions >= ACTIONS_MOST) return this.#end(1013, "TooManyConcurrentRequests");
		this.#actions++;
		try {
			const outcome = await this.#engine.action(message.path, message.argsJson, this.#caller);
			if (!this.#closed) this.#wire.send(responseFrame("action", message.requestId, outcome, null));
		} catch (error) {
			this.#broken(error);
		} finally {
			this.#actions--;
		}
	}

	#update(): void {
		if (this.#updating || this.#closed) return;
		this.#updating = true;
		queueMicrotask(() => this.#updates().catch((error) => this.#broken(error)));
	}

	async #updates(): Promise<void> {
		try {
			while (!this.#closed && (this.#pending.length > 0 || this.#stale || this.#owed)) {
				while (this.#wire.unsentBytes() > UNSENT_MOST_BYTES && !this.#closed) await pause(UNSENT_RETRY_MS);
				if (this.#signedOut()) return;
				await this.#updateOnce();
			}
		} finally {
			// In one step with the last look at what is waiting, so that nothing falls between.
			this.#updating = false;
		}
	}

	async #updateOnce(): Promise<void> {
		const end = { ...this.#version };
		const { removed, told } = this.#applyPending(end);
		this.#stale = false;
		this.#answeredSince = 0;
		const { ts, results } = await this.#querySet.evaluate(later(this.#cover, this.#version.ts));
		for (const [queryId, { journal }] of results) {
			const query = this.#queries.get(queryId);
			if (query) query.journal = journal;
		}
		// A mutation under way may have committed at or before `ts`; its response must go first.
		if (this.#running && ts > this.#runningSince) await this.#running;
		if (this.#closed) return;
		if (!told && !this.#owed && results.size === 0) return;
		end.ts = later(ts, this.#version.ts);
		if (this.#cover <= end.ts) this.#owed = false;
		// Clients need it only to tell how long a token that was just confirmed still counts.
		const skewMs = end.identity > this.#version.identity ? this.#clockSkewMs : null;
		const frame = transitionFrame(this.#version, end, removed, results, skewMs);
		this.#version = end;
		for (const part of chunked(frame, randomUUID())) this.#wire.send(part);
	}
	/** Applies what came in; `told`: the client waits for an answer even when no result changed. */
	#applyPending(end: Version): { removed: Set<number>; told: boolean } {
		const removed = new Set<number>();
		const pending = this.#pending;
		this.#pending = [];
		this.#pendingBytes = 0;
		let caller: Caller | null = null;
		for (const change of pending) {
			if (change.kind === "identity") {
				caller = change.caller;
				end.identity++;
				this.#addAll(caller);
				continue;
			}
			end.querySet = change.newVersion;
			for (const one of change.changes) {
				if (one.kind === "remove") {
					this.#queries.delete(one.queryId);
					this.#querySet.remove(one.queryId);
					removed.add(one.queryId);
				} else {
					const query = { path: one.path, argsJson: one.argsJson, journal: one.journal };
					this.#queries.set(one.queryId, query);
					this.#querySet.add(one.queryId, { ...query, caller: this.#queryCaller });
					removed.delete(one.queryId);
				}
			}
		}
		return { removed, told: pending.length > 0 };
	}

	/** Another identity: every query runs again. */
	#addAll(caller: Caller): void {
		this.#queryCaller = caller;
		for (const [queryId, query] of this.#queries) {
			this.#querySet.remove(queryId);
			this.#querySet.add(queryId, { ...query, caller });
		}
	}

	/** An expired token acts no longer: the client is told to bring a new one. */
	#signedOut(): boolean {
		if (this.#expiresAtMs === null || Date.now() <= this.#expiresAtMs) return false;
		if (this.#closed) return true;
		this.#wire.send(authErrorFrame("Token expired", Math.max(0, this.#received.identity - 1), false));
		this.#end(1000, "Unauthenticated");
		return true;
	}

	#fatal(error: string): void {
		if (this.#closed) return;
		this.#wire.send(fatalFrame(error));
		this.#end(1000, "FatalError");
	}

	/** A bug or a lost engine: the client tries again. */
	#broken(error: unknown): void {
		if (this.#closed) return;
		this.#log(
			`sync socket failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
		);
		this.#end(1011, "InternalServerError");
	}

	#end(code: number, reason: string): void {
		if (this.#closed) return;
		this.dispose();
		this.#wire.close(code, reason.slice(0, 120));
	}
}

const later = (a: bigint, b: bigint) => (a > b ? a : b);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * The Backend port in memory: an honest one, with the rules of `convex/` for entries, forks, streams and
 * presence, and with faults that a test asks for. What it stores outlives a client, as a backend does.
 */
import type { Append, Appended, EntryPush } from "../../src/protocol/entry.ts";
import type { RefusalCode } from "../../src/protocol/errors.ts";
import { APPEND_MAX_BYTES, APPEND_MAX_ENTRIES, INLINE_ENTRY_BYTES } from "../../src/protocol/limits.ts";
import type { Beat, Leave, Present } from "../../src/protocol/presence.ts";
import type { Opened, OpenSession, UpdateSession } from "../../src/protocol/session.ts";
import type { DeltaOp, Push, StartStream } from "../../src/protocol/stream.ts";
import { type Backend, BackendError, type Connection, type LiveBackend } from "../../src/sync/ports.ts";

export type StoredEntry = EntryPush & { seq: number; json: string };
export type StoredSession = {
	open: OpenSession;
	entries: StoredEntry[];
	leafId: string | null;
	status: string;
	lastAppend: Append | null;
};
export type StoredStream = StartStream & {
	settled: number;
	settledEntryId: string | null;
	ops: DeltaOp[];
	/** Where each push begins. */
	starts: number[];
	pushes: number;
	ended: boolean;
};

/** lost: it never arrived. unanswered: it was done, the answer was lost. */
export type Fault = "lost" | "unanswered" | "refused" | "signedOut";
export type Call = keyof LiveBackend;

export class FakeStore {
	readonly sessions = new Map<string, StoredSession>();
	readonly streams = new Map<string, StoredStream>();
	readonly files = new Map<string, string>();
	readonly present = new Map<string, Beat>();
	readonly presenceListeners = new Set<() => void>();
	/** Called after every call that was done. */
	readonly changeListeners = new Set<() => void>();

	/** JSON of a session's entries as a reader sees them, what it shares with ancestors first. */
	read(sessionId: string): string[] {
		return this.#whole(sessionId).map((entry) => entry.json);
	}

	ids(sessionId: string): string[] {
		return this.#whole(sessionId).map((entry) => entry.entryId);
	}

	session(sessionId: string): StoredSession {
		const session = this.sessions.get(sessionId);
		if (!session) throw refused("session_unknown", `There is no session ${sessionId}.`);
		return session;
	}

	/** The stream that a reader would see. */
	live(sessionId: string): StoredStream | null {
		return (
			[...this.streams.values()].findLast((stream) => stream.sessionId === sessionId && !stream.ended) ?? null
		);
	}

	/** The part of an ancestor that a session shares: the way from the fork entry to the root. */
	shared(sessionId: string): StoredEntry[] {
		const lineage = this.sessions.get(sessionId)?.open.lineage;
		if (!lineage || lineage.forkEntryId === null || !this.sessions.has(lineage.parentSessionId)) return [];
		const byId = new Map(this.#whole(lineage.parentSessionId).map((entry) => [entry.entryId, entry]));
		const path: StoredEntry[] = [];
		for (
			let at = byId.get(lineage.forkEntryId);
			at;
			at = at.parentId === null ? undefined : byId.get(at.parentId)
		)
			path.unshift(at);
		return path;
	}

	#whole(sessionId: string): StoredEntry[] {
		return [...this.shared(sessionId), ...(this.sessions.get(sessionId)?.entries ?? [])];
	}
}

export class FakeBackend implements Backend {
	readonly url = "http://127.0.0.1:1";
	readonly loopback = true;
	readonly store: FakeStore;
	/** Names of calls in the order of their arrival, refused ones included. */
	readonly calls: string[] = [];
	/** Decides each call's fate. Default: all is well. */
	fault: (call: Call, args: unknown) => Fault | null = () => null;
	/** Delays each call's arrival; ends when the promise does. Default: not at all. */
	delay: ((call: Call) => Promise<void>) | null = null;
	/** Refuses entries whose JSON contains this. */
	poison: string | null = null;
	#connection: Connection = { kind: "connected" };
	readonly #listeners = new Set<(connection: Connection) => void>();

	constructor(store = new FakeStore()) {
		this.store = store;
	}

	connection(): Connection {
		return this.#connection;
	}

	connect(connection: Connection): void {
		this.#connection = connection;
		for (const listener of [...this.#listeners]) listener(connection);
	}

	onConnection(listener: (connection: Connection) => void): () => void {
		this.#listeners.add(listener);
		return () => void this.#listeners.delete(listener);
	}

	openSession(args: OpenSession): Promise<Opened> {
		return this.call("openSession", args, () => {
			let session = this.store.sessions.get(args.sessionId);
			if (!session) {
				session = { open: args, entries: [], leafId: null, status: "idle", lastAppend: null };
				this.store.sessions.set(args.sessionId, session);
			}
			const last = session.entries.at(-1);
			return {
				lastSeq: last?.seq ?? 0,
				lastEntryId: last?.entryId ?? null,
				entryCount: session.entries.length,
				leafId: session.leafId,
			};
		});
	}

	updateSession(args: UpdateSession): Promise<void> {
		return this.call("updateSession", args, () => {
			const session = this.store.session(args.sessionId);
			if (args.leafId !== undefined) session.leafId = args.leafId;
			if (args.status !== undefined) session.status = args.status;
		});
	}

	append(args: Append): Promise<Appended> {
		return this.call("append", args, () => this.taken(args));
	}

	protected taken(args: Append): Appended {
		const session = this.store.session(args.sessionId);
		if (args.entries.length > APPEND_MAX_ENTRIES) throw refused("too_large", "Too many entries.");
		if (sizeOf(args.entries) > APPEND_MAX_BYTES) throw refused("too_large", "Too many bytes.");
		const taken: StoredEntry[] = [];
		const conflicts: string[] = [];
		const shared = this.store.shared(args.sessionId);
		const held = new Map([...shared, ...session.entries].map((entry) => [entry.entryId, entry]));
		for (const push of args.entries) {
			const json = push.body.kind === "inline" ? push.body.json : this.store.files.get(push.body.storageId);
			if (json === undefined) throw refused("invalid", "No such file.");
			if (push.body.kind === "inline" && Buffer.byteLength(json) > INLINE_ENTRY_BYTES)
				throw refused("too_large", "Too large.");
			if (this.poison !== null && json.includes(this.poison))
				throw refused("invalid", `Entry ${push.entryId} is not to our taste.`);
			const known = held.get(push.entryId);
			if (known) {
				if (known.json !== json && !shared.includes(known)) conflicts.push(push.entryId);
				if (!shared.includes(known) || known.json === json) continue;
			}
			if (push.parentId !== null && !held.has(push.parentId) && !push.orphan) {
				throw refused("parent_missing", `${push.entryId} misses ${push.parentId}.`);
			}
			const stored = { ...push, json, seq: session.entries.length + taken.length + 1 };
			taken.push(stored);
			held.set(push.entryId, stored);
		}
		session.entries.push(...taken);
		session.lastAppend = args;
		if (args.leafId !== undefined) session.leafId = args.leafId;
		if (args.settles) settleStream(session, this.store.streams.get(args.settles.streamId), args.settles);
		const entryCount = session.entries.length;
		return {
			added: taken.length,
			lastSeq: entryCount,
			entryCount,
			...(conflicts.length > 0 ? { conflicts } : {}),
		};
	}

	missing(sessionId: string, entryIds: string[]): Promise<string[]> {
		return this.call("missing", { sessionId, entryIds }, () => {
			if (entryIds.length > 5000) throw refused("too_large", "Too many ids.");
			const held = new Set(this.store.sessions.has(sessionId) ? this.store.ids(sessionId) : []);
			return entryIds.filter((id) => !held.has(id));
		});
	}

	upload(json: string): Promise<string> {
		return this.call("upload", json, () => {
			const id = `file-${this.store.files.size + 1}`;
			this.store.files.set(id, json);
			return id;
		});
	}

	startStream(args: StartStream): Promise<void> {
		return this.call("startStream", args, () => {
			this.store.session(args.sessionId);
			if (this.store.streams.has(args.streamId)) return;
			for (const stream of this.store.streams.values()) {
				if (stream.sessionId === args.sessionId && stream.terminalId === args.terminalId) stream.ended = true;
			}
			this.store.streams.set(args.streamId, {
				...args,
				settled: 0,
				settledEntryId: args.afterEntryId ?? null,
				ops: [],
				starts: [],
				pushes: 0,
				ended: false,
			});
		});
	}

	pushStream(args: Push): Promise<number> {
		return this.call("pushStream", args, () => {
			const stream = this.store.streams.get(args.streamId);
			if (!stream || stream.ended) return -1;
			if (args.start !== stream.ops.length) return stream.ops.length;
			stream.starts.push(stream.ops.length);
			stream.ops.push(...(args.ops as DeltaOp[]));
			stream.pushes += 1;
			return stream.ops.length;
		});
	}

	endStream(streamId: string): Promise<void> {
		return this.call("endStream", streamId, () => {
			const stream = this.store.streams.get(streamId);
			if (stream) stream.ended = true;
		});
	}

	beat(args: Beat): Promise<void> {
		return this.call("beat", args, () => {
			this.store.present.set(args.clientId, args);
			for (const listener of this.store.presenceListeners) listener();
		});
	}

	leave(args: Leave): Promise<void> {
		return this.call("leave", args, () => {
			const { clientId, sessionId } = args;
			if (sessionId !== undefined && this.store.present.get(clientId)?.sessionId !== sessionId) return;
			this.store.present.delete(clientId);
			for (const listener of this.store.presenceListeners) listener();
		});
	}

	onPresence(sessionId: string, listener: (present: readonly Present[]) => void): () => void {
		const tell = (): void => {
			const here = [...this.store.present.values()].filter((beat) => beat.sessionId === sessionId);
			listener(
				here.map(({ clientId, kind, watching, label }) => ({ clientId, kind, watching, label, since: 0 })),
			);
		};
		this.store.presenceListeners.add(tell);
		queueMicrotask(tell);
		return () => void this.store.presenceListeners.delete(tell);
	}

	async close(): Promise<void> {
		this.#listeners.clear();
	}

	protected async call<T>(call: Call, args: unknown, run: () => T): Promise<T> {
		this.calls.push(call);
		if (this.delay) await this.delay(call);
		else await Promise.resolve();
		if (this.#connection.kind === "signedOut")
			throw new BackendError("signedOut", "signed_out", "Signed out.");
		const fault = this.#connection.kind === "connected" ? this.fault(call, args) : "lost";
		if (fault === "lost") throw new BackendError("unreachable", "unexpected", "Nobody answers.");
		if (fault === "signedOut") throw new BackendError("signedOut", "key_revoked", "The key was revoked.");
		if (fault === "refused") throw new BackendError("refused", "unexpected", "Server Error");
		const result = run();
		for (const listener of [...this.store.changeListeners]) listener();
		if (fault === "unanswered") throw new BackendError("unreachable", "unexpected", "No answer in time.");
		return result;
	}
}

/** As `settleStream` in `convex/model/streaming.ts`. */
function settleStream(
	session: StoredSession,
	stream: StoredStream | undefined,
	{ upTo, entryId: id }: NonNullable<Append["settles"]>,
): void {
	const entryId = id ?? null;
	if (!stream || stream.settled > upTo) return;
	const seqOf = (id: string | null): number => session.entries.find((one) => one.entryId === id)?.seq ?? 0;
	if (stream.settled < upTo || seqOf(entryId) > seqOf(stream.settledEntryId)) stream.settledEntryId = entryId;
	stream.settled = upTo;
}

export const refused = (code: RefusalCode, message: string): BackendError =>
	new BackendError("refused", code, message);

const sizeOf = (entries: readonly EntryPush[]): number =>
	entries.reduce((sum, { body }) => sum + (body.kind === "inline" ? Buffer.byteLength(body.json) : 0), 0);

/**
 * The LiveBackend port in memory: `FakeBackend` with the rules of `convex/` for the turn lock, prompts,
 * questions and what followers subscribe to. Subscriptions are told as the stock client tells them: all
 * that changed, of one state of the store, in one go. With `auto` off news wait until the test delivers.
 */
import type { Scope } from "../../src/protocol/access.ts";
import type { Append, Appended, EntryPage, EntryView } from "../../src/protocol/entry.ts";
import { INLINE_PROMPT_BYTES, TURN_LOCK_MS } from "../../src/protocol/limits.ts";
import type { Place } from "../../src/protocol/presence.ts";
import type {
	AcceptedPrompt,
	AcceptPrompt,
	AdvancePrompt,
	PromptState,
	PromptView,
	SendPrompt,
} from "../../src/protocol/prompt.ts";
import type { Answer, Answered, Ask, QuestionView } from "../../src/protocol/question.ts";
import type { Live, SessionView, UpdateSession } from "../../src/protocol/session.ts";
import type { Delta, StartStream, StreamView } from "../../src/protocol/stream.ts";
import type {
	Acquire,
	Acquired,
	Attachable,
	HeldLock,
	Holder,
	Released,
	Renewed,
	TakeOver,
	TurnLock,
} from "../../src/protocol/turn-lock.ts";
import type { LiveBackend } from "../../src/sync/ports.ts";
import { FakeBackend, FakeStore, refused, type StoredEntry, type StoredStream } from "./fake-backend.ts";
import { FakeClock } from "./fake-clock.ts";

type StoredLock = { epoch: number; holder: Holder | null; expiresAt: number };
type StoredPrompt = PromptView & { sessionId: string; acceptedEpoch: number | null };

/** Pushes that `streams:tail` gives. */
const TAIL_PUSHES = 2;
const ENDED = new Set<PromptState>(["done", "failed", "withdrawn", "returned"]);

export class FakeLiveStore extends FakeStore {
	readonly clock: FakeClock;
	readonly locks = new Map<string, StoredLock>();
	readonly prompts = new Map<string, StoredPrompt>();
	readonly questions = new Map<string, QuestionView>();
	readonly places = new Map<string, Place>();

	constructor(clock = new FakeClock()) {
		super();
		this.clock = clock;
	}

	/** The holder while its time is not over. */
	held(sessionId: string): StoredLock | null {
		const lock = this.locks.get(sessionId);
		return lock?.holder && lock.expiresAt > this.clock.now() ? lock : null;
	}

	give({ sessionId, terminalId, label }: Acquire): Acquired {
		const now = this.clock.now();
		const before = this.locks.get(sessionId);
		const epoch = (before?.epoch ?? 0) + 1;
		const holder = { terminalId, label, acquiredAt: now };
		this.locks.set(sessionId, { epoch, holder, expiresAt: now + TURN_LOCK_MS });
		this.#endDriving(sessionId, (other) => other !== terminalId);
		if (before?.holder && before.holder.terminalId !== terminalId) this.session(sessionId).status = "idle";
		this.#expireAt(sessionId, epoch);
		return this.acquired(sessionId);
	}

	acquired(sessionId: string): Acquired {
		const { epoch, expiresAt } = this.locks.get(sessionId) as StoredLock;
		const { entries, leafId } = this.session(sessionId);
		return { kind: "acquired", epoch, expiresAt, lastSeq: entries.length, leafId };
	}

	/** The epoch that counts when `epoch` is an old one. */
	staleFor(sessionId: string, epoch: number | undefined): number | null {
		const counts = this.locks.get(sessionId)?.epoch ?? 0;
		return epoch === undefined || epoch === counts ? null : counts;
	}

	changed(): void {
		for (const listener of [...this.changeListeners]) listener();
	}

	#expireAt(sessionId: string, epoch: number): void {
		const { expiresAt } = this.locks.get(sessionId) as StoredLock;
		this.clock.after(expiresAt - this.clock.now(), () => {
			const lock = this.locks.get(sessionId);
			if (!lock?.holder || lock.epoch !== epoch) return;
			if (lock.expiresAt > this.clock.now()) return this.#expireAt(sessionId, epoch);
			const lost = lock.holder.terminalId;
			lock.holder = null;
			this.#endDriving(sessionId, (terminalId) => terminalId === lost);
			this.session(sessionId).status = "idle";
			this.changed();
		});
	}

	#endDriving(sessionId: string, who: (terminalId: string) => boolean): void {
		for (const stream of this.streams.values())
			if (stream.sessionId === sessionId && who(stream.terminalId)) stream.ended = true;
		for (const prompt of this.prompts.values()) {
			const isOpen = prompt.state === "accepted" || prompt.state === "started";
			if (prompt.sessionId !== sessionId || !isOpen || !who(prompt.acceptedBy ?? "")) continue;
			Object.assign(prompt, { state: "failed", reason: "The terminal was lost.", json: null });
		}
		for (const [id, question] of this.questions)
			if (question.sessionId === sessionId && who(question.terminalId)) this.questions.delete(id);
	}
}

export type Query = { read: () => unknown; told: string | null; tell: (json: string) => void };

export class FakeLiveBackend extends FakeBackend implements LiveBackend {
	declare readonly store: FakeLiveStore;
	/** False: news wait for `deliver`. */
	auto = true;
	granted: Scope[] = ["read", "write", "control"];
	readonly #queries = new Set<Query>();
	#scheduled = false;

	constructor(store = new FakeLiveStore()) {
		super(store);
		store.changeListeners.add(() => this.#soon());
		this.onConnection(() => this.#soon());
	}

	/** Tells what has changed since it was last told. @param order of the queries; default: as they were made. */
	deliver(order: (queries: Query[]) => Query[] = (queries) => queries): void {
		if (this.connection().kind !== "connected") return;
		const news = [...this.#queries].map((query) => ({ query, json: JSON.stringify(query.read()) }));
		for (const query of order([...this.#queries])) {
			const json = news.find((one) => one.query === query)?.json;
			if (json === undefined || json === query.told || !this.#queries.has(query)) continue;
			query.told = json;
			query.tell(json);
		}
	}

	#soon(): void {
		if (!this.auto || this.#scheduled) return;
		this.#scheduled = true;
		queueMicrotask(() => {
			this.#scheduled = false;
			if (this.auto) this.deliver();
		});
	}

	#listen<T>(read: () => T, listener: (value: T) => void): () => void {
		const query: Query = { read, told: null, tell: (json) => listener(JSON.parse(json) as T) };
		this.#queries.add(query);
		this.#soon();
		return () => void this.#queries.delete(query);
	}

	protected override taken(args: Append): Appended {
		const stale = this.store.staleFor(args.sessionId, args.epoch);
		if (stale === null) return super.taken(args);
		const { leafId: _leafId, settles: _settles, ...rest } = args;
		return { ...super.taken(rest), staleEpoch: stale };
	}

	override async startStream(args: StartStream): Promise<void> {
		const stale = this.store.staleFor(args.sessionId, args.epoch);
		if (stale !== null) throw refused("stale_epoch", `The turn lock went on to epoch ${stale}.`);
		await super.startStream(args);
	}

	override async updateSession(args: UpdateSession): Promise<void> {
		const stale = this.store.staleFor(args.sessionId, args.epoch);
		if (stale !== null) throw refused("stale_epoch", `The turn lock went on to epoch ${stale}.`);
		await super.updateSession(args);
	}

	acquireLock(args: Acquire, _deadlineMs?: number): Promise<Acquired> {
		return this.call("acquireLock", args, () => {
			this.store.session(args.sessionId);
			const held = this.store.held(args.sessionId);
			if (!held) return this.store.give(args);
			if (held.holder?.terminalId !== args.terminalId) return heldBy(held);
			held.expiresAt = this.store.clock.now() + TURN_LOCK_MS;
			return this.store.acquired(args.sessionId);
		});
	}

	takeOverLock(args: TakeOver): Promise<Acquired> {
		return this.call("takeOverLock", args, () => {
			const held = this.store.held(args.sessionId);
			if (held?.holder?.terminalId === args.terminalId) return this.store.acquired(args.sessionId);
			return held && held.epoch !== args.epoch ? heldBy(held) : this.store.give(args);
		});
	}

	renewLock(args: HeldLock): Promise<Renewed> {
		return this.call("renewLock", args, () => {
			const held = this.store.held(args.sessionId);
			if (!held || held.epoch !== args.epoch || held.holder?.terminalId !== args.terminalId)
				return this.#lost(args.sessionId);
			held.expiresAt = this.store.clock.now() + TURN_LOCK_MS;
			return { kind: "renewed", expiresAt: held.expiresAt };
		});
	}

	releaseLock(args: HeldLock): Promise<Released> {
		return this.call("releaseLock", args, () => {
			const held = this.store.held(args.sessionId);
			if (held?.epoch === args.epoch && held.holder?.terminalId === args.terminalId) {
				held.holder = null;
				for (const [id, question] of this.store.questions)
					if (question.terminalId === args.terminalId) this.store.questions.delete(id);
				return { kind: "released" };
			}
			const lost = this.#lost(args.sessionId);
			return lost.holder === null && lost.epoch === args.epoch ? { kind: "released" } : lost;
		});
	}

	#lost(sessionId: string): { kind: "lost"; epoch: number; holder: Holder | null } {
		const epoch = this.store.locks.get(sessionId)?.epoch ?? 0;
		return { kind: "lost", epoch, holder: this.store.held(sessionId)?.holder ?? null };
	}

	onTurnLock(sessionId: string, listener: (lock: TurnLock) => void): () => void {
		return this.#listen(() => {
			const { epoch = 0, holder = null } = this.store.locks.get(sessionId) ?? {};
			return { epoch, holder };
		}, listener);
	}

	onLive(sessionId: string, listener: (live: Live | null) => void): () => void {
		return this.#listen(() => {
			const session = this.store.sessions.get(sessionId);
			if (!session) return null;
			return {
				leafId: session.leafId,
				lastSeq: session.entries.length,
				status: session.status as Live["status"],
			};
		}, listener);
	}

	onEntries(
		{ sessionId, afterSeq, limit }: { sessionId: string; afterSeq: number; limit: number },
		listener: (entries: readonly EntryView[]) => void,
	): () => void {
		return this.#listen(() => {
			const own = this.store.sessions.get(sessionId)?.entries ?? [];
			return own.slice(afterSeq, afterSeq + limit).map((entry) => entryView(sessionId, entry));
		}, listener);
	}

	onStream(sessionId: string, listener: (stream: StreamView | null) => void): () => void {
		return this.#listen(() => {
			const stream = this.store.live(sessionId);
			return stream && streamView(stream);
		}, listener);
	}

	onStreamTail(streamId: string, listener: (deltas: readonly Delta[]) => void): () => void {
		return this.#listen(() => {
			const stream = this.#stream(streamId);
			const start = stream?.starts.at(-TAIL_PUSHES) ?? stream?.starts[0];
			if (!stream || start === undefined) return [];
			return [{ start, end: stream.ops.length, ops: stream.ops.slice(start) }];
		}, listener);
	}

	readStream(streamId: string, start: number): Promise<Delta[]> {
		return this.call("readStream", { streamId, start }, () => {
			const stream = this.#stream(streamId);
			if (!stream) return [];
			const first = Math.max(
				0,
				stream.starts.findLastIndex((one) => one <= start),
			);
			return stream.starts.slice(first).flatMap((from, index) => {
				const to = stream.starts[first + index + 1] ?? stream.ops.length;
				return to > start ? [{ start: from, end: to, ops: stream.ops.slice(from, to) }] : [];
			});
		});
	}

	#stream(streamId: string): StoredStream | null {
		const stream = this.store.streams.get(streamId);
		return stream && !stream.ended ? stream : null;
	}

	entriesPage(sessionId: string, cursor: string | null, limit: number): Promise<EntryPage> {
		return this.call("entriesPage", { sessionId, cursor }, () => {
			const all = [...this.store.shared(sessionId), ...this.store.session(sessionId).entries].reverse();
			const from = cursor === null ? 0 : all.findIndex(({ entryId }) => entryId === cursor) + 1;
			const page = all.slice(from, from + limit);
			const isLast = from + limit >= all.length;
			const entries = page.map((entry) => entryView(sessionId, entry));
			return { entries, cursor: isLast ? null : (page.at(-1)?.entryId ?? null) };
		});
	}

	entryJson({ json, url }: Pick<EntryView, "json" | "url">): Promise<string> {
		if (json !== null) return Promise.resolve(json);
		return this.call("entryJson", url, () => {
			const stored = url === null ? undefined : this.store.files.get(url);
			if (stored === undefined) throw refused("invalid", "No such file.");
			return stored;
		});
	}

	session(sessionId: string): Promise<SessionView | null> {
		return this.call("session", sessionId, () => this.#view(sessionId));
	}

	#view(sessionId: string): SessionView | null {
		const session = this.store.sessions.get(sessionId);
		if (!session) return null;
		const { open, entries, leafId, status } = session;
		return {
			...{
				sessionId,
				source: open.source,
				via: "pi" as const,
				durationMs: null,
				projectPath: open.projectPath,
				projectName: open.projectName,
			},
			...{ gitBranch: null, machine: open.machine, title: null, model: null, provider: null },
			...{ thinkingLevel: null, status: status as SessionView["status"], leafId, cost: 0, endedAt: null },
			lineage: open.lineage ?? null,
			tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
			...{ entryCount: entries.length, lastSeq: entries.length, messageCount: 0, toolCallCount: 0 },
			...{ startedAt: open.startedAt, updatedAt: open.startedAt },
		};
	}

	header(sessionId: string): Promise<string | null> {
		return this.call("header", sessionId, () => this.store.sessions.get(sessionId)?.open.header ?? null);
	}

	attachable(limit: number): Promise<Attachable[]> {
		return this.call("attachable", limit, () =>
			[...this.store.sessions.keys()].slice(0, limit).map((sessionId) => ({
				session: this.#view(sessionId) as SessionView,
				holder: this.store.held(sessionId)?.holder ?? null,
				terminals: [...this.store.present.values()].filter((beat) => beat.sessionId === sessionId).length,
			})),
		);
	}

	scopes(): Promise<Scope[]> {
		return this.call("scopes", null, () => this.granted);
	}

	sendPrompt(args: SendPrompt): Promise<PromptState> {
		return this.call("sendPrompt", args, () => {
			const { sessionId, promptId, terminalId, kind, body } = args;
			this.store.session(sessionId);
			const known = this.store.prompts.get(promptId);
			if (known) return known.state;
			const json = body.kind === "inline" ? body.json : null;
			if (json !== null && Buffer.byteLength(json) > INLINE_PROMPT_BYTES)
				throw refused("too_large", "Too large.");
			this.store.prompts.set(promptId, {
				...{ sessionId, promptId, terminalId, kind, state: "queued", json },
				url: body.kind === "stored" ? body.storageId : null,
				...{ reason: null, acceptedBy: null, acceptedEpoch: null, createdAt: this.store.clock.now() },
			});
			return "queued";
		});
	}

	withdrawPrompt(promptId: string): Promise<PromptState> {
		return this.call("withdrawPrompt", promptId, () => {
			const prompt = this.#prompt(promptId);
			if (prompt.state === "queued") Object.assign(prompt, { state: "withdrawn", json: null });
			return prompt.state;
		});
	}

	acceptPrompt(args: AcceptPrompt): Promise<AcceptedPrompt> {
		return this.call("acceptPrompt", args, () => {
			const { promptId, terminalId, epoch } = args;
			const prompt = this.#prompt(promptId);
			const held = this.store.held(prompt.sessionId);
			if (held?.holder?.terminalId !== terminalId || held.epoch !== epoch)
				throw refused("stale_epoch", "The terminal does not hold the turn lock.");
			if (prompt.state === "queued") {
				Object.assign(prompt, { state: "accepted", acceptedBy: terminalId, acceptedEpoch: epoch });
				return { kind: "accepted" };
			}
			const again = prompt.acceptedBy === terminalId && prompt.acceptedEpoch === epoch;
			return prompt.state === "accepted" && again
				? { kind: "accepted" }
				: { kind: "gone", state: prompt.state };
		});
	}

	advancePrompt(args: AdvancePrompt): Promise<void> {
		return this.call("advancePrompt", args, () => {
			const { promptId, terminalId, state, reason = null } = args;
			const prompt = this.store.prompts.get(promptId);
			if (!prompt || prompt.acceptedBy !== terminalId || ENDED.has(prompt.state)) return;
			if (state !== "started") Object.assign(prompt, { state, reason, json: null });
			else if (prompt.state === "accepted") prompt.state = state;
		});
	}

	onPrompts(sessionId: string, listener: (prompts: readonly PromptView[]) => void): () => void {
		return this.#listen(() => {
			const own = [...this.store.prompts.values()].filter((one) => one.sessionId === sessionId);
			return own.map(({ sessionId: _session, acceptedEpoch: _epoch, ...view }) => view);
		}, listener);
	}

	#prompt(promptId: string): StoredPrompt {
		const prompt = this.store.prompts.get(promptId);
		if (!prompt) throw refused("invalid", `There is no prompt ${promptId}.`);
		return prompt;
	}

	ask(args: Ask): Promise<void> {
		return this.call("ask", args, () => {
			this.store.session(args.sessionId);
			if (this.store.questions.has(args.questionId)) return;
			this.store.questions.set(args.questionId, {
				...args,
				answer: null,
				createdAt: this.store.clock.now(),
			});
		});
	}

	answer({ questionId, terminalId, value }: Answer): Promise<Answered> {
		return this.call("answer", { questionId, value }, () => {
			const question = this.store.questions.get(questionId);
			if (!question) return { kind: "late" };
			const before = question.answer;
			if (!before) question.answer = { value, terminalId };
			const isFirst = !before || (before.terminalId === terminalId && before.value === value);
			return { kind: isFirst ? "first" : "late" };
		});
	}

	closeQuestion(questionId: string): Promise<void> {
		return this.call("closeQuestion", questionId, () => void this.store.questions.delete(questionId));
	}

	onQuestions(sessionId: string, listener: (questions: readonly QuestionView[]) => void): () => void {
		return this.#listen(
			() => [...this.store.questions.values()].filter((one) => one.sessionId === sessionId),
			listener,
		);
	}

	onPlace(clientId: string, listener: (place: Place | null) => void): () => void {
		return this.#listen(() => this.store.places.get(clientId) ?? null, listener);
	}
}

function heldBy({ epoch, holder, expiresAt }: StoredLock): Acquired {
	return { kind: "held", epoch, holder: holder as Holder, expiresAt };
}

function entryView(sessionId: string, entry: StoredEntry): EntryView {
	const { entryId, parentId, seq, type, timestamp, json, body } = entry;
	const isInline = body.kind === "inline";
	return {
		...{ sessionId, entryId, parentId, seq, type, timestamp },
		json: isInline ? json : null,
		url: isInline ? null : body.storageId,
		bytes: Buffer.byteLength(json),
		columns: {},
	};
}

function streamView({ streamId, terminalId, startedAt, settled, settledEntryId }: StoredStream): StreamView {
	return { streamId, terminalId, startedAt, settled, settledEntryId };
}

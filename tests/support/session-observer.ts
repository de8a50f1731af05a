/**
 * Somebody who looks on from outside: the stock client of npm `convex` and function names, with no code of
 * ours between. It keeps all it ever saw, so that a test can ask what was there at which moment.
 */
import { ConvexClient } from "convex/browser";
import { type FunctionReference, makeFunctionReference } from "convex/server";

const query = (name: string) => makeFunctionReference<"query">(name) as FunctionReference<"query">;

type StoredEntry = { entryId: string; seq: number; json: string | null; [column: string]: unknown };
type Delta = { start: number; end: number; ops: unknown[][] };
type SessionRow = Record<string, unknown> & { sessionId: string; status: string };

export class SessionObserver {
	readonly #client: ConvexClient;
	readonly #clientId = crypto.randomUUID();
	readonly #stops: (() => void)[] = [];
	#sessions: SessionRow[] = [];

	private constructor(client: ConvexClient) {
		this.#client = client;
	}

	static async connect(url: string, siteUrl: string, apiKey: string): Promise<SessionObserver> {
		const client = new ConvexClient(url, { logger: false, skipConvexDeploymentUrlCheck: true });
		client.setAuth(async () => {
			try {
				const response = await fetch(`${siteUrl}/auth/token`, {
					method: "POST",
					headers: { Authorization: `Bearer ${apiKey}` },
				});
				return ((await response.json()) as { token?: string }).token ?? null;
			} catch {
				return null;
			}
		});
		const observer = new SessionObserver(client);
		const paginationOpts = { numItems: 100, cursor: null };
		observer.#subscribe("sessions:list", { paginationOpts }, (result) => {
			observer.#sessions = (result as { page: SessionRow[] }).page;
		});
		return observer;
	}

	/** Newest first. */
	get sessions(): SessionRow[] {
		return this.#sessions;
	}

	/** Waits until something is so; the error names what it waited for. */
	async until<T>(what: string, find: () => T | null | undefined | false, deadlineMs = 15_000): Promise<T> {
		const end = Date.now() + deadlineMs;
		for (;;) {
			const found = find();
			if (found) return found;
			if (Date.now() > end) throw new Error(`Waited ${deadlineMs} ms to see ${what}.`);
			await Bun.sleep(15);
		}
	}

	/** The session that an opened Pi drives, once it is there. */
	async session(which: (row: SessionRow) => boolean = () => true): Promise<SessionRow> {
		return await this.until("the session", () => this.#sessions.find(which));
	}

	/** Follows one session: its own entries, and its running stream delta by delta. */
	watch(sessionId: string): WatchedSession {
		const watched = new WatchedSession();
		this.#subscribe("entries:tail", { sessionId, afterSeq: 0, limit: 200 }, (entries) => {
			watched.sawEntries(entries as StoredEntry[]);
		});
		let stopTail: () => void = () => {};
		let following: string | null = null;
		this.#subscribe("streams:current", { sessionId }, (stream) => {
			const current = stream as { streamId: string; settled: number } | null;
			watched.sawStream(current);
			if (!current || current.streamId === following) return;
			stopTail();
			following = current.streamId;
			const { streamId } = current;
			watched.beginStream(streamId);
			// The tail is short by design: what came before it is read.
			let reading = Promise.resolve();
			stopTail = this.#subscribe("streams:tail", { streamId }, (result) => {
				const deltas = result as Delta[];
				reading = reading
					.then(async () => {
						while (watched.isGap(streamId, deltas)) {
							const read = await this.ask<Delta[]>("streams:read", { streamId, start: watched.end });
							if (read.length === 0) return;
							watched.sawDeltas(streamId, read);
						}
						watched.sawDeltas(streamId, deltas);
					})
					.catch(() => {});
			});
		});
		return watched;
	}

	/** Asks once. */
	async ask<T>(name: string, args: Record<string, unknown>): Promise<T> {
		return (await this.#client.query(query(name), args)) as T;
	}

	/** All entries that a session shows, its ancestors' shared part included, oldest first. */
	async wholeSession(sessionId: string): Promise<StoredEntry[]> {
		const all: StoredEntry[] = [];
		let cursor: string | null = null;
		do {
			const page: { entries: StoredEntry[]; cursor: string | null } = await this.ask("entries:page", {
				sessionId,
				cursor,
				limit: 100,
			});
			all.push(...page.entries);
			cursor = page.cursor;
		} while (cursor !== null);
		return all.reverse();
	}

	/** Shows up at a session as a page that looks on. */
	async beHere(sessionId: string, label: string): Promise<void> {
		const beat = makeFunctionReference<"mutation">("presence:beat");
		await this.#client.mutation(beat, {
			clientId: this.#clientId,
			kind: "dashboard",
			sessionId,
			watching: true,
			label,
		});
	}

	async leave(): Promise<void> {
		await this.#client.mutation(makeFunctionReference<"mutation">("presence:leave"), {
			clientId: this.#clientId,
		});
	}

	async close(): Promise<void> {
		for (const stop of this.#stops) stop();
		await this.#client.close();
	}

	#subscribe(name: string, args: Record<string, unknown>, take: (result: unknown) => void): () => void {
		const unsubscribe = this.#client.onUpdate(query(name), args, take, () => {});
		let over = false;
		const stop = () => {
			if (!over) unsubscribe();
			over = true;
		};
		this.#stops.push(stop);
		return stop;
	}
}

/** What was seen of one session. */
export class WatchedSession {
	entries: StoredEntry[] = [];
	/** Whether a stream is on right now. */
	streaming = false;
	settled = 0;
	/** Text of the stream's messages as it grew: one element whenever more was seen. */
	readonly texts: string[] = [];
	readonly ops: unknown[][] = [];
	#streamId = "";
	#end = 0;

	sawEntries(entries: StoredEntry[]): void {
		this.entries = entries;
	}

	sawStream(stream: { settled: number } | null): void {
		this.streaming = stream !== null;
		this.settled = stream?.settled ?? 0;
	}

	get end(): number {
		return this.#end;
	}

	beginStream(streamId: string): void {
		this.#streamId = streamId;
		this.#end = 0;
	}

	isGap(streamId: string, deltas: Delta[]): boolean {
		return streamId === this.#streamId && (deltas[0]?.start ?? 0) > this.#end;
	}

	sawDeltas(streamId: string, deltas: Delta[]): void {
		if (streamId !== this.#streamId) return;
		for (const delta of deltas) {
			if (delta.end <= this.#end) continue;
			this.ops.push(...delta.ops.slice(Math.max(0, this.#end - delta.start)));
			this.#end = delta.end;
		}
		this.texts.push(this.text);
	}

	/** All answer text that came as deltas. */
	get text(): string {
		return this.ops.flatMap((op) => (op[0] === "t" ? [op[2] as string] : [])).join("");
	}

	/** Text of what `kind` ops say: "h" thinking, "a" arguments, "o" tool output. */
	said(kind: string): string {
		return this.ops.flatMap((op) => (op[0] === kind ? [op.at(-1) as string] : [])).join("");
	}

	get json(): unknown[] {
		return this.entries.map((entry) => JSON.parse(entry.json ?? "null"));
	}

	byRole(role: string): StoredEntry[] {
		return this.entries.filter((entry) => (entry.columns as { role?: string }).role === role);
	}
}

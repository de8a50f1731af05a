/**
 * Records one session at a hosted OpenSync: each message once, final, in the order of the file, and the
 * session itself before the first of them, after each run and at the end (`record-telling.ts` says when).
 * What an answer was lost for is sent again: under the same id it is the same message. Nothing live goes
 * there, and no caller waits for the network.
 *
 *   wake ──> loop: load, adopt ──> session ──> message … message ──> session ──> idle
 *                   ^                 │
 *                   └── back-off <── no answer, server error; a minute for a wrong key or address
 */
import { backoffMs } from "../lib/backoff.ts";
import type { SyncReport } from "./contract.ts";
import { messageOf } from "./entry-push.ts";
import { Pause } from "./pause.ts";
import type { PostOutcome, SourceEntry } from "./ports.ts";
import type { RecordState, RecordSync, RecordSyncOptions } from "./record-contract.ts";
import { mayBeMessage, recordMessage } from "./record-message.ts";
import { RecordOutbox } from "./record-outbox.ts";
import { RecordTelling, type Told } from "./record-telling.ts";
import { Waiters } from "./waiters.ts";

/** A key or an address that is wrong: nobody expects that it becomes right at once. */
const CLOSED_PAUSE_MS = 60_000;
/** The most that a server may ask us to wait. */
const MOST_PAUSE_MS = 10 * 60_000;
/** Server errors at one message before it is set aside. */
const TRIES = 5;
/** How often a session of which nothing is known here is asked for before it is taken for new. */
const ADOPT_TRIES = 3;

type Trouble = Pick<RecordState, "link" | "reason">;
type Failure = Extract<PostOutcome, { kind: "retry" | "closed" }>;
/** `moved`: something is different, but nothing is known of the destination. `nothing`: there is no work. */
type Step = Failure | { kind: "ok" } | { kind: "moved" } | { kind: "nothing" };

export function createRecordSync(options: RecordSyncOptions): RecordSync {
	return new Recorder(options);
}

class Recorder implements RecordSync {
	readonly #options: RecordSyncOptions;
	readonly #outbox: RecordOutbox;
	readonly #telling: RecordTelling;
	readonly #waiters: Waiters;
	readonly #pause: Pause;
	readonly #hidden: Record<string, number> = {};
	readonly #listeners = new Set<(state: RecordState) => void>();
	#loaded = false;
	#adoptTries = 0;
	#recheckWanted = false;
	#running = false;
	#looping = false;
	#disposed = false;
	#scheduled: (() => void) | null = null;
	#trouble: Trouble | null = null;
	#failures = 0;
	/** Server errors in a row at the same message. */
	#tries = 0;
	#sentCount = 0;
	/** The journal says that something waits. */
	#isNoted = false;
	/** The journal was told at least once how things stand. */
	#isSettled = false;

	constructor(options: RecordSyncOptions) {
		this.#options = options;
		const { source, clock } = options;
		this.#outbox = new RecordOutbox(source.sessionId);
		this.#telling = new RecordTelling(options);
		this.#waiters = new Waiters(clock);
		this.#pause = new Pause(clock);
		this.#kick();
	}

	wake(): void {
		this.#kick();
	}

	beginRun(): void {
		this.#running = true;
		this.#kick();
	}

	endRun(): void {
		this.#running = false;
		this.#kick();
	}

	state(): RecordState {
		const calm: Trouble = { link: this.#loaded ? "recording" : "connecting", reason: null };
		return {
			host: new URL(this.#options.destination.url).host,
			...(this.#trouble ?? calm),
			queued: this.#outbox.queued,
			sentCount: this.#sentCount,
			parked: this.#outbox.parked,
			hidden: { ...this.#hidden },
		};
	}

	onState(listener: (state: RecordState) => void): () => void {
		this.#listeners.add(listener);
		return () => void this.#listeners.delete(listener);
	}

	async resync(): Promise<SyncReport> {
		if (this.#disposed) return { kind: "failed", message: "The record was ended." };
		const sent = this.#sentCount;
		this.#recheckWanted = true;
		this.#telling.retryRefused();
		const ended = this.#waiters.next();
		this.#kick();
		this.#pause.hurry();
		if ((await ended) !== "idle")
			return { kind: "failed", message: this.#trouble?.reason ?? "The record was ended." };
		return {
			kind: "done",
			checked: this.#options.source.entries().length,
			sent: this.#sentCount - sent,
			parked: this.#outbox.parked.length,
		};
	}

	async flush(deadlineMs: number): Promise<boolean> {
		if (this.#disposed) return false;
		const ended = this.#waiters.end(deadlineMs);
		this.#kick();
		return (await ended) === "idle";
	}

	async dispose(): Promise<void> {
		if (this.#disposed) return;
		this.#disposed = true;
		this.#scheduled?.();
		this.#pause.hurry();
		this.#listeners.clear();
		this.#waiters.wake("disposed");
		this.#look();
		await this.#note();
	}

	/** @param afterMs default: soon, and never in the caller's time. */
	#kick(afterMs = 0): void {
		if (this.#disposed || this.#looping) return;
		this.#scheduled?.();
		this.#scheduled = this.#options.clock.after(afterMs, () => {
			this.#scheduled = null;
			this.#looping = true;
			void this.#loop().then(() => {
				this.#looping = false;
				this.#rest();
			});
		});
	}

	/** Looks at what came to the source. @returns whether somebody has said something. */
	#look(): boolean {
		// Pi makes the list anew for each who asks.
		const entries = this.#options.source.entries();
		this.#outbox.take(entries);
		return this.#telling.count(entries);
	}

	/** There was nothing left to do; what came meanwhile is found here. */
	#rest(): void {
		if (this.#disposed) return;
		const hasBegun = this.#look();
		if (this.#recheckWanted || (hasBegun && this.#outbox.next())) return this.#kick();
		const told = hasBegun && this.#loaded ? this.#telling.now : null;
		const dueMs = told === null ? null : this.#dueMs(told);
		if (dueMs !== null) this.#kick(dueMs);
		this.#tell();
		// With an update that only waits for its moment there is nothing that flushing could do.
		if (dueMs !== 0) this.#waiters.wake("idle");
	}

	async #loop(): Promise<void> {
		while (!this.#disposed) {
			const step = await this.#step().catch(
				// A fault of ours or of the source: it must neither end the record nor spin.
				(error: unknown): Step => ({
					kind: "retry",
					reason: messageOf(error),
					afterMs: null,
					isServerError: false,
				}),
			);
			if (step.kind === "nothing") return;
			if (step.kind === "retry" || step.kind === "closed") await this.#failed(step);
			else if (step.kind === "ok") this.#succeeded();
		}
	}

	async #step(): Promise<Step> {
		const hasBegun = this.#look();
		if (!this.#loaded) return await this.#load();
		if (this.#recheckWanted) return await this.#recheck();
		if (!hasBegun) return NOTHING;
		const entry = this.#outbox.next();
		const isNew = this.#outbox.mark.session === null && !this.#telling.isRefused;
		if (entry && !isNew) return await this.#sendEntry(entry);
		const told = await this.#telling.told();
		if (this.#dueMs(told) === 0) return await this.#sendSession(told);
		if (entry) return await this.#sendEntry(entry);
		if (this.#outbox.standsAside) return await this.#retryAside();
		// An earlier Pi may have ended between the last answer and its note; and what came last may be no message.
		if (!this.#isSettled || this.#isNoted) await this.#note();
		this.#isSettled = true;
		return NOTHING;
	}

	/** Nothing is left to try but what stands aside. */
	async #retryAside(): Promise<Step> {
		const isWell = this.#outbox.isAsideAlone && (await this.#options.destination.check()).kind === "ok";
		if (!isWell) {
			this.#outbox.takeBack();
			return again("OpenSync keeps failing at a message.");
		}
		this.#outbox.resolveAside();
		await this.#note();
		return { kind: "moved" };
	}

	async #load(): Promise<Step> {
		const { journal, source, destination } = this.#options;
		const mark = await journal.read();
		if (mark) {
			this.#outbox.load(mark);
			this.#telling.load(mark.session);
		} else if (source.entries().some(isAnswer)) {
			// Of another machine, or of the time before pi-opensync: it may be there already.
			const recorded = await destination.recorded(source.sessionId);
			if (recorded.kind === "held") this.#outbox.adopt(recorded);
			if (recorded.kind === "unknown" && this.#adoptTries < ADOPT_TRIES) {
				const outcome = await destination.check();
				if (outcome.kind === "retry" || outcome.kind === "closed") return outcome;
				this.#adoptTries += 1;
				return again("What is recorded already cannot be read.");
			}
		}
		this.#loaded = true;
		return { kind: "moved" };
	}

	async #recheck(): Promise<Step> {
		const { destination, source } = this.#options;
		const recorded = await destination.recorded(source.sessionId);
		if (recorded.kind === "unknown") {
			const outcome = await destination.check();
			if (outcome.kind === "retry" || outcome.kind === "closed") return outcome;
		}
		this.#recheckWanted = false;
		this.#outbox.recheck(recorded);
		return { kind: "ok" };
	}

	async #sendEntry(entry: SourceEntry): Promise<Step> {
		const { source, kept, destination, clock } = this.#options;
		let message: ReturnType<typeof recordMessage>;
		try {
			message = mayBeMessage(entry.type)
				? recordMessage(source.sessionId, await this.#redacted(entry), kept)
				: null;
		} catch (error) {
			// Sent as it is it might give away what was to be hidden: it stays here, and the state names it.
			this.#outbox.park(entry, `It could not be prepared: ${messageOf(error)}`);
			await this.#note();
			return { kind: "moved" };
		}
		if (!message) {
			this.#outbox.done(entry);
			return { kind: "moved" };
		}
		if (!this.#isNoted) await this.#note();
		const outcome = await destination.postMessage(message);
		this.#outbox.touched(clock.now());
		if (outcome.kind === "closed") return outcome;
		if (outcome.kind === "retry") return this.#isSetAside(entry, outcome) ? { kind: "moved" } : outcome;
		this.#tries = 0;
		if (outcome.kind === "refused") this.#outbox.park(entry, outcome.reason);
		else {
			this.#outbox.done(entry);
			this.#sentCount += 1;
		}
		this.#outbox.resolveAside();
		await this.#note();
		return { kind: "ok" };
	}

	/** Whether a message that meets server errors alone is passed over for now. */
	#isSetAside(entry: SourceEntry, outcome: Extract<PostOutcome, { kind: "retry" }>): boolean {
		if (!outcome.isServerError) return false;
		this.#tries += 1;
		if (this.#tries < TRIES) return false;
		this.#tries = 0;
		return this.#outbox.setAside(entry, outcome.reason);
	}

	async #redacted(entry: SourceEntry): Promise<string> {
		const json = JSON.stringify(entry);
		const { transform } = this.#options;
		if (!transform) return json;
		const { json: safe, hidden } = await transform(json, entry.type);
		for (const [rule, count] of Object.entries(hidden))
			this.#hidden[rule] = (this.#hidden[rule] ?? 0) + count;
		return safe;
	}

	#dueMs(told: Told): number | null {
		const { session, touchedAt } = this.#outbox.mark;
		return this.#telling.dueMs(told, session, touchedAt, this.#running);
	}

	async #sendSession(told: Told): Promise<Step> {
		if (!this.#isNoted) await this.#note();
		const outcome = await this.#options.destination.postSession(JSON.parse(told));
		const at = this.#options.clock.now();
		this.#telling.sent(told, outcome);
		switch (outcome.kind) {
			case "ok":
				this.#outbox.told(told, at);
				await this.#note();
				return outcome;
			case "refused":
				this.#outbox.parkSession(outcome.reason);
				await this.#note();
				return { kind: "ok" };
			case "retry":
				this.#outbox.touched(at);
				return outcome;
			case "closed":
				return outcome;
		}
	}

	/** Notes what is acknowledged, and whether anything waits. */
	async #note(): Promise<void> {
		const { mark, queued } = this.#outbox;
		const told = this.#telling.now;
		const isTold = this.#telling.isRefused || told === mark.session;
		this.#isNoted = this.#telling.hasBegun && (queued > 0 || !isTold);
		if (!this.#loaded && !this.#isNoted) return;
		await this.#options.journal.write(this.#loaded ? mark : null, this.#isNoted);
	}

	#succeeded(): void {
		this.#failures = 0;
		this.#trouble = null;
		this.#tell();
	}

	async #failed(failure: Failure): Promise<void> {
		const isSignedOut = failure.kind === "closed" && failure.why === "signedOut";
		this.#trouble = { link: isSignedOut ? "signedOut" : "offline", reason: failure.reason };
		const asked = failure.kind === "closed" ? CLOSED_PAUSE_MS : (failure.afterMs ?? 0);
		const ms = Math.min(MOST_PAUSE_MS, Math.max(asked, backoffMs(this.#failures)));
		this.#failures += 1;
		if (!this.#isNoted) await this.#note();
		this.#tell();
		this.#waiters.wake("failed");
		if (!this.#disposed) await this.#pause.take(ms);
	}

	#tell(): void {
		if (this.#listeners.size === 0) return;
		const state = this.state();
		for (const listener of [...this.#listeners]) {
			try {
				listener(state);
			} catch {
				// A listener's bug is not the record's; the next change tells it the newer state.
			}
		}
	}
}

const NOTHING: Step = { kind: "nothing" };

const again = (reason: string): Failure => ({ kind: "retry", reason, afterMs: null, isServerError: true });

const isAnswer = (entry: SourceEntry): boolean =>
	(entry as unknown as { message?: { role?: unknown } }).message?.role === "assistant";

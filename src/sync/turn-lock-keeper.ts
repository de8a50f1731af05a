/**
 * Keeps the turn lock of one session for one terminal (L6): acquires it when a prompt is entered, renews it
 * while a run is on, gives it back when the run is over and its entries are with the backend.
 *
 * Guarantees: `acquire` answers within its deadline, also when the backend does not; while the lock is wanted
 * and nobody else has it, it is asked for again, so a holder that was cut off is the holder again when the
 * link is back. What it cannot do: stop a run. A terminal that lost the lock to another goes on, and the
 * epoch that its writes carry makes the backend take them as a side branch (L3).
 *
 *   none ──acquire──> mine ──renew──> mine        mine ──release──> none
 *                       │ lost, another has it ──> theirs     lost, nobody has it ──> acquire again
 *   no answer in time ──> alone: go on without, ask again when connected
 */
import type { Clock } from "../lib/clock.ts";
import { TURN_LOCK_RENEW_MS } from "../protocol/limits.ts";
import type { Acquired, Holder, TurnLock } from "../protocol/turn-lock.ts";
import { BackendError, type LiveBackend } from "./ports.ts";

export type Acquiring =
	| { kind: "acquired"; lastSeq: number; leafId: string | null }
	| { kind: "held"; holder: Holder; epoch: number }
	/** The backend cannot be asked, or does not know the session yet: go on without. */
	| { kind: "alone" };

export type LockState = {
	/** Who has it as far as is known; `mine` also while its renewal is under way. */
	kind: "none" | "mine" | "theirs";
	epoch: number;
	holder: Holder | null;
};

export type TurnLockKeeperOptions = {
	backend: Pick<
		LiveBackend,
		| "acquireLock"
		| "renewLock"
		| "releaseLock"
		| "takeOverLock"
		| "onTurnLock"
		| "connection"
		| "onConnection"
	>;
	clock: Clock;
	sessionId: string;
	terminalId: string;
	/** Name for people. */
	label: string;
	/** After every change. */
	onChange: (state: LockState) => void;
};

const ASK_AGAIN_MS = 500;

export class TurnLockKeeper {
	readonly #options: TurnLockKeeperOptions;
	readonly #unlisten: (() => void)[];
	/** The epoch we hold; null when we do not. */
	#epoch: number | null = null;
	/** The epoch of the run that is on, also after it was lost: its writes carry it. */
	#runEpoch: number | null = null;
	#wanted = false;
	#seen: TurnLock = { epoch: 0, holder: null };
	#cancelTimer: (() => void) | null = null;
	#asking: Promise<Acquiring> | null = null;
	/** Ends with the renewal, or the asking again, that is under way. */
	#renewing: Promise<void> = Promise.resolve();
	#stopped = false;

	constructor(options: TurnLockKeeperOptions) {
		this.#options = options;
		const { backend, sessionId } = options;
		this.#unlisten = [
			backend.onTurnLock(sessionId, (lock) => this.#saw(lock)),
			backend.onConnection(({ kind }) => {
				if (kind === "connected" && this.#wanted) void this.#renew();
			}),
		];
	}

	get state(): LockState {
		if (this.#epoch !== null) return { kind: "mine", epoch: this.#epoch, holder: this.#seen.holder };
		const { epoch, holder } = this.#seen;
		if (holder && holder.terminalId !== this.#options.terminalId) return { kind: "theirs", epoch, holder };
		return { kind: "none", epoch, holder: null };
	}

	/** The epoch that writes of shared state carry; null outside of runs. */
	get epoch(): number | null {
		return this.#runEpoch;
	}

	/** The lock, or who has it. Held from now on, until `release`. */
	async acquire(deadlineMs: number): Promise<Acquiring> {
		if (this.#stopped) return { kind: "alone" };
		this.#asking ??= this.#acquire(deadlineMs).finally(() => {
			this.#asking = null;
		});
		const answer = await this.#asking;
		// Without the lock the writes carry the epoch that was last known: they count while nobody else has driven since.
		if (answer.kind === "alone") this.#runEpoch ??= this.#seen.epoch;
		this.#wanted = answer.kind !== "held";
		if (this.#wanted) this.#schedule();
		return answer;
	}

	/** From a holder of this epoch, whom the person was shown. */
	async takeOver(epoch: number): Promise<Acquiring> {
		const answer = await this.#options.backend.takeOverLock({ ...this.#self, epoch });
		return this.#answered(answer);
	}

	/** A run is over and its entries stand. Never rejects: what is not said expires. */
	async release(): Promise<void> {
		this.#wanted = false;
		this.#cancelTimer?.();
		this.#cancelTimer = null;
		const epoch = this.#epoch;
		this.#epoch = null;
		this.#runEpoch = null;
		if (epoch === null) return;
		if (this.#seen.holder?.terminalId === this.#options.terminalId) this.#seen = { epoch, holder: null };
		this.#changed();
		const { sessionId, terminalId } = this.#self;
		if (this.#options.backend.connection().kind !== "connected") return;
		await this.#options.backend.releaseLock({ sessionId, terminalId, epoch }).catch(() => {});
	}

	/** Whether an epoch that fenced a write of ours off is one that we acquired since: then nobody else drove. */
	async owns(epoch: number): Promise<boolean> {
		await this.#asking?.catch(() => {});
		await this.#renewing;
		return this.#runEpoch === epoch;
	}

	/** The backend said that our epoch is over. */
	noteStale(): void {
		if (this.#epoch !== null) void this.#renew();
	}

	stop(): void {
		this.#stopped = true;
		this.#wanted = false;
		this.#cancelTimer?.();
		for (const end of this.#unlisten) end();
	}

	get #self() {
		const { sessionId, terminalId, label } = this.#options;
		return { sessionId, terminalId, label };
	}

	async #acquire(deadlineMs: number): Promise<Acquiring> {
		const { backend, clock } = this.#options;
		const until = clock.now() + deadlineMs;
		await this.#connected(deadlineMs);
		if (backend.connection().kind !== "connected") return { kind: "alone" };
		const left = Math.max(0, until - clock.now());
		const late = new Promise<null>((resolve) => void clock.after(left, () => resolve(null)));
		const asked = backend.acquireLock(this.#self, left).catch((error: unknown) => {
			if (error instanceof BackendError) return null;
			throw error;
		});
		const answer = await Promise.race([asked, late]);
		// It may come later: then it is ours all the same, and the run that went on without has it.
		if (!answer) {
			void asked.then((one) => one && this.#cameLate(one));
			return { kind: "alone" };
		}
		return this.#answered(answer);
	}

	/** The run that it was for may be over. */
	#cameLate(answer: Acquired): void {
		if (this.#wanted && !this.#stopped) return void this.#answered(answer);
		if (answer.kind === "acquired") this.#leave(answer.epoch);
	}

	/** Gives back what nobody here wants any more. */
	#leave(epoch: number): void {
		const { sessionId, terminalId } = this.#self;
		void this.#options.backend.releaseLock({ sessionId, terminalId, epoch }).catch(() => {});
	}

	/** At the start a prompt may come before the connection: it is waited for, unless it is known not to come. */
	#connected(deadlineMs: number): Promise<void> {
		const { backend, clock } = this.#options;
		if (backend.connection().kind !== "connecting") return Promise.resolve();
		return new Promise((resolve) => {
			const end = () => {
				cancel();
				unlisten();
				resolve();
			};
			const cancel = clock.after(deadlineMs, end);
			const unlisten = backend.onConnection(({ kind }) => {
				if (kind !== "connecting") end();
			});
		});
	}

	#answered(answer: Acquired): Acquiring {
		if (answer.kind === "held") {
			this.#seen = { epoch: answer.epoch, holder: answer.holder };
			this.#epoch = null;
			this.#changed();
			return { kind: "held", holder: answer.holder, epoch: answer.epoch };
		}
		if (this.#stopped) {
			this.#leave(answer.epoch);
			return { kind: "alone" };
		}
		this.#epoch = answer.epoch;
		this.#runEpoch = answer.epoch;
		this.#changed();
		return { kind: "acquired", lastSeq: answer.lastSeq, leafId: answer.leafId };
	}

	#schedule(): void {
		this.#cancelTimer?.();
		// A session that the backend did not know yet is there in a moment.
		const pause = this.#epoch === null ? ASK_AGAIN_MS : TURN_LOCK_RENEW_MS;
		this.#cancelTimer = this.#options.clock.after(pause, () => {
			void this.#renew();
			this.#schedule();
		});
	}

	#renew(): Promise<void> {
		this.#renewing = this.#renewNow();
		return this.#renewing;
	}

	/** Renews what we hold, and asks again for what was lost to nobody. Never rejects. */
	async #renewNow(): Promise<void> {
		const { backend } = this.#options;
		if (this.#stopped || !this.#wanted || backend.connection().kind !== "connected") return;
		const epoch = this.#epoch;
		try {
			if (epoch === null) return await this.#acquireAgain();
			const { sessionId, terminalId } = this.#self;
			const answer = await backend.renewLock({ sessionId, terminalId, epoch });
			if (answer.kind === "renewed" || this.#epoch !== epoch) return;
			this.#epoch = null;
			this.#seen = { epoch: answer.epoch, holder: answer.holder };
			if (answer.holder === null && this.#wanted) await this.#acquireAgain();
			this.#changed();
		} catch {
			// Asked again in a moment; the backend's clock decides meanwhile.
		}
	}

	/** For a run that lost the lock, or never had it: only while nobody else drove the session in between. */
	async #acquireAgain(): Promise<void> {
		const { backend } = this.#options;
		const before = this.#runEpoch ?? this.#seen.epoch;
		const { epoch, holder } = this.#seen;
		// One of ours whose answer was lost is ours to ask for again; any other means that somebody drove.
		const isOurs = holder?.terminalId === this.#options.terminalId && epoch === before + 1;
		if (!isOurs && (epoch > before || holder !== null)) return;
		const answer = await backend.acquireLock(this.#self);
		if (!this.#wanted) return;
		if (answer.kind === "acquired" && answer.epoch > before + 1) {
			// Somebody drove the session meanwhile: what this run writes stays a side branch.
			const { sessionId, terminalId } = this.#self;
			this.#seen = { epoch: answer.epoch, holder: null };
			await backend.releaseLock({ sessionId, terminalId, epoch: answer.epoch });
			return;
		}
		this.#answered(answer);
	}

	#saw(lock: TurnLock): void {
		if (lock.epoch < this.#seen.epoch) return;
		this.#seen = lock;
		const isMine = lock.holder?.terminalId === this.#options.terminalId;
		if (this.#epoch !== null && (lock.epoch > this.#epoch || (!isMine && lock.epoch === this.#epoch))) {
			this.#epoch = null;
			if (this.#wanted && lock.holder === null) void this.#renew();
		} else if (this.#wanted && isMine && this.#epoch === null && !this.#asking) void this.#renew();
		this.#changed();
	}

	#changed(): void {
		if (!this.#stopped) this.#options.onChange(this.state);
	}
}

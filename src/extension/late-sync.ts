/**
 * The session sync, before it is there. What syncs is loaded after Pi's first paint, and replaced when
 * the settings change; Pi's handlers talk to this front from the first event on. Until something is
 * attached calls are kept, up to a bound, and then made in order; entries need no keeping, for the
 * session file has them.
 */
import type { SessionStatus } from "../protocol/session.ts";
import type { DeltaOp } from "../protocol/stream.ts";
import type { SessionSync } from "../sync/contract.ts";

type Call = (sync: SessionSync) => void;

/** Some seconds of a fast model. When more comes first, the run's stream is given up: its entries arrive all the same. */
const KEPT_CALLS = 20_000;

export class LateSync {
	#sync: SessionSync | null = null;
	/** Null when nothing will be attached: calls are dropped. */
	#kept: Call[] | null = [];
	#status: SessionStatus = "idle";
	#runStartedAt: number | null = null;

	get current(): SessionSync | null {
		return this.#sync;
	}

	/** True while ops are of use; asked before work is put into them. */
	get wanted(): boolean {
		return this.#sync !== null || this.#kept !== null;
	}

	attach(sync: SessionSync): void {
		const kept = this.#kept;
		this.#sync = sync;
		this.#kept = null;
		if (kept) {
			for (const call of kept) call(sync);
		} else if (this.#runStartedAt !== null) {
			sync.beginRun(this.#runStartedAt);
		}
		sync.status(this.#status);
		sync.wake();
	}

	/** Nothing is attached any more. @param waiting whether another sync is to follow. */
	detach(waiting: boolean): SessionSync | null {
		const sync = this.#sync;
		this.#sync = null;
		this.#kept = waiting ? [] : null;
		this.#forgetKept();
		return sync;
	}

	wake(): void {
		this.#sync?.wake();
	}

	status(status: SessionStatus): void {
		if (status === this.#status) return;
		this.#status = status;
		this.#sync?.status(status);
	}

	beginRun(startedAt: number): void {
		this.#runStartedAt = startedAt;
		this.#call((sync) => sync.beginRun(startedAt));
	}

	op(op: DeltaOp): void {
		if (this.#sync) this.#sync.op(op);
		else this.#keep((sync) => sync.op(op));
	}

	/** Kept ops of a message whose entry Pi has by now would only be told twice: they go. */
	messageDone(): void {
		if (this.#sync) this.#sync.messageDone();
		else this.#forgetKept();
	}

	endRun(): void {
		this.#runStartedAt = null;
		this.#call((sync) => sync.endRun());
	}

	#call(call: Call): void {
		if (this.#sync) call(this.#sync);
		else this.#keep(call);
	}

	#keep(call: Call): void {
		if (!this.#kept) return;
		this.#kept.push(call);
		if (this.#kept.length > KEPT_CALLS) this.#forgetKept();
	}

	#forgetKept(): void {
		if (!this.#kept) return;
		const startedAt = this.#runStartedAt;
		this.#kept = startedAt === null ? [] : [(sync) => sync.beginRun(startedAt)];
	}
}

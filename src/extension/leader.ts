/**
 * Looks after the terminal that drove last, and where that one is gone, after whoever leaves next: when it
 * leaves this session for another one, the person is told and may go along.
 */
import type { Present } from "../protocol/presence.ts";
import type { SessionView } from "../protocol/session.ts";
import type { LiveBackend } from "../sync/ports.ts";

type Who = { terminalId: string; label: string };

export class Leader {
	readonly #backend: Pick<LiveBackend, "onPlace">;
	readonly #sessionId: string;
	readonly #onWent: (label: string, session: SessionView) => void;
	#leader: Who | null = null;
	#end: (() => void) | null = null;
	#wentTo: SessionView | null = null;
	/** The other terminals that were here last. */
	#here: readonly Present[] = [];

	constructor(
		backend: Pick<LiveBackend, "onPlace">,
		sessionId: string,
		onWent: (label: string, session: SessionView) => void,
	) {
		this.#backend = backend;
		this.#sessionId = sessionId;
		this.#onWent = onWent;
	}

	/** The session that it went on to; null while it did not. */
	get wentTo(): SessionView | null {
		return this.#wentTo;
	}

	drives(who: Who): void {
		this.#leader = who;
	}

	/** @param terminals the other terminals at the session. */
	present(terminals: readonly Present[]): void {
		const [first] = terminals;
		if (first) this.#leader ??= { terminalId: first.clientId, label: first.label };
		const before = this.#here;
		this.#here = terminals;
		const isIn = (list: readonly Present[], id: string | undefined) =>
			list.some(({ clientId }) => clientId === id);
		const left = before.find(({ clientId }) => !isIn(terminals, clientId));
		// One that died goes on nowhere: whoever was still here may.
		if (left && !isIn(before, this.#leader?.terminalId)) {
			this.stop();
			this.#leader = { terminalId: left.clientId, label: left.label };
		}
		const leader = this.#leader;
		if (isIn(terminals, leader?.terminalId)) {
			this.stop();
			this.#wentTo = null;
		} else if (leader && !this.#end) this.#lookAfter(leader);
	}

	stop(): void {
		this.#end?.();
		this.#end = null;
	}

	#lookAfter({ terminalId, label }: Who): void {
		this.#end = this.#backend.onPlace(terminalId, (place) => {
			const next = place?.session ?? null;
			// Before its first prompt nobody knows what it is about.
			if (!next || next.title === null || next.sessionId === this.#sessionId) return;
			if (next.sessionId === this.#wentTo?.sessionId) return;
			this.#wentTo = next;
			this.#onWent(label, next);
		});
	}
}

/**
 * Looks after the terminal that drove last, and once that one is gone, after whoever leaves next as well: when
 * one of them leaves this session for another one, the person is told and may go along.
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
	/** Ends the looking after each terminal that left. */
	readonly #left = new Map<string, () => void>();
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
		const leader = this.#leader;
		const before = this.#here;
		this.#here = terminals;
		if (!leader) return;
		if (isIn(terminals, leader.terminalId)) {
			this.stop();
			this.#wentTo = null;
			return;
		}
		this.#lookAfter(leader);
		// One that died goes on nowhere: whoever was still here may.
		if (isIn(before, leader.terminalId)) return;
		for (const { clientId, label } of before)
			if (!isIn(terminals, clientId)) this.#lookAfter({ terminalId: clientId, label });
	}

	stop(): void {
		for (const end of this.#left.values()) end();
		this.#left.clear();
	}

	#lookAfter({ terminalId, label }: Who): void {
		if (this.#left.has(terminalId)) return;
		const end = this.#backend.onPlace(terminalId, (place) => {
			const next = place?.session ?? null;
			// Before its first prompt nobody knows what it is about.
			if (!next || next.title === null || next.sessionId === this.#sessionId) return;
			if (next.sessionId === this.#wentTo?.sessionId) return;
			this.#wentTo = next;
			this.#onWent(label, next);
		});
		this.#left.set(terminalId, end);
	}
}

const isIn = (list: readonly Present[], terminalId: string): boolean =>
	list.some(({ clientId }) => clientId === terminalId);

/** Tells listeners of the newest state, once for all changes of a tick and never within the change. */
import type { SyncState } from "./contract.ts";

export class StateTeller {
	readonly #read: () => SyncState;
	readonly #listeners = new Set<(state: SyncState) => void>();
	#scheduled = false;

	constructor(read: () => SyncState) {
		this.#read = read;
	}

	listen(listener: (state: SyncState) => void): () => void {
		this.#listeners.add(listener);
		return () => void this.#listeners.delete(listener);
	}

	changed(): void {
		if (this.#scheduled || this.#listeners.size === 0) return;
		this.#scheduled = true;
		queueMicrotask(() => {
			this.#scheduled = false;
			if (this.#listeners.size === 0) return;
			const state = this.#read();
			for (const listener of [...this.#listeners]) {
				try {
					listener(state);
				} catch {
					// A listener's bug is not the sync's; the next change tells it the newer state.
				}
			}
		});
	}

	stop(): void {
		this.#listeners.clear();
	}
}

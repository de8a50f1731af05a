/**
 * Notices that Pi's session grew. Pi stores a message only after `message_end`, and says nothing at all
 * of labels, of other extensions' entries or of the end of a `!` command: so besides the events a timer
 * looks at the leaf, which every append moves. What is looked at costs the same however long the session.
 */
import type { Clock } from "../lib/clock.ts";

const RUNNING_MS = 250;
const IDLE_MS = 500;

export class EntryPump {
	readonly #clock: Clock;
	readonly #leafId: () => string | null;
	readonly #wake: () => void;
	#running = false;
	#lastLeaf: string | null = null;
	#cancel: (() => void) | null = null;
	#looking = false;

	constructor(clock: Clock, leafId: () => string | null, wake: () => void) {
		this.#clock = clock;
		this.#leafId = leafId;
		this.#wake = wake;
	}

	start(): void {
		this.#lastLeaf = this.#leafId();
		this.#schedule();
	}

	/** Looks more often while a run is on. */
	setRunning(running: boolean): void {
		this.#running = running;
		if (this.#cancel) this.#schedule();
	}

	/** At an event: whatever Pi stored before it is there now. */
	look(): void {
		this.#lastLeaf = this.#leafId();
		this.#wake();
	}

	/** At `message_end`: Pi stores the message right after its handlers. */
	lookSoon(): void {
		if (this.#looking) return;
		this.#looking = true;
		setImmediate(() => {
			this.#looking = false;
			this.#lookIfMoved();
		});
	}

	stop(): void {
		this.#cancel?.();
		this.#cancel = null;
	}

	#lookIfMoved(): void {
		try {
			if (this.#leafId() !== this.#lastLeaf) this.look();
		} catch {
			// The session was replaced under us; the pump of the new one takes over.
			this.stop();
		}
	}

	#schedule(): void {
		this.#cancel?.();
		this.#cancel = this.#clock.after(this.#running ? RUNNING_MS : IDLE_MS, () => {
			this.#schedule();
			this.#lookIfMoved();
		});
	}
}

/** After a failure: why, how long to wait, and what ends the wait early. */
import { backoffMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { SyncState } from "./contract.ts";
import { messageOf } from "./entry-push.ts";
import { Pause } from "./pause.ts";
import { type Backend, BackendError } from "./ports.ts";

/** A key that was refused may be made good at the backend; nobody expects that at once. */
const SIGNED_OUT_PAUSE_MS = 60_000;

type Link = Pick<SyncState, "link" | "reason">;

export class Recovery {
	readonly #backend: Pick<Backend, "connection">;
	readonly #pause: Pause;
	#trouble: Link | null = null;
	#failures = 0;

	constructor(backend: Pick<Backend, "connection">, clock: Clock) {
		this.#backend = backend;
		this.#pause = new Pause(clock);
	}

	get reason(): string | null {
		return this.#trouble?.reason ?? null;
	}

	/** @param settled nothing stands before being live but the connection. */
	link(settled: boolean): Link {
		const connection = this.#backend.connection();
		if (connection.kind === "signedOut") return { link: "signedOut", reason: connection.reason };
		if (connection.kind === "offline") return { link: "offline", reason: connection.reason };
		if (this.#trouble) return this.#trouble;
		return { link: connection.kind === "connected" && settled ? "live" : "connecting", reason: null };
	}

	note(error: unknown): void {
		this.#failures += 1;
		const isSignedOut = error instanceof BackendError && error.kind === "signedOut";
		this.#trouble = { link: isSignedOut ? "signedOut" : "offline", reason: messageOf(error) };
	}

	succeeded(): void {
		this.#failures = 0;
		this.#trouble = null;
	}

	/** Ends after the back-off, when the connection changes for the better, when hurried or stopped. */
	pause(): Promise<void> {
		const ms =
			this.#trouble?.link === "signedOut" ? SIGNED_OUT_PAUSE_MS : backoffMs(Math.max(0, this.#failures - 1));
		return this.#pause.take(ms);
	}

	connectionChanged(): void {
		if (this.#backend.connection().kind === "connected") this.hurry();
	}

	hurry(): void {
		this.#pause.hurry();
	}

	stop(): void {
		this.#pause.hurry();
	}
}

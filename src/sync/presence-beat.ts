/** Says at intervals that somebody is here, and at the end that he is gone. A missed beat costs nothing: the next one tells the same. */
import type { Clock } from "../lib/clock.ts";
import { PRESENCE_BEAT_MS } from "../protocol/limits.ts";
import type { Beat } from "../protocol/presence.ts";
import type { Backend } from "./ports.ts";

export type PresenceBeat = {
	/** What the beat says has changed: it is said at once. */
	touch(): void;
	/** Ends the beats and says goodbye; never rejects. */
	stop(): Promise<void>;
};

/** Beats while the backend is connected, and at once whenever it comes back. `beat` is asked anew each time. */
export function startPresence(
	backend: Pick<Backend, "beat" | "leave" | "connection" | "onConnection">,
	clock: Clock,
	beat: () => Beat,
): PresenceBeat {
	let stopped = false;
	let cancel: (() => void) | null = null;
	let flight: Promise<void> | null = null;
	let again = false;
	let said = false;

	const go = (): void => {
		if (stopped) return;
		cancel?.();
		cancel = clock.after(PRESENCE_BEAT_MS, go);
		if (backend.connection().kind !== "connected") return;
		if (flight) {
			again = true;
			return;
		}
		said = true;
		flight = backend.beat(beat()).then(after, after);
	};
	const after = (): void => {
		flight = null;
		if (!again) return;
		again = false;
		go();
	};
	const unlisten = backend.onConnection((connection) => {
		if (connection.kind === "connected") go();
	});
	go();

	return {
		touch: go,
		async stop() {
			if (stopped) return;
			stopped = true;
			cancel?.();
			unlisten();
			const { clientId, sessionId } = beat();
			await flight;
			// Unsaid, the backend finds out at the deadline.
			if (!said || backend.connection().kind !== "connected") return;
			await backend.leave({ clientId, sessionId }).catch(() => {});
		},
	};
}

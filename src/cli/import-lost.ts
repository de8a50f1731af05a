/** When a backend counts as lost in the middle of an import. */
import type { Connection } from "../sync/ports.ts";
import { BackendError } from "../sync/ports.ts";

/** A backend that restarts is back sooner. */
const LOST_AFTER_MS = 10_000;

type Connected = {
	connection(): Connection;
	onConnection(listener: (connection: Connection) => void): () => void;
};

/** Rejects when the backend has been away for `LOST_AFTER_MS` at a stretch, whatever the reasons it gives meanwhile. */
export function untilLost(backend: Connected): Promise<never> {
	return new Promise((_resolve, reject) => {
		const lost = () => reject(new BackendError("unreachable", "unexpected", "The backend was lost."));
		let timer: NodeJS.Timeout | undefined;
		const look = (kind: string): void => {
			if (kind !== "connected") timer ??= setTimeout(lost, LOST_AFTER_MS);
			else {
				clearTimeout(timer);
				timer = undefined;
			}
		};
		backend.onConnection(({ kind }) => look(kind));
		look(backend.connection().kind);
	});
}

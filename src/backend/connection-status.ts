/** What the socket and the sign-in say, as one state, and waiting for it. */
import { BackendError, type Connection } from "../sync/ports.ts";

export type Status = {
	now(): Connection;
	listen(listener: (connection: Connection) => void): () => void;
	socket(state: Connection): void;
	/** Trouble with the key or the token's exchange; null when a token was given. */
	signIn(trouble: Extract<Connection, { reason: string }> | null): void;
	/** Resolves over a standing connection; rejects with a `BackendError` after `ms`, when the key is refused, or at the close. */
	connected(ms: number): Promise<void>;
	close(): void;
};

export function createStatus({
	convexUrl,
	log,
}: {
	convexUrl: string;
	log?: (line: string) => void;
}): Status {
	let socket: Connection = { kind: "connecting" };
	let trouble: Extract<Connection, { reason: string }> | null = null;
	let told: Connection = socket;
	let closed = false;
	const listeners = new Set<(connection: Connection) => void>();
	const waiters = new Set<() => void>();

	const now = (): Connection => {
		if (trouble?.kind === "signedOut") return trouble;
		// A token that cannot be renewed just now is no trouble while the old one serves.
		return socket.kind === "connected" ? socket : (trouble ?? socket);
	};
	const changed = (): void => {
		const state = now();
		if (closed || (state.kind === told.kind && reasonOf(state) === reasonOf(told))) return;
		told = state;
		log?.(`connection ${state.kind} ${reasonOf(state)}`);
		for (const waiter of [...waiters]) waiter();
		for (const listener of [...listeners]) {
			try {
				listener(state);
			} catch (error) {
				// A listener's bug is not the connection's: the others still hear.
				log?.(`connection listener failed: ${String(error)}`);
			}
		}
	};

	return {
		now,
		listen(listener) {
			listeners.add(listener);
			return () => void listeners.delete(listener);
		},
		socket(state) {
			socket = state;
			changed();
		},
		signIn(state) {
			trouble = state;
			changed();
		},
		connected(ms) {
			return new Promise((resolve, reject) => {
				const look = (isLate = false): void => {
					const state = now();
					const isOver = closed || isLate || state.kind === "connected" || state.kind === "signedOut";
					if (!isOver) return;
					clearTimeout(timer);
					waiters.delete(look);
					if (closed) reject(new BackendError("unreachable", "unexpected", "The connection was closed."));
					else if (state.kind === "connected") resolve();
					else reject(lateness(state, convexUrl));
				};
				const timer = setTimeout(() => look(true), ms);
				waiters.add(look);
				look();
			});
		},
		close() {
			closed = true;
			listeners.clear();
			for (const waiter of [...waiters]) waiter();
		},
	};
}

const reasonOf = (state: Connection): string => ("reason" in state ? state.reason : "");

/** What not getting an answer in time means in this state. */
export function lateness(state: Connection, url: string): BackendError {
	if (state.kind === "signedOut") return new BackendError("signedOut", "signed_out", state.reason);
	return new BackendError(
		"unreachable",
		"unexpected",
		state.kind === "offline" ? state.reason : `${url} did not answer in time.`,
	);
}

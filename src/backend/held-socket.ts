/**
 * A socket that is closed waits for the other side to agree, and keeps the process until it does: one that
 * stands still never does. The standard has no way around that, so the connection itself is found as it is
 * made, where undici, which serves Node's sockets, tells of it.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";

const TOLD_AT = "undici:client:sendHeaders";

type Told = {
	request?: { origin?: unknown; path?: unknown; upgrade?: unknown };
	socket?: { unref?: () => void };
};

export type HeldSocket = {
	/** The process may end before the connection does. */
	letGo(): void;
	/** The connection stands, or never will: no other one is looked for. */
	found(): void;
};

/** Each connection is one socket's, also where several go to one address. */
const taken = new WeakSet<object>();

/** @param url of the socket that is about to be made. */
export function holdSocket(url: string | URL): HeldSocket {
	const { protocol, host, pathname, search } = new URL(url);
	const wanted = `${protocol.replace("ws", "http")}//${host}${pathname}${search}`;
	let connection: Told["socket"];
	let isFree = false;
	const hear = (message: unknown): void => {
		const { request, socket } = message as Told;
		if (request?.upgrade !== "websocket" || `${request.origin}${request.path}` !== wanted) return;
		if (!socket || taken.has(socket)) return;
		taken.add(socket);
		connection = socket;
		if (isFree) socket.unref?.();
		unsubscribe(TOLD_AT, hear);
	};
	subscribe(TOLD_AT, hear);
	return {
		letGo() {
			isFree = true;
			connection?.unref?.();
		},
		found() {
			unsubscribe(TOLD_AT, hear);
		},
	};
}

/**
 * Requests to this machine go there, whatever proxy the environment names. Pi sends all that it and its
 * extensions fetch through that proxy, loopback too: a backend of this machine could not be reached, and the
 * key and every entry would leave the machine.
 */
import { isLoopback } from "../lib/loopback.ts";
import type { Fetch } from "./token-exchange.ts";

type Dispatcher = { constructor: new (options: object) => Dispatcher };

/** Where undici, which serves Node's `fetch` and sockets, keeps what sends requests; the newer one first. */
const PLACES = [Symbol.for("undici.globalDispatcher.2"), Symbol.for("undici.globalDispatcher.1")];

/** By what sends requests otherwise. */
const straight = new WeakMap<Dispatcher, Dispatcher>();

/** Sends requests as they are; null where nothing stands between. */
function straightOn(): Dispatcher | null {
	const holder = globalThis as { [place: symbol]: Dispatcher | undefined };
	const usual = PLACES.map((place) => holder[place]).find((one) => one !== undefined);
	if (!usual) return null;
	let found = straight.get(usual);
	if (!found) {
		try {
			found = new usual.constructor({ noProxy: "*" });
		} catch {
			// One of somebody's own, which is not made this way: as it was wanted.
			return null;
		}
		straight.set(usual, found);
	}
	return found;
}

/** The runtime's own `fetch`, past any proxy where the address is on this machine. */
export const ownFetch: Fetch = (url, init) => {
	if (!isLoopback(url)) return globalThis.fetch(url, init);
	const dispatcher = straightOn();
	// Bun asks the environment itself, unless it is told not to.
	const past = { ...init, proxy: false, ...(dispatcher ? { dispatcher } : {}) };
	return globalThis.fetch(url, past as unknown as RequestInit);
};

/** The same of a socket's class. @param address of the backend, http(s). */
export function ownSocket(address: string): typeof WebSocket {
	const dispatcher = isLoopback(address) ? straightOn() : null;
	if (!dispatcher) return WebSocket;
	return class StraightSocket extends WebSocket {
		constructor(url: string | URL, protocols: string | string[] = []) {
			super(url, { protocols, dispatcher } as unknown as string[]);
		}
	};
}

/**
 * Who may talk to a server on loopback (A6): only requests that name a host we answer to, so that a page
 * elsewhere cannot reach us through a DNS name of its own; and browsers only from such a host's pages.
 */
import type { IncomingMessage } from "node:http";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

export type HostCheck = (request: IncomingMessage) => boolean;

/** The host name without port, lower case; null when the header is no host. */
export function hostName(header: string | undefined): string | null {
	const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(header ?? "");
	return match?.[1]?.toLowerCase() ?? null;
}

export function createGuard(allowedHosts: readonly string[]): {
	hostAllowed: HostCheck;
	originAllowed: HostCheck;
} {
	const allowed = new Set([...LOOPBACK, ...allowedHosts.map((host) => host.toLowerCase())]);
	return {
		hostAllowed: (request) => allowed.has(hostName(request.headers.host) ?? ""),
		/** No Origin: not a browser, or a plain navigation. */
		originAllowed: (request) => {
			const { origin } = request.headers;
			if (origin === undefined) return true;
			const name = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
			return allowed.has(hostName(name) ?? "");
		},
	};
}

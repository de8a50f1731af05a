/** What the address bar says: `#/` the list, `#/s/<sessionId>` a session, `#code=…` a sign-in code. */

export type Route = { kind: "list" } | { kind: "session"; sessionId: string };

/** Anything unknown is the list. */
export function parseRoute(hash: string): Route {
	const match = /^#\/s\/([^/?#]+)$/.exec(hash);
	const sessionId = match?.[1] ? decoded(match[1]) : "";
	return sessionId === "" ? { kind: "list" } : { kind: "session", sessionId };
}

/** The link to a place, to be used as `href`. */
export function routeHref(route: Route): string {
	return route.kind === "list" ? "#/" : `#/s/${encodeURIComponent(route.sessionId)}`;
}

/** The one-time code of a sign-in link, or null. It stands in the fragment, which no server sees. */
export function signInCode(hash: string): string | null {
	const match = /^#\/?code=([^&]+)/.exec(hash);
	return match?.[1] ? decoded(match[1]) || null : null;
}

function decoded(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		// A broken escape names nothing that exists.
		return "";
	}
}

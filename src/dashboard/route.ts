/**
 * What the address bar says: `#/` the list, `#/s/<sessionId>` a session, with `?entry=<entryId>` at that
 * entry, `#/search?q=…` a search, `#code=…` a sign-in code.
 */
import type { PassageKind } from "../protocol/search.ts";

export type SearchRoute = { kind: "search"; query: string; source?: string; of?: PassageKind };
/** `unfold`: what is folded at the entry stands open. */
export type SessionRoute = { kind: "session"; sessionId: string; entryId?: string; unfold?: boolean };
export type Route = { kind: "list" } | SessionRoute | SearchRoute;

/** What can be searched for by kind, in the order of a choice. */
export const PASSAGE_KINDS: readonly PassageKind[] = [
	"prompt",
	"answer",
	"thinking",
	"tool",
	"summary",
	"title",
];

/** Anything unknown is the list. */
export function parseRoute(hash: string): Route {
	const [path = "", query = ""] = hash.split(/\?(.*)/s);
	const asked = new URLSearchParams(query);
	if (path === "#/search") return searchRoute(asked);
	const match = /^#\/s\/([^/?#]+)$/.exec(path);
	const sessionId = match?.[1] ? decoded(match[1]) : "";
	if (sessionId === "") return { kind: "list" };
	const entryId = asked.get("entry");
	const unfold = asked.get("unfold") === "1";
	return { kind: "session", sessionId, ...(entryId ? { entryId, ...(unfold ? { unfold } : {}) } : {}) };
}

function searchRoute(asked: URLSearchParams): SearchRoute {
	const source = asked.get("source");
	const of = PASSAGE_KINDS.find((kind) => kind === asked.get("kind"));
	return {
		kind: "search",
		query: asked.get("q") ?? "",
		...(source ? { source } : {}),
		...(of ? { of } : {}),
	};
}

/** The link to a place, to be used as `href`. */
export function routeHref(route: Route): string {
	switch (route.kind) {
		case "list":
			return "#/";
		case "session":
			// An id may hold half of a surrogate pair, which has no escape.
			return `#/s/${encodeURIComponent(route.sessionId.toWellFormed())}${asQuery({
				entry: route.entryId,
				unfold: route.unfold ? "1" : undefined,
			})}`;
		case "search":
			return `#/search${asQuery({ q: route.query, source: route.source, kind: route.of })}`;
		default:
			return route satisfies never;
	}
}

/** Only what is given and not empty. */
function asQuery(values: Record<string, string | undefined>): string {
	const given = Object.entries(values).filter((pair): pair is [string, string] => Boolean(pair[1]));
	return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
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

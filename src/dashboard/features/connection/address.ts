/**
 * Where the backend is. A backend has two addresses: its site answers HTTP (`/health`, `/auth/…`, and
 * this page), its API the sync socket. `/health` names the API; the rules here fill in for what it lacks.
 */

/** What a person typed or a link named, as an origin; null when it is no web address. `host:port` is taken as http. */
export function originOf(text: string): string | null {
	const trimmed = text.trim();
	if (trimmed === "") return null;
	const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`;
	const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
	return url && (url.protocol === "http:" || url.protocol === "https:") ? url.origin : null;
}

/** Sites that an address may mean, likeliest first: itself, or the site beside an API address. */
export function siteCandidates(origin: string): string[] {
	const beside = besideApi(origin);
	return beside && beside !== origin ? [origin, beside] : [origin];
}

function besideApi(origin: string): string | null {
	const url = new URL(origin);
	if (url.hostname.endsWith(".convex.cloud")) {
		return `${url.protocol}//${url.hostname.replace(/\.convex\.cloud$/, ".convex.site")}`;
	}
	return movedPort(url, 1);
}

/**
 * The API of a site. `named` is what the site's `/health` says, undefined when it says nothing. A loopback
 * name is only right on the machine of the backend: seen from elsewhere its host is the site's.
 */
export function apiOf(site: string, named: unknown): string {
	const at = new URL(site);
	const origin = typeof named === "string" ? originOf(named) : null;
	if (origin) {
		const url = new URL(origin);
		if (isLoopback(url.hostname) && !isLoopback(at.hostname)) url.hostname = at.hostname;
		return url.origin;
	}
	if (at.hostname.endsWith(".convex.site")) {
		return `${at.protocol}//${at.hostname.replace(/\.convex\.site$/, ".convex.cloud")}`;
	}
	return movedPort(at, -1) ?? at.origin;
}

/** A file's address as the backend names it, reached as its API is: elsewhere its own loopback name leads nowhere. */
export function fileOf(api: string, url: string): string {
	if (!URL.canParse(url) || !URL.canParse(api)) return url;
	const at = new URL(url);
	const from = new URL(api);
	return isLoopback(at.hostname) && !isLoopback(from.hostname)
		? `${from.origin}${at.pathname}${at.search}`
		: url;
}

export function isLoopback(hostname: string): boolean {
	return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function movedPort(url: URL, by: number): string | null {
	if (url.port === "") return null;
	const port = Number(url.port) + by;
	return port > 0 && port < 65_536 ? `${url.protocol}//${url.hostname}:${port}` : null;
}

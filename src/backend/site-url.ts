/** Where a deployment answers plain HTTP. */

/**
 * The site of an API address: `.convex.cloud` has `.convex.site`, which is its own, any other the next port.
 * Without a slash at the end.
 * @param siteUrl wins when it is not empty.
 * @returns null when an address is not an http(s) URL.
 */
export function siteUrlOf(convexUrl: string, siteUrl?: string | null): string | null {
	if (siteUrl) return parse(siteUrl) && trimmed(siteUrl);
	const url = parse(convexUrl);
	if (!url) return null;
	if (/\.convex\.(cloud|site)$/.test(url.hostname))
		return `${url.protocol}//${url.hostname.replace(/\.convex\.cloud$/, ".convex.site")}`;
	const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
	return port >= 65_535 ? null : `${url.protocol}//${url.hostname}:${port + 1}`;
}

/** The site of an OpenSync: `.convex.cloud` has `.convex.site`, any other address is taken as it is. Null: no URL. */
export function openSyncSite(address: string): string | null {
	const url = parse(address.trim());
	if (!url) return null;
	const host = url.host.replace(/\.convex\.cloud$/, ".convex.site");
	return `${url.protocol}//${host}${url.pathname}`.replace(/\/+$/, "");
}

function parse(address: string): URL | null {
	try {
		const url = new URL(address);
		return url.protocol === "http:" || url.protocol === "https:" ? url : null;
	} catch {
		return null;
	}
}

const trimmed = (address: string): string => address.trim().replace(/\/+$/, "");

import { useQuery } from "convex/react";
import { api } from "../../api.ts";
import { Said } from "../../elements/said.tsx";
import { routeHref } from "../../route.ts";

/** Where one is, as whom, and the way out. */
export function TopBar({ siteUrl, onSignOut }: { siteUrl: string; onSignOut: () => void }) {
	const me = useQuery(api.users.me);
	return (
		<header className="top-bar">
			<a className="brand" href={routeHref({ kind: "list" })}>
				pi-opensync
			</a>
			<a
				className="search-link"
				href={routeHref({ kind: "search", query: "" })}
				aria-keyshortcuts="/ Control+K Meta+K"
				title="Search all sessions: / or Ctrl-K"
			>
				Search <kbd>/</kbd>
			</a>
			<span className="top-bar-place quiet" title={siteUrl}>
				{new URL(siteUrl).host}
			</span>
			<span className="top-bar-who quiet">{me && <Said text={`${me.name} · ${me.keyName}`} />}</span>
			<button type="button" onClick={onSignOut}>
				Sign out
			</button>
		</header>
	);
}

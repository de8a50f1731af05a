import { type KeyboardEvent, useCallback, useEffect, useId, useRef, useState } from "react";
import { plainText } from "../../../lib/plain-text.ts";
import { Notice } from "../../elements/notice.tsx";
import { counted } from "../../format.ts";
import { parseRoute, type Route, routeHref, type SearchRoute } from "../../route.ts";
import { type Found, hitKey, hitsOf } from "./found.ts";
import { SearchFilters } from "./search-filters.tsx";
import { Hit, hitHref } from "./search-hit.tsx";
import { useSearchKeys } from "./search-keys.ts";
import { type Asked, useSearch } from "./use-search.ts";

/** How soon the address bar follows the typing: browsers allow only so many changes in a while. */
const ADDRESS_MS = 200;

const QUERY_CHARS = 1000;

/** Full-text search over everything, as one types. */
export function SearchPage({ route }: { route: SearchRoute }) {
	const [asked, setAsked] = useAsked(route);
	const { found, loadMore, again } = useSearch(asked);
	const input = useRef<HTMLInputElement>(null);
	const inputId = useId();
	const hits = hitsOf(found);
	const openFirst = useOpenFirst(found, asked);
	useSearchKeys(() => input.current?.select());
	useEffect(() => input.current?.focus(), []);
	return (
		<main
			className="session search"
			aria-label="Search"
			onKeyDown={(event) => movesAmongHits(event, openFirst)}
		>
			<div className="session-inside">
				<div className="search-head">
					<a className="back" href={routeHref({ kind: "list" })}>
						All sessions
					</a>
					<label htmlFor={inputId} className="unseen">
						Search all sessions
					</label>
					<input
						ref={input}
						id={inputId}
						type="search"
						placeholder="Search all sessions"
						autoComplete="off"
						maxLength={QUERY_CHARS}
						spellCheck={false}
						value={asked.query}
						onChange={(event) => setAsked({ ...asked, query: event.target.value })}
					/>
					<SearchFilters asked={asked} onChange={setAsked} seen={hits.map(({ source }) => source)} />
				</div>
				<p className="search-state quiet" role="status">
					{stateWords(found, asked.query)}
				</p>
				{found.kind === "failed" && (
					<div className="list-end">
						<Notice kind="error">The search failed: {plainText(found.reason)}</Notice>
						<button type="button" onClick={again}>
							Try again
						</button>
					</div>
				)}
				<ol className="hits" aria-label="Hits" aria-busy={found.kind === "searching"}>
					{hits.map((hit) => (
						<Hit key={hitKey(hit)} hit={hit} />
					))}
				</ol>
				<More found={found} loadMore={loadMore} />
			</div>
		</main>
	);
}

/** What is asked, kept level with the address bar in both directions. */
function useAsked(route: SearchRoute): [Asked, (asked: Asked) => void] {
	const [asked, setAsked] = useState(() => askedBy(route));
	const here = routeHref(route);
	/** The address that stands because of what was typed: it asks for nothing. */
	const written = useRef(here);
	useEffect(() => {
		if (here === written.current) return;
		written.current = here;
		setAsked(askedBy(parseRoute(here)));
	}, [here]);
	useEffect(() => {
		const { query, source, of } = asked;
		const href = routeHref({
			kind: "search",
			query,
			...(source === null ? {} : { source }),
			...(of === null ? {} : { of }),
		});
		const timer = setTimeout(() => {
			written.current = href;
			history.replaceState(null, "", href);
		}, ADDRESS_MS);
		return () => clearTimeout(timer);
	}, [asked]);
	return [asked, setAsked];
}

function askedBy(route: Route): Asked {
	if (route.kind !== "search") return { query: "", source: null, of: null };
	return { query: route.query, source: route.source ?? null, of: route.of ?? null };
}

function stateWords(found: Found, query: string): string {
	switch (found.kind) {
		case "nothing":
			return "Prompts, answers, thinking, tools and their output, of all agents. Enter opens the first hit.";
		case "searching":
			return "Searching…";
		case "failed":
			return "";
		case "found":
			if (found.hits.length === 0) return `Nothing found for “${plainText(query.trim())}”.`;
			return `${counted(found.hits.length, "hit")}${found.cursor === null ? "" : " so far"}, best first`;
		default:
			return found satisfies never;
	}
}

function More({ found, loadMore }: { found: Found; loadMore: () => void }) {
	if (found.kind !== "found" || found.cursor === null) return null;
	return (
		<div className="list-end">
			{found.moreFailure && <Notice kind="error">{plainText(found.moreFailure)}</Notice>}
			<button type="button" disabled={found.isLoadingMore} onClick={loadMore}>
				{found.isLoadingMore ? "Loading…" : "More hits"}
			</button>
		</div>
	);
}

/** Opens the first hit of what is asked: at once, or when it is found, unless something else is asked by then. */
function useOpenFirst(found: Found, asked: Asked): () => void {
	const wantedBy = useRef<Asked | null>(null);
	const open = useCallback(() => {
		const first = found.kind === "found" ? found.hits[0] : undefined;
		if (first) window.location.hash = hitHref(first);
		wantedBy.current = found.kind === "searching" ? asked : null;
	}, [found, asked]);
	useEffect(() => {
		if (wantedBy.current === asked && found.kind === "found") open();
	}, [found, asked, open]);
	return open;
}

/** Up and down go through the hits, with the input above the first; Enter in the input opens the first. */
function movesAmongHits(event: KeyboardEvent<HTMLElement>, openFirst: () => void): void {
	const { key, currentTarget: page, target } = event;
	const isInput = target instanceof HTMLInputElement;
	const isHit = target instanceof HTMLAnchorElement && target.dataset.hit !== undefined;
	if ((!isInput && !isHit) || event.nativeEvent.isComposing) return;
	const hits = [...page.querySelectorAll<HTMLAnchorElement>("[data-hit]")];
	const at = isHit ? hits.indexOf(target) : -1;
	if (isInput && key === "Enter") openFirst();
	else if (key === "ArrowDown") hits[at + 1]?.focus();
	else if (key === "ArrowUp" && at > 0) hits[at - 1]?.focus();
	else if (key === "ArrowUp" && at === 0) page.querySelector("input")?.focus();
	else return;
	event.preventDefault();
}

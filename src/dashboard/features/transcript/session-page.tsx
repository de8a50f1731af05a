import { useQuery } from "convex/react";
import { type RefObject, useEffect } from "react";
import { api } from "../../api.ts";
import { routeHref, type SessionRoute } from "../../route.ts";
import { sessionTitle } from "../../session-title.ts";
import { ForkLinks } from "./fork-links.tsx";
import { SessionHeader } from "./session-header.tsx";
import { TranscriptView } from "./transcript-view.tsx";
import { usePresence } from "./use-presence.ts";
import { useScroll } from "./use-scroll.ts";
import { useSession } from "./use-session.ts";

/** One session, maybe at an entry. Needs its session id as key: everything in it belongs to that session. */
export function SessionPage({ route }: { route: SessionRoute }) {
	const { sessionId, entryId, unfold = false } = route;
	const state = useSession(sessionId);
	const lineage = useQuery(api.sessions.lineage, { sessionId });
	const others = usePresence(sessionId);
	const { scroller, content, isFollowing, toNewest, holdPlace, showRow } = useScroll();
	const { session, log } = state;
	const title = session ? sessionTitle(session) : null;
	useTitle(title);
	useFocus(scroller);
	return (
		<main className="session" ref={scroller} tabIndex={-1} aria-label={title ?? "Session"}>
			<div className="session-inside" ref={content}>
				{session === null && <NoSession />}
				{session && (
					<>
						<SessionHeader session={session} others={others} />
						<ForkLinks session={session} lineage={lineage} />
					</>
				)}
				{session && log && (
					<TranscriptView
						session={session}
						log={log}
						state={state}
						lineage={lineage}
						holdPlace={holdPlace}
						place={{ entryId, unfold, showRow, scroller }}
					/>
				)}
				{session !== null && !(session && log) && (
					<p className="quiet list-end" role="status">
						Loading…
					</p>
				)}
			</div>
			{!isFollowing && (
				<button type="button" className="to-newest" onClick={toNewest}>
					Jump to the newest
				</button>
			)}
		</main>
	);
}

function NoSession() {
	return (
		<div className="list-end" role="status">
			<h1>No such session</h1>
			<p>
				It was removed, or it is on another backend. <a href={routeHref({ kind: "list" })}>All sessions</a>
			</p>
		</div>
	);
}

/** Keys scroll what has the focus, and the page itself does not scroll. */
function useFocus(box: RefObject<HTMLElement | null>): void {
	useEffect(() => box.current?.focus({ preventScroll: true }), [box]);
}

function useTitle(title: string | null): void {
	useEffect(() => {
		document.title = title === null ? "pi-opensync" : `${title} · pi-opensync`;
		return () => {
			document.title = "pi-opensync";
		};
	}, [title]);
}

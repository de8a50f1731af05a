/**
 * Everything of one session that must be seen in step: its row, its running stream and its newest
 * entries come from one set of subscriptions and so from one snapshot of the backend.
 */
import { type ConvexReactClient, type RequestForQueries, useConvex, useQueries } from "convex/react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "react";
import type { EntryPage, EntryView } from "../../../protocol/entry.ts";
import type { SessionView } from "../../../protocol/session.ts";
import type { StreamView } from "../../../protocol/stream.ts";
import { api } from "../../api.ts";
import { failureWords } from "../../failure-words.ts";
import { type EntryLog, lastSeq, startLog, withOlder, withShown, withTails } from "./entry-log.ts";
import { STRETCH } from "./use-in-view.ts";

const FIRST_PAGE = 60;
const OLDER_PAGE = 100;
/** While an entry is looked for, pages are larger and are shown all at once. */
const SEEK_PAGE = 200;
/** After so many entries the look for one waits to be asked again. */
const SEEK_MOST = 10_000;
const TAIL_LIMIT = 100;
/** Newest messages of another agent that are watched for other content. */
const WATCHED = 10;

export type SessionState = {
	/** Undefined while it loads, null when there is no such session. */
	session: SessionView | null | undefined;
	/** Null until the first page is here. */
	log: EntryLog | null;
	stream: StreamView | null;
	isLoadingOlder: boolean;
	/** Why older entries could not be loaded. */
	olderFailure: string | null;
	/** `before` is called right before the older entries come in. */
	loadOlder: (before: () => void) => void;
	/** Loads older entries until this one is among them, or very many are. */
	seek: (entryId: string) => void;
	/** What became of the looks for entries that have ended, each entry once. */
	sought: readonly Sought[];
	/** Wants to know which stretches of entries are in view; null where entries never change. */
	tellInView: ((stretches: readonly number[]) => void) | null;
};

/** `isThere`: the session has it, though maybe not among what is loaded. */
export type Sought = { entryId: string; isThere: boolean };

type Loading = {
	/** Rises when the session was made anew: what was read is of the one before. */
	made: number;
	log: EntryLog | null;
	isLoadingOlder: boolean;
	olderFailure: string | null;
	failure: Error | null;
	sought: readonly Sought[];
};
type Event =
	| { kind: "firstPage"; sessionId: string; page: EntryPage }
	| { kind: "olderAsked" }
	/** `made`: what it was read for; nothing of before belongs to a session that was made anew. */
	| { kind: "merged"; made: number; log: EntryLog }
	| { kind: "olderCame"; made: number; page: EntryPage }
	| { kind: "olderFailed"; reason: string }
	| { kind: "failed"; error: Error }
	| { kind: "sought"; made: number; sought: Sought; page: EntryPage | null }
	| { kind: "madeAnew" };

const NOTHING: Loading = {
	made: 0,
	log: null,
	isLoadingOlder: false,
	olderFailure: null,
	failure: null,
	sought: [],
};

function next(state: Loading, event: Event): Loading {
	switch (event.kind) {
		case "firstPage":
			return { ...state, log: startLog(event.sessionId, event.page) };
		case "merged":
			return event.made === state.made ? { ...state, log: event.log } : state;
		case "olderAsked":
			return { ...state, isLoadingOlder: true, olderFailure: null };
		case "olderCame":
			if (event.made !== state.made) return state;
			return { ...state, isLoadingOlder: false, log: state.log && withOlder(state.log, event.page) };
		case "sought": {
			if (event.made !== state.made) return state;
			const log = state.log && event.page ? withOlder(state.log, event.page) : state.log;
			const others = state.sought.filter(({ entryId }) => entryId !== event.sought.entryId);
			return { ...state, isLoadingOlder: false, log, sought: [...others, event.sought] };
		}
		case "olderFailed":
			return { ...state, isLoadingOlder: false, olderFailure: event.reason };
		case "failed":
			return { ...state, failure: event.error };
		case "madeAnew":
			return { ...NOTHING, made: state.made + 1 };
		default:
			return event satisfies never;
	}
}

/** For a component that lives as long as the session stays the same: give it the session id as its key. */
export function useSession(sessionId: string): SessionState {
	const [inView, setInView] = useState<readonly number[]>([]);
	const client = useConvex();
	const [state, dispatch] = useReducer(next, NOTHING);
	// biome-ignore lint/correctness/useExhaustiveDependencies: a session that was made anew is read anew
	useEffect(() => {
		let current = true;
		client.query(api.entries.page, { sessionId, cursor: null, limit: FIRST_PAGE }).then(
			(page) => current && dispatch({ kind: "firstPage", sessionId, page }),
			(error) => current && dispatch({ kind: "failed", error: error as Error }),
		);
		return () => {
			current = false;
		};
	}, [client, sessionId, state.made]);
	const tails = state.log?.tails;
	const requests = useMemo(() => requestsFor(sessionId, tails ?? [], inView), [sessionId, tails, inView]);
	const answers = useQueries(requests) as { [name: string]: unknown };
	for (const answer of Object.values(answers)) if (answer instanceof Error) throw answer;
	if (state.failure) throw state.failure;
	const session = answers.session as SessionView | null | undefined;
	useMadeAnew(session, state.log, () => dispatch({ kind: "madeAnew" }));
	const watched = session?.via === "openSync" ? WATCHED : 0;
	const tailed = state.log && withTails(state.log, tailsIn(state.log, answers), watched);
	const log = tailed && withShown(tailed, shownIn(inView, answers));
	const { made } = state;
	useLayoutEffect(() => {
		if (log && log !== state.log) dispatch({ kind: "merged", made, log });
	});
	const cursor = log?.cursor ?? null;
	const loadOlder = useCallback(
		(before: () => void) => {
			if (cursor === null) return;
			dispatch({ kind: "olderAsked" });
			client.query(api.entries.page, { sessionId, cursor, limit: OLDER_PAGE }).then(
				(page) => {
					before();
					dispatch({ kind: "olderCame", made, page });
				},
				(error) => dispatch({ kind: "olderFailed", reason: failureWords(error) }),
			);
		},
		[client, sessionId, cursor, made],
	);
	const seek = useCallback(
		(entryId: string) => {
			dispatch({ kind: "olderAsked" });
			readUntil(client, sessionId, entryId, cursor).then(
				({ isThere, page }) => dispatch({ kind: "sought", made, sought: { entryId, isThere }, page }),
				(error) => dispatch({ kind: "olderFailed", reason: failureWords(error) }),
			);
		},
		[client, sessionId, cursor, made],
	);
	const stream = (answers.stream as StreamView | null | undefined) ?? null;
	const { isLoadingOlder, olderFailure, sought } = state;
	const tellInView = useCallback((stretches: readonly number[]) => {
		setInView((before) => (String(before) === String(stretches) ? before : stretches));
	}, []);
	const mayChange = session?.via === "openSync" ? tellInView : null;
	return {
		session,
		log,
		stream,
		isLoadingOlder,
		olderFailure,
		loadOlder,
		seek,
		sought,
		tellInView: mayChange,
	};
}

/** What is older than `cursor`, up to the page with the entry; no page when the session does not have it. */
async function readUntil(
	client: ConvexReactClient,
	sessionId: string,
	entryId: string,
	cursor: string | null,
): Promise<{ isThere: boolean; page: EntryPage | null }> {
	const isThere = (await client.query(api.entries.get, { sessionId, entryId })) !== null;
	if (!isThere) return { isThere, page: null };
	const entries: EntryView[] = [];
	let at = cursor;
	while (at !== null && entries.length < SEEK_MOST) {
		const page: EntryPage = await client.query(api.entries.page, { sessionId, cursor: at, limit: SEEK_PAGE });
		entries.push(...page.entries);
		at = page.cursor;
		if (page.entries.some((entry) => entry.entryId === entryId)) break;
	}
	return { isThere, page: { entries, cursor: at } };
}

/**
 * Another session under the same id is read from its beginning: one that was removed and brought in again,
 * one that was not there when it was asked for, one of Pi's in the place of what another agent had posted.
 */
function useMadeAnew(
	session: SessionView | null | undefined,
	log: EntryLog | null,
	madeAnew: () => void,
): void {
	const before = useRef<SessionView["via"] | "none" | undefined>(undefined);
	useLayoutEffect(() => {
		if (session === undefined) return;
		const now = session?.via ?? "none";
		const isOther = before.current !== undefined && before.current !== now;
		before.current = now;
		// While the page had no connection, it may have gone and come back: then it holds less than is shown.
		const isShorter = session !== null && log !== null && session.lastSeq < lastSeq(log);
		if (session !== null && (isOther || isShorter)) madeAnew();
	});
}

function requestsFor(
	sessionId: string,
	tails: readonly number[],
	inView: readonly number[],
): RequestForQueries {
	const requests: RequestForQueries = {
		session: { query: api.sessions.get, args: { sessionId } },
		stream: { query: api.streams.current, args: { sessionId } },
	};
	for (const afterSeq of tails) {
		requests[tailName(afterSeq)] = {
			query: api.entries.tail,
			args: { sessionId, afterSeq, limit: TAIL_LIMIT },
		};
	}
	for (const afterSeq of inView) {
		requests[stretchName(afterSeq)] = {
			query: api.entries.tail,
			args: { sessionId, afterSeq, limit: STRETCH },
		};
	}
	return requests;
}

function shownIn(
	inView: readonly number[],
	answers: { [name: string]: unknown },
): (readonly EntryView[] | undefined)[] {
	return inView.map((seq) => answers[stretchName(seq)] as readonly EntryView[] | undefined);
}

function tailsIn(
	log: EntryLog,
	answers: { [name: string]: unknown },
): ReadonlyMap<number, readonly EntryView[] | undefined> {
	return new Map(log.tails.map((seq) => [seq, answers[tailName(seq)] as readonly EntryView[] | undefined]));
}

const stretchName = (afterSeq: number): string => `stretch ${afterSeq}`;
const tailName = (afterSeq: number): string => `tail ${afterSeq}`;

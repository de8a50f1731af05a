/**
 * Everything of one session that must be seen in step: its row, its running stream and its newest
 * entries come from one set of subscriptions and so from one snapshot of the backend.
 */
import { type ConvexReactClient, type RequestForQueries, useConvex, useQueries } from "convex/react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef } from "react";
import type { EntryPage, EntryView } from "../../../protocol/entry.ts";
import type { SessionView } from "../../../protocol/session.ts";
import type { StreamView } from "../../../protocol/stream.ts";
import { api } from "../../api.ts";
import { type EntryLog, startLog, withOlder, withTails } from "./entry-log.ts";

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
	/** What became of the last look for an entry; null before it has ended. */
	sought: Sought | null;
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
	sought: Sought | null;
};
type Event =
	| { kind: "firstPage"; sessionId: string; page: EntryPage }
	| { kind: "merged"; log: EntryLog }
	| { kind: "olderAsked" }
	| { kind: "olderCame"; page: EntryPage }
	| { kind: "olderFailed"; reason: string }
	| { kind: "failed"; error: Error }
	| { kind: "sought"; sought: Sought; page: EntryPage | null }
	| { kind: "madeAnew" };

const NOTHING: Loading = {
	made: 0,
	log: null,
	isLoadingOlder: false,
	olderFailure: null,
	failure: null,
	sought: null,
};

function next(state: Loading, event: Event): Loading {
	switch (event.kind) {
		case "firstPage":
			return { ...state, log: startLog(event.sessionId, event.page) };
		case "merged":
			return { ...state, log: event.log };
		case "olderAsked":
			return { ...state, isLoadingOlder: true, olderFailure: null };
		case "olderCame":
			return { ...state, isLoadingOlder: false, log: state.log && withOlder(state.log, event.page) };
		case "sought": {
			const log = state.log && event.page ? withOlder(state.log, event.page) : state.log;
			return { ...state, isLoadingOlder: false, log, sought: event.sought };
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
	const requests = useMemo(() => requestsFor(sessionId, tails ?? []), [sessionId, tails]);
	const answers = useQueries(requests) as { [name: string]: unknown };
	for (const answer of Object.values(answers)) if (answer instanceof Error) throw answer;
	if (state.failure) throw state.failure;
	const session = answers.session as SessionView | null | undefined;
	useMadeAnew(session?.via, () => dispatch({ kind: "madeAnew" }));
	const watched = session?.via === "openSync" ? WATCHED : 0;
	const log = state.log && withTails(state.log, tailsIn(state.log, answers), watched);
	useLayoutEffect(() => {
		if (log && log !== state.log) dispatch({ kind: "merged", log });
	});
	const cursor = log?.cursor ?? null;
	const loadOlder = useCallback(
		(before: () => void) => {
			if (cursor === null) return;
			dispatch({ kind: "olderAsked" });
			client.query(api.entries.page, { sessionId, cursor, limit: OLDER_PAGE }).then(
				(page) => {
					before();
					dispatch({ kind: "olderCame", page });
				},
				(error) =>
					dispatch({ kind: "olderFailed", reason: error instanceof Error ? error.message : String(error) }),
			);
		},
		[client, sessionId, cursor],
	);
	const seek = useCallback(
		(entryId: string) => {
			dispatch({ kind: "olderAsked" });
			readUntil(client, sessionId, entryId, cursor).then(
				({ isThere, page }) => dispatch({ kind: "sought", sought: { entryId, isThere }, page }),
				(error) =>
					dispatch({ kind: "olderFailed", reason: error instanceof Error ? error.message : String(error) }),
			);
		},
		[client, sessionId, cursor],
	);
	const stream = (answers.stream as StreamView | null | undefined) ?? null;
	const { isLoadingOlder, olderFailure, sought } = state;
	return { session, log, stream, isLoadingOlder, olderFailure, loadOlder, seek, sought };
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

/** A terminal of Pi's that opens what came from elsewhere so far puts a session of its own in its place. */
function useMadeAnew(via: SessionView["via"] | undefined, madeAnew: () => void): void {
	const before = useRef(via);
	useEffect(() => {
		if (before.current && via && before.current !== via) madeAnew();
		before.current = via ?? before.current;
	});
}

function requestsFor(sessionId: string, tails: readonly number[]): RequestForQueries {
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
	return requests;
}

function tailsIn(
	log: EntryLog,
	answers: { [name: string]: unknown },
): ReadonlyMap<number, readonly EntryView[] | undefined> {
	return new Map(log.tails.map((seq) => [seq, answers[tailName(seq)] as readonly EntryView[] | undefined]));
}

const tailName = (afterSeq: number): string => `tail ${afterSeq}`;

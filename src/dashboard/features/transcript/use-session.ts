/**
 * Everything of one session that must be seen in step: its row, its running stream and its newest
 * entries come from one set of subscriptions and so from one snapshot of the backend.
 */
import { type RequestForQueries, useConvex, useQueries } from "convex/react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer } from "react";
import type { EntryPage, EntryView } from "../../../protocol/entry.ts";
import type { SessionView } from "../../../protocol/session.ts";
import type { StreamView } from "../../../protocol/stream.ts";
import { api } from "../../api.ts";
import { type EntryLog, startLog, withOlder, withTails } from "./entry-log.ts";

const FIRST_PAGE = 60;
const OLDER_PAGE = 100;
const TAIL_LIMIT = 100;

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
};

type Loading = {
	log: EntryLog | null;
	isLoadingOlder: boolean;
	olderFailure: string | null;
	failure: Error | null;
};
type Event =
	| { kind: "firstPage"; sessionId: string; page: EntryPage }
	| { kind: "merged"; log: EntryLog }
	| { kind: "olderAsked" }
	| { kind: "olderCame"; page: EntryPage }
	| { kind: "olderFailed"; reason: string }
	| { kind: "failed"; error: Error };

const NOTHING: Loading = { log: null, isLoadingOlder: false, olderFailure: null, failure: null };

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
		case "olderFailed":
			return { ...state, isLoadingOlder: false, olderFailure: event.reason };
		case "failed":
			return { ...state, failure: event.error };
		default:
			return event satisfies never;
	}
}

/** For a component that lives as long as the session stays the same: give it the session id as its key. */
export function useSession(sessionId: string): SessionState {
	const client = useConvex();
	const [state, dispatch] = useReducer(next, NOTHING);
	useEffect(() => {
		let current = true;
		client.query(api.entries.page, { sessionId, cursor: null, limit: FIRST_PAGE }).then(
			(page) => current && dispatch({ kind: "firstPage", sessionId, page }),
			(error) => current && dispatch({ kind: "failed", error: error as Error }),
		);
		return () => {
			current = false;
		};
	}, [client, sessionId]);
	const tails = state.log?.tails;
	const requests = useMemo(() => requestsFor(sessionId, tails ?? []), [sessionId, tails]);
	const answers = useQueries(requests) as { [name: string]: unknown };
	for (const answer of Object.values(answers)) if (answer instanceof Error) throw answer;
	if (state.failure) throw state.failure;
	const log = state.log && withTails(state.log, tailsIn(state.log, answers));
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
	const session = answers.session as SessionView | null | undefined;
	const stream = (answers.stream as StreamView | null | undefined) ?? null;
	const { isLoadingOlder, olderFailure } = state;
	return { session, log, stream, isLoadingOlder, olderFailure, loadOlder };
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

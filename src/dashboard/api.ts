/** The backend's functions that the page calls, typed by the protocol. */
import {
	type FunctionReference,
	makeFunctionReference,
	type PaginationOptions,
	type PaginationResult,
} from "convex/server";
import type { Scope } from "../protocol/access.ts";
import type { EntryPage, EntryView } from "../protocol/entry.ts";
import type { Beat, Leave, Present } from "../protocol/presence.ts";
import type { Search, SearchPage } from "../protocol/search.ts";
import type { SessionView } from "../protocol/session.ts";
import type { Delta, StreamView } from "../protocol/stream.ts";

type OfSession = { sessionId: string };
type PagedSessions = FunctionReference<
	"query",
	"public",
	{ paginationOpts: PaginationOptions },
	PaginationResult<SessionView>
>;

export type Me = { name: string; keyName: string; scopes: Scope[] };
export type LineageView = { ancestors: SessionView[]; children: SessionView[] };

export const api = {
	sessions: {
		list: makeFunctionReference("sessions:list") as PagedSessions,
		get: makeFunctionReference<"query", OfSession, SessionView | null>("sessions:get"),
		lineage: makeFunctionReference<"query", OfSession, LineageView>("sessions:lineage"),
	},
	entries: {
		page: makeFunctionReference<"query", OfSession & { cursor: string | null; limit: number }, EntryPage>(
			"entries:page",
		),
		tail: makeFunctionReference<"query", OfSession & { afterSeq: number; limit: number }, EntryView[]>(
			"entries:tail",
		),
		get: makeFunctionReference<"query", OfSession & { entryId: string }, EntryView | null>("entries:get"),
	},
	search: { passages: makeFunctionReference<"query", Search, SearchPage>("search:passages") },
	streams: {
		current: makeFunctionReference<"query", OfSession, StreamView | null>("streams:current"),
		tail: makeFunctionReference<"query", { streamId: string }, Delta[]>("streams:tail"),
		read: makeFunctionReference<"query", { streamId: string; start: number }, Delta[]>("streams:read"),
	},
	presence: {
		beat: makeFunctionReference<"mutation", Beat, null>("presence:beat"),
		leave: makeFunctionReference<"mutation", Leave, null>("presence:leave"),
		list: makeFunctionReference<"query", OfSession, Present[]>("presence:list"),
	},
	users: { me: makeFunctionReference<"query", Record<string, never>, Me>("users:me") },
};

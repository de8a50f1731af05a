/** The backend's functions that the port calls, by name and type. Names are those of `convex/`. */
import type { FunctionReference } from "convex/server";
import type { Append, Appended, EntryPage, EntryView } from "../protocol/entry.ts";
import type { Beat, Leave, Place, Present } from "../protocol/presence.ts";
import type {
	AcceptedPrompt,
	AcceptPrompt,
	AdvancePrompt,
	PromptState,
	PromptView,
	SendPrompt,
} from "../protocol/prompt.ts";
import type { Answer, Answered, Ask, QuestionView } from "../protocol/question.ts";
import type { Live, Opened, OpenSession, SessionView, UpdateSession } from "../protocol/session.ts";
import type { Delta, EndStream, Push, StartStream, StreamView } from "../protocol/stream.ts";
import type {
	Acquire,
	Acquired,
	Attachable,
	HeldLock,
	Released,
	Renewed,
	TakeOver,
	TurnLock,
} from "../protocol/turn-lock.ts";

type Mutation<Args extends Record<string, unknown>, Result> = FunctionReference<
	"mutation",
	"public",
	Args,
	Result
>;
type Query<Args extends Record<string, unknown>, Result> = FunctionReference<"query", "public", Args, Result>;

export type Functions = {
	open: Mutation<OpenSession, Opened>;
	update: Mutation<UpdateSession, null>;
	append: Mutation<Append, Appended>;
	missing: Query<{ sessionId: string; entryIds: string[] }, string[]>;
	uploadUrl: Mutation<Record<string, never>, string>;
	startStream: Mutation<StartStream, null>;
	pushStream: Mutation<Push, number>;
	endStream: Mutation<EndStream, null>;
	beat: Mutation<Beat, null>;
	leave: Mutation<Leave, null>;
	presence: Query<OfSession, Present[]>;
	place: Query<{ clientId: string }, Place | null>;
	session: Query<OfSession, SessionView | null>;
	header: Query<OfSession, string | null>;
	live: Query<OfSession, Live | null>;
	attachable: Query<{ limit: number }, Attachable[]>;
	entriesPage: Query<{ sessionId: string; cursor: string | null; limit: number }, EntryPage>;
	entriesTail: Query<{ sessionId: string; afterSeq: number; limit: number }, EntryView[]>;
	stream: Query<OfSession, StreamView | null>;
	streamTail: Query<{ streamId: string }, Delta[]>;
	readStream: Query<{ streamId: string; start: number }, Delta[]>;
	acquireLock: Mutation<Acquire, Acquired>;
	takeOverLock: Mutation<TakeOver, Acquired>;
	renewLock: Mutation<HeldLock, Renewed>;
	releaseLock: Mutation<HeldLock, Released>;
	turnLock: Query<OfSession, TurnLock>;
	sendPrompt: Mutation<SendPrompt, PromptState>;
	withdrawPrompt: Mutation<{ promptId: string }, PromptState>;
	acceptPrompt: Mutation<AcceptPrompt, AcceptedPrompt>;
	advancePrompt: Mutation<AdvancePrompt, null>;
	prompts: Query<OfSession, PromptView[]>;
	ask: Mutation<Ask, null>;
	answer: Mutation<Answer, Answered>;
	closeQuestion: Mutation<{ questionId: string }, null>;
	questions: Query<OfSession, QuestionView[]>;
};

type OfSession = { sessionId: string };

export type MutationName = NamesOf<"mutation">;
export type QueryName = NamesOf<"query">;
type NamesOf<Type> = {
	[K in keyof Functions]: Functions[K]["_type"] extends Type ? K : never;
}[keyof Functions];

export type ArgsOf<K extends keyof Functions> = Functions[K]["_args"];
export type ResultOf<K extends keyof Functions> = Functions[K]["_returnType"];

export const NAMES: { readonly [K in keyof Functions]: string } = {
	open: "sessions:open",
	update: "sessions:update",
	append: "entries:append",
	missing: "entries:missing",
	uploadUrl: "entries:uploadUrl",
	startStream: "streams:start",
	pushStream: "streams:push",
	endStream: "streams:end",
	beat: "presence:beat",
	leave: "presence:leave",
	presence: "presence:list",
	place: "presence:find",
	session: "sessions:get",
	header: "sessions:header",
	live: "sessions:live",
	attachable: "sessions:attachable",
	entriesPage: "entries:page",
	entriesTail: "entries:tail",
	stream: "streams:current",
	streamTail: "streams:tail",
	readStream: "streams:read",
	acquireLock: "turnLock:acquire",
	takeOverLock: "turnLock:takeOver",
	renewLock: "turnLock:renew",
	releaseLock: "turnLock:release",
	turnLock: "turnLock:current",
	sendPrompt: "prompts:send",
	withdrawPrompt: "prompts:withdraw",
	acceptPrompt: "prompts:accept",
	advancePrompt: "prompts:advance",
	prompts: "prompts:list",
	ask: "questions:ask",
	answer: "questions:answer",
	closeQuestion: "questions:close",
	questions: "questions:list",
};

/** The backend's functions that the port calls, by name and type. Names are those of `convex/`. */
import type { FunctionReference } from "convex/server";
import type { Append, Appended } from "../protocol/entry.ts";
import type { Beat, Present } from "../protocol/presence.ts";
import type { Opened, OpenSession, UpdateSession } from "../protocol/session.ts";
import type { EndStream, Push, StartStream } from "../protocol/stream.ts";

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
	leave: Mutation<{ clientId: string }, null>;
	presence: Query<{ sessionId: string }, Present[]>;
};

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
};

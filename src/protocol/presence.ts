/** Who is here. Silent past its deadline counts as gone (P1). */
import { type Infer, v } from "convex/values";
import { vSessionView } from "./session.ts";

export const vClientKind = v.union(v.literal("terminal"), v.literal("dashboard"), v.literal("cli"));
export type ClientKind = Infer<typeof vClientKind>;

/** `presence:beat`. */
export const vBeat = v.object({
	/** Made by the client, new per process or page. */
	clientId: v.string(),
	kind: vClientKind,
	/** Session it drives or looks at; null for none. */
	sessionId: v.union(v.string(), v.null()),
	/** True when it wants the running stream of that session. The terminal that runs it does not. */
	watching: v.boolean(),
	/** Name for people, such as a host name. */
	label: v.string(),
});
export type Beat = Infer<typeof vBeat>;

/** `presence:leave`. */
export const vLeave = v.object({
	clientId: v.string(),
	/**
	 * What it leaves. When it beats elsewhere by now, only what it had there goes: a goodbye can come after
	 * the first beat of what came next. Unsaid: wherever it is.
	 */
	sessionId: v.optional(v.union(v.string(), v.null())),
});
export type Leave = Infer<typeof vLeave>;

/** One who is here; nothing in it changes with a mere beat. */
export const vPresent = v.object({
	clientId: v.string(),
	kind: vClientKind,
	watching: v.boolean(),
	label: v.string(),
	since: v.number(),
});
export type Present = Infer<typeof vPresent>;

/** `presence:find`: where a client is now, so that followers can go along with it. */
export const vPlace = v.object({
	sessionId: v.union(v.string(), v.null()),
	label: v.string(),
	/** Null while the backend does not know the session yet, as before its first prompt. */
	session: v.union(vSessionView, v.null()),
});
export type Place = Infer<typeof vPlace>;

/** Keys and what they may do. */
import { type Infer, v } from "convex/values";

/** read: see everything of the user. write: push sessions. control: prompts, keys, deletion. */
export const vScope = v.union(v.literal("read"), v.literal("write"), v.literal("control"));
export type Scope = Infer<typeof vScope>;
export const ALL_SCOPES: readonly Scope[] = ["read", "write", "control"];

export const KEY_PREFIX = "osk_";
/** A key as people see it in lists: prefix and first characters. */
export const KEY_SHOWN_CHARS = 8;

export const vApiKeyView = v.object({
	id: v.string(),
	name: v.string(),
	/** `osk_abcd…`. */
	shown: v.string(),
	scopes: v.array(vScope),
	createdAt: v.number(),
	lastUsedAt: v.union(v.number(), v.null()),
	revokedAt: v.union(v.number(), v.null()),
});
export type ApiKeyView = Infer<typeof vApiKeyView>;

/** Letting a call of the HTTP API in: whose key it brings, what that key may do, and how often it has called. */
import { v } from "convex/values";
import { rateLimit } from "convex-helpers/server/rateLimit";
import { type Scope, vScope } from "../src/protocol/access.ts";
import { internalMutation } from "./_generated/server.js";
import { useKey } from "./model/keys.ts";

const MINUTE_MS = 60_000;

/**
 * Calls a minute for each key; as many may come at once. Generous for what plugins post, since most of
 * them lose what is turned away.
 */
export const CALLS_PER_MINUTE = { sync: 6000, read: 1200, search: 300, export: 60 } as const;
export type Limit = keyof typeof CALLS_PER_MINUTE;

const vLimit = v.union(v.literal("sync"), v.literal("read"), v.literal("search"), v.literal("export"));

const vAdmitted = v.union(
	v.object({ kind: v.literal("admitted"), userId: v.id("users") }),
	v.object({ kind: v.literal("unknown") }),
	v.object({ kind: v.literal("revoked") }),
	v.object({ kind: v.literal("scopeMissing"), scope: vScope }),
	/** `retryAt` in ms since the epoch. */
	v.object({ kind: v.literal("tooOften"), retryAt: v.number() }),
);

/** `hash` is the key's SHA-256. A call that is turned away for its key or scope does not count. */
export const admit = internalMutation({
	args: { hash: v.string(), scope: vScope, limit: vLimit },
	returns: vAdmitted,
	handler: async (ctx, { hash, scope, limit }: { hash: string; scope: Scope; limit: Limit }) => {
		const key = await useKey(ctx, hash);
		if (!key) return { kind: "unknown" as const };
		if (key.kind === "revoked") return { kind: "revoked" as const };
		if (!key.scopes.includes(scope)) return { kind: "scopeMissing" as const, scope };
		const { ok, retryAt } = await rateLimit(ctx, {
			name: `http ${limit}`,
			key: key.keyId,
			config: { kind: "token bucket", rate: CALLS_PER_MINUTE[limit], period: MINUTE_MS },
		});
		if (!ok) return { kind: "tooOften" as const, retryAt: retryAt ?? Date.now() + MINUTE_MS };
		return { kind: "admitted" as const, userId: key.userId };
	},
});

/**
 * The only way into the public functions: builders that find out who calls, once.
 *
 * A caller is a token whose `keyId` names an API key. The key's row is read at every call, so a revoked
 * key is out at once, whatever tokens it made (A2), and what the handler gets is one user (A1). What
 * this does not do: check whose row is read. Handlers reach rows only through indexes that begin with
 * the user, or compare `userId`.
 */
import { customMutation, customQuery } from "convex-helpers/server/customFunctions";
import type { Scope } from "../src/protocol/access.ts";
import { refusal } from "../src/protocol/errors.ts";
import type { Doc, Id } from "./_generated/dataModel.js";
import { mutation, type QueryCtx, query } from "./_generated/server.js";

export type Caller = { userId: Id<"users">; key: Doc<"apiKeys"> };

/** One of `scopes` is enough. */
async function signedIn(ctx: Pick<QueryCtx, "auth" | "db">, scopes: readonly Scope[]): Promise<Caller> {
	const identity = await ctx.auth.getUserIdentity();
	if (!identity) throw refusal("signed_out", "You are not signed in.");
	const keyId = typeof identity.keyId === "string" ? ctx.db.normalizeId("apiKeys", identity.keyId) : null;
	const key = keyId && (await ctx.db.get(keyId));
	if (!key || key.userId !== identity.subject)
		throw refusal("signed_out", "Your token names no API key of this backend.");
	if (key.revokedAt !== null) throw refusal("key_revoked", `The API key "${key.name}" was revoked.`);
	if (!scopes.some((scope) => key.scopes.includes(scope))) {
		const needed = scopes.join(" or ");
		throw refusal("scope_missing", `The API key "${key.name}" has no scope "${needed}".`, {
			needed: scopes[0] as Scope,
		});
	}
	return { userId: key.userId, key };
}

/** What a builder adds to `ctx`. */
function callerWith(scopes: readonly Scope[]) {
	return {
		args: {},
		input: async (ctx: Pick<QueryCtx, "auth" | "db">) => ({ ctx: await signedIn(ctx, scopes), args: {} }),
	};
}

export const readQuery = customQuery(query, callerWith(["read"]));
export const readOrWriteQuery = customQuery(query, callerWith(["read", "write"]));
export const readMutation = customMutation(mutation, callerWith(["read"]));
export const writeMutation = customMutation(mutation, callerWith(["write"]));
export const controlMutation = customMutation(mutation, callerWith(["control"]));

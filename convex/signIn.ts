/** One-time sign-in codes: a page gets a key of its own without anybody typing one (A3). */
import { v } from "convex/values";
import { ALL_SCOPES } from "../src/protocol/access.ts";
import { SIGN_IN_CODE_TTL_MS } from "../src/protocol/limits.ts";
import type { Id } from "./_generated/dataModel.js";
import { internalMutation, type MutationCtx } from "./_generated/server.js";
import { controlMutation } from "./access.ts";
import { checkHash, insertKey, needUser } from "./model/keys.ts";

/** For administrators: a code for the first user. `hash` is its SHA-256 in hex. */
export const addCode = internalMutation({
	args: { hash: v.string() },
	returns: v.null(),
	handler: async (ctx, { hash }) => {
		await insertCode(ctx, await needUser(ctx), hash);
		return null;
	},
});

/** A code for the caller's user. */
export const createCode = controlMutation({
	args: { hash: v.string() },
	returns: v.null(),
	handler: async (ctx, { hash }) => {
		await insertCode(ctx, ctx.userId, hash, ctx.key._id);
		return null;
	},
});

async function insertCode(
	ctx: MutationCtx,
	userId: Id<"users">,
	hash: string,
	keyId?: Id<"apiKeys">,
): Promise<void> {
	checkHash("sign-in code", hash);
	const expiresAt = Date.now() + SIGN_IN_CODE_TTL_MS;
	await ctx.db.insert("signInCodes", { userId, hash, expiresAt, ...(keyId ? { keyId } : {}) });
}

/** Gives the code's user the key whose hash is given, once; false when the code is unknown, used, too old, or of a key that was revoked. */
export const redeem = internalMutation({
	args: { codeHash: v.string(), keyHash: v.string(), shown: v.string(), name: v.string() },
	returns: v.boolean(),
	handler: async (ctx, { codeHash, keyHash, shown, name }) => {
		const code = await ctx.db
			.query("signInCodes")
			.withIndex("by_hash", (q) => q.eq("hash", codeHash))
			.first();
		if (!code) return false;
		await ctx.db.delete(code._id);
		if (code.expiresAt <= Date.now()) return false;
		if (code.keyId && (await ctx.db.get(code.keyId))?.revokedAt !== null) return false;
		await insertKey(ctx, code.userId, { name, hash: keyHash, shown, scopes: [...ALL_SCOPES] });
		return true;
	},
});

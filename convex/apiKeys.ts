/** API keys: made and revoked by whoever has the control scope, or by an administrator from the command line. */
import { v } from "convex/values";
import { vApiKeyView, vScope } from "../src/protocol/access.ts";
import { refusal } from "../src/protocol/errors.ts";
import type { Doc, Id } from "./_generated/dataModel.js";
import { internalMutation, internalQuery, type MutationCtx } from "./_generated/server.js";
import { controlMutation, readQuery } from "./access.ts";
import { insertKey, keyView, needUser, useKey } from "./model/keys.ts";

const newKey = { name: v.string(), hash: v.string(), shown: v.string(), scopes: v.array(vScope) };

/** A key for the caller's user. `hash` is the key's SHA-256 in hex: the key itself stays with who made it. */
export const add = controlMutation({
	args: newKey,
	returns: v.object({ id: v.string() }),
	handler: async (ctx, args) => ({ id: await insertKey(ctx, ctx.userId, args) }),
});

/** For administrators: a key for the first user, or for the one named; made when there is none. */
export const addFirst = internalMutation({
	args: { ...newKey, userName: v.optional(v.string()) },
	returns: v.object({ id: v.string() }),
	handler: async (ctx, { userName, ...key }) => ({
		id: await insertKey(ctx, await needUser(ctx, userName), key),
	}),
});

export const list = readQuery({
	args: {},
	returns: v.array(vApiKeyView),
	handler: async (ctx) => {
		const keys = await ctx.db
			.query("apiKeys")
			.withIndex("by_userId", (q) => q.eq("userId", ctx.userId))
			.collect();
		return await Promise.all(keys.map((key) => keyView(ctx, key)));
	},
});

/** For administrators: the keys of all users. */
export const listAll = internalQuery({
	args: {},
	returns: v.array(vApiKeyView),
	handler: async (ctx) => {
		const keys = await ctx.db.query("apiKeys").collect();
		return await Promise.all(keys.map((key) => keyView(ctx, key)));
	},
});

/** Works from its next call on no more (A2). Revoking twice is revoking once. */
export const revoke = controlMutation({
	args: { id: v.string() },
	returns: v.null(),
	handler: async (ctx, { id }) => {
		await revokeKey(ctx, id, ctx.userId);
		return null;
	},
});

/** For administrators. */
export const revokeById = internalMutation({
	args: { id: v.string() },
	returns: v.null(),
	handler: async (ctx, { id }) => {
		await revokeKey(ctx, id, null);
		return null;
	},
});

async function revokeKey(ctx: MutationCtx, id: string, owner: Id<"users"> | null): Promise<void> {
	const keyId = ctx.db.normalizeId("apiKeys", id);
	const key: Doc<"apiKeys"> | null = keyId && (await ctx.db.get(keyId));
	if (!key || (owner !== null && key.userId !== owner))
		throw refusal("invalid", `There is no API key ${id}.`);
	if (key.revokedAt === null) await ctx.db.patch(key._id, { revokedAt: Date.now() });
}

/** For the sign-in in `http.ts`: whose key that is, or that it was revoked; null for an unknown one. Notes the use. */
export const find = internalMutation({
	args: { hash: v.string() },
	returns: v.union(
		v.object({
			kind: v.literal("valid"),
			keyId: v.string(),
			userId: v.string(),
			userName: v.string(),
			scopes: v.array(vScope),
		}),
		v.object({ kind: v.literal("revoked") }),
		v.null(),
	),
	handler: async (ctx, { hash }) => await useKey(ctx, hash),
});

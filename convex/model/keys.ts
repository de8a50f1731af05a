/** Writing and showing API keys. A key itself is never here: only its SHA-256 (A3). */
import type { ApiKeyView, Scope } from "../../src/protocol/access.ts";
import { ALL_SCOPES, KEY_PREFIX, KEY_SHOWN_CHARS } from "../../src/protocol/access.ts";
import { refusal } from "../../src/protocol/errors.ts";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../_generated/server.js";
import { asName } from "./checks.ts";

/** Name of the user that the first key makes. */
const FIRST_USER = "owner";

/** How exact "last used" is: a key in steady use is written this often at most. */
const USE_RESOLUTION_MS = 60_000;

export type NewKey = { name: string; hash: string; shown: string; scopes: Scope[] };

export async function insertKey(
	ctx: MutationCtx,
	userId: Id<"users">,
	{ name, hash, shown, scopes }: NewKey,
): Promise<Id<"apiKeys">> {
	checkHash("key", hash);
	if (asName(name) === "") throw refusal("invalid", "An API key needs a name.");
	if (scopes.length === 0) throw refusal("invalid", "An API key needs at least one scope.");
	// Guards against a whole key put where its first characters belong.
	if (!shown.startsWith(KEY_PREFIX) || shown.length > KEY_SHOWN_CHARS + 1) {
		throw refusal("invalid", `What is shown of a key is ${KEY_PREFIX} and a few characters.`);
	}
	if (await keyByHash(ctx, hash)) throw refusal("invalid", "This API key is there already.");
	const kept = ALL_SCOPES.filter((scope) => scopes.includes(scope));
	return await ctx.db.insert("apiKeys", {
		userId,
		name: asName(name),
		hash,
		shown,
		scopes: kept,
		createdAt: Date.now(),
		revokedAt: null,
	});
}

/** `what` is the thing that was hashed. */
export function checkHash(what: string, hash: string): void {
	if (!/^[0-9a-f]{64}$/.test(hash))
		throw refusal("invalid", `The hash of the ${what} is no SHA-256 in lower-case hex.`);
}

export async function keyByHash(ctx: Pick<QueryCtx, "db">, hash: string): Promise<Doc<"apiKeys"> | null> {
	return await ctx.db
		.query("apiKeys")
		.withIndex("by_hash", (q) => q.eq("hash", hash))
		.first();
}

/** The user of that name, made when there is none; without a name the first user, made as "owner". */
export async function needUser(ctx: MutationCtx, name?: string): Promise<Id<"users">> {
	const known =
		name === undefined
			? await ctx.db.query("users").first()
			: await ctx.db
					.query("users")
					.withIndex("by_name", (q) => q.eq("name", name))
					.first();
	return known?._id ?? (await ctx.db.insert("users", { name: asName(name ?? FIRST_USER) }));
}

export async function keyView(ctx: Pick<QueryCtx, "db">, key: Doc<"apiKeys">): Promise<ApiKeyView> {
	const use = await lastUse(ctx, key._id);
	const { _id: id, name, shown, scopes, createdAt, revokedAt } = key;
	return { id, name, shown, scopes, createdAt, lastUsedAt: use?.usedAt ?? null, revokedAt };
}

export async function lastUse(
	ctx: Pick<QueryCtx, "db">,
	keyId: Id<"apiKeys">,
): Promise<Doc<"keyUses"> | null> {
	return await ctx.db
		.query("keyUses")
		.withIndex("by_keyId", (q) => q.eq("keyId", keyId))
		.first();
}

export type UsedKey =
	| { kind: "valid"; keyId: Id<"apiKeys">; userId: Id<"users">; userName: string; scopes: Scope[] }
	| { kind: "revoked" };

/** Whose key that is, or that it was revoked; null for an unknown one. Notes the use. */
export async function useKey(ctx: MutationCtx, hash: string): Promise<UsedKey | null> {
	const key = await keyByHash(ctx, hash);
	const user = key && (await ctx.db.get(key.userId));
	if (!key || !user) return null;
	if (key.revokedAt !== null) return { kind: "revoked" };
	await noteUse(ctx, key._id);
	return { kind: "valid", keyId: key._id, userId: user._id, userName: user.name, scopes: key.scopes };
}

async function noteUse(ctx: MutationCtx, keyId: Id<"apiKeys">): Promise<void> {
	const usedAt = Date.now();
	const use = await lastUse(ctx, keyId);
	if (!use) await ctx.db.insert("keyUses", { keyId, usedAt });
	else if (usedAt - use.usedAt >= USE_RESOLUTION_MS) await ctx.db.patch(use._id, { usedAt });
}

import { expect } from "bun:test";
import { api, internal } from "../../convex/_generated/api.js";
import { hashOf, identityOf, scenario } from "./app.ts";
import { answer, session, talk, tell, user } from "./stories.ts";

scenario("nobody gets in without a token", async (app) => {
	const nobody = app.as(null);
	expect(await nobody.refused(api.users.me, {})).toBe("signed_out");
	expect(await nobody.refused(api.sessions.get, { sessionId: "s" })).toBe("signed_out");
	expect(await nobody.refused(api.sessions.open, session("s"))).toBe("signed_out");
	expect(await nobody.refused(api.streams.push, { streamId: "x", start: 0, ops: [["e"]] })).toBe(
		"signed_out",
	);
});

scenario("a token without a key of this backend is no token", async (app) => {
	const client = await app.signIn();
	expect(await app.as(identityOf(client.userId, "")).refused(api.users.me, {})).toBe("signed_out");
	expect(await app.as(identityOf(client.userId, "no-such-key")).refused(api.users.me, {})).toBe("signed_out");
	expect(await app.as(identityOf("somebody else", client.keyId)).refused(api.users.me, {})).toBe(
		"signed_out",
	);
});

scenario("a caller learns who it is", async (app) => {
	const client = await app.signIn({ scopes: ["write", "read"] });
	expect(await client.query(api.users.me, {})).toEqual({
		name: "owner",
		keyName: "key 0",
		scopes: ["read", "write"],
	});
});

scenario("a revoked key is out at its next call", async (app) => {
	const client = await app.signIn();
	const other = await app.signIn();
	await client.mutation(api.apiKeys.revoke, { id: other.keyId });
	expect(await other.refused(api.users.me, {})).toBe("key_revoked");
	expect(await other.refused(api.sessions.open, session("s"))).toBe("key_revoked");
	expect((await client.query(api.users.me, {})).name).toBe("owner");
});

scenario("each call needs its scope", async (app) => {
	const reader = await app.signIn({ scopes: ["read"] });
	const writer = await app.signIn({ scopes: ["write"] });
	const control = await app.signIn({ scopes: ["control"] });
	await tell(writer, session("s"), talk(["a", "b"]));
	expect(await reader.refused(api.sessions.open, session("s"))).toBe("scope_missing");
	expect(await reader.refused(api.entries.append, { sessionId: "s", entries: [] })).toBe("scope_missing");
	expect(await reader.refused(api.sessions.remove, { sessionId: "s" })).toBe("scope_missing");
	expect(await writer.refused(api.sessions.get, { sessionId: "s" })).toBe("scope_missing");
	expect(await writer.refused(api.apiKeys.list, {})).toBe("scope_missing");
	expect(await writer.refused(api.sessions.remove, { sessionId: "s" })).toBe("scope_missing");
	expect(await control.refused(api.entries.page, { sessionId: "s", cursor: null, limit: 5 })).toBe(
		"scope_missing",
	);
	expect(await reader.query(api.entries.missing, { sessionId: "s", entryIds: ["a", "z"] })).toEqual(["z"]);
	expect(await writer.query(api.entries.missing, { sessionId: "s", entryIds: ["a", "z"] })).toEqual(["z"]);
	expect(await control.refused(api.entries.missing, { sessionId: "s", entryIds: ["a"] })).toBe(
		"scope_missing",
	);
});

scenario("another user's data is not there", async (app) => {
	const mine = await app.signIn();
	const theirs = await app.signIn({ user: "somebody else" });
	await tell(mine, session("s"), talk(["a", "b"]));
	await mine.mutation(api.streams.start, {
		sessionId: "s",
		streamId: "stream-of-mine",
		terminalId: "t",
		startedAt: 1,
	});
	await mine.mutation(api.streams.push, { streamId: "stream-of-mine", start: 0, ops: [["e"]] });

	expect(await theirs.query(api.sessions.get, { sessionId: "s" })).toBeNull();
	expect(await theirs.query(api.sessions.header, { sessionId: "s" })).toBeNull();
	const listed = await theirs.query(api.sessions.list, { paginationOpts: { numItems: 5, cursor: null } });
	expect(listed.page).toEqual([]);
	expect(await theirs.query(api.entries.page, { sessionId: "s", cursor: null, limit: 5 })).toEqual({
		entries: [],
		cursor: null,
	});
	expect(await theirs.query(api.entries.tail, { sessionId: "s", afterSeq: 0, limit: 5 })).toEqual([]);
	expect(await theirs.query(api.entries.get, { sessionId: "s", entryId: "a" })).toBeNull();
	expect(await theirs.query(api.entries.missing, { sessionId: "s", entryIds: ["a"] })).toEqual(["a"]);
	expect(await theirs.refused(api.entries.append, { sessionId: "s", entries: [user("x", null, "hi")] })).toBe(
		"session_unknown",
	);
	expect(await theirs.refused(api.sessions.update, { sessionId: "s", status: "ended" })).toBe(
		"session_unknown",
	);
	await theirs.mutation(api.sessions.remove, { sessionId: "s" });

	expect(await theirs.query(api.streams.current, { sessionId: "s" })).toBeNull();
	expect(await theirs.query(api.streams.tail, { streamId: "stream-of-mine" })).toEqual([]);
	expect(await theirs.query(api.streams.read, { streamId: "stream-of-mine", start: 0 })).toEqual([]);
	expect(
		await theirs.mutation(api.streams.push, { streamId: "stream-of-mine", start: 1, ops: [["e"]] }),
	).toBe(-1);
	await theirs.mutation(api.streams.end, { streamId: "stream-of-mine" });
	expect(await mine.query(api.streams.tail, { streamId: "stream-of-mine" })).toHaveLength(1);
	expect((await mine.query(api.sessions.get, { sessionId: "s" }))?.entryCount).toBe(2);
});

scenario("two users may have sessions of the same id", async (app) => {
	const mine = await app.signIn();
	const theirs = await app.signIn({ user: "somebody else" });
	await tell(mine, session("s"), talk(["a", "b"]));
	await tell(theirs, session("s"), [answer("a", null, "another text", 7)]);
	expect((await mine.query(api.sessions.get, { sessionId: "s" }))?.tokens.input).toBe(10);
	expect((await theirs.query(api.sessions.get, { sessionId: "s" }))?.tokens.input).toBe(7);
	await tell(theirs, session("s2"));
	expect(
		await theirs.refused(api.streams.start, { sessionId: "s2", streamId: "", terminalId: "t", startedAt: 1 }),
	).toBe("invalid");
});

scenario("keys are listed, and who makes or revokes them needs control", async (app) => {
	const owner = await app.signIn();
	const { id } = await owner.mutation(api.apiKeys.add, {
		name: " second ",
		hash: hashOf(99),
		shown: "osk_abcd…",
		scopes: ["control", "read"],
	});
	const view = (await owner.query(api.apiKeys.list, {})).find((one) => one.id === id);
	expect(view).toMatchObject({
		name: "second",
		shown: "osk_abcd…",
		scopes: ["read", "control"],
		lastUsedAt: null,
	});
	expect(JSON.stringify(view)).not.toContain(hashOf(99));

	const other = await app.signIn({ user: "somebody else" });
	expect(await other.refused(api.apiKeys.revoke, { id })).toBe("invalid");
	expect(await owner.refused(api.apiKeys.revoke, { id: "no id" })).toBe("invalid");
	await owner.mutation(api.apiKeys.revoke, { id });
	await owner.mutation(api.apiKeys.revoke, { id });
	expect((await owner.query(api.apiKeys.list, {})).find((one) => one.id === id)?.revokedAt).toBeGreaterThan(
		0,
	);
	expect(await other.query(api.apiKeys.list, {})).toHaveLength(1);
});

scenario("a key is taken only as a hash, with a name and a scope", async (app) => {
	const owner = await app.signIn();
	const key = { name: "k", hash: hashOf(50), shown: "osk_abcd…", scopes: ["read" as const] };
	expect(await owner.refused(api.apiKeys.add, { ...key, hash: "osk_the_key_itself" })).toBe("invalid");
	expect(await owner.refused(api.apiKeys.add, { ...key, shown: "osk_the_whole_key_in_the_clear" })).toBe(
		"invalid",
	);
	expect(await owner.refused(api.apiKeys.add, { ...key, name: " " })).toBe("invalid");
	expect(await owner.refused(api.apiKeys.add, { ...key, scopes: [] })).toBe("invalid");
	await owner.mutation(api.apiKeys.add, key);
	expect(await owner.refused(api.apiKeys.add, key)).toBe("invalid");
});

scenario("administrators see and revoke the keys of all users", async (app) => {
	const one = await app.signIn();
	const two = await app.signIn({ user: "somebody else" });
	expect(await app.runQuery(internal.apiKeys.listAll, {})).toHaveLength(2);
	await app.runMutation(internal.apiKeys.revokeById, { id: two.keyId });
	expect(await two.refused(api.users.me, {})).toBe("key_revoked");
	expect((await one.query(api.users.me, {})).keyName).toBe("key 0");
});

import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import { TURN_LOCK_MS, TURN_LOCK_RENEW_MS } from "../../src/protocol/limits.ts";
import { type App, type Client, scenario, storyStart } from "./app.ts";
import { session, tell } from "./stories.ts";

const acquire = (client: Client, terminalId: string) =>
	client.mutation(api.turnLock.acquire, { sessionId: "s", terminalId, label: `host of ${terminalId}` });
const takeOver = (client: Client, terminalId: string, epoch: number) =>
	client.mutation(api.turnLock.takeOver, { sessionId: "s", terminalId, label: "taker", epoch });
const renew = (client: Client, terminalId: string, epoch: number) =>
	client.mutation(api.turnLock.renew, { sessionId: "s", terminalId, epoch });
const release = (client: Client, terminalId: string, epoch: number) =>
	client.mutation(api.turnLock.release, { sessionId: "s", terminalId, epoch });
const current = (client: Client) => client.query(api.turnLock.current, { sessionId: "s" });
const holderOf = async (client: Client) => (await current(client)).holder?.terminalId ?? null;

async function withSession(app: App): Promise<Client> {
	const client = await app.signIn();
	await tell(client, session("s"));
	return client;
}

scenario("free + acquire → held, with the first epoch and the backend's time", async (app) => {
	const client = await withSession(app);
	expect(await current(client)).toEqual({ epoch: 0, holder: null });
	expect(await acquire(client, "a")).toEqual({
		kind: "acquired",
		epoch: 1,
		expiresAt: storyStart() + TURN_LOCK_MS,
		lastSeq: 0,
		leafId: null,
	});
	expect(await current(client)).toEqual({
		epoch: 1,
		holder: { terminalId: "a", label: "host of a", acquiredAt: storyStart() },
	});
});

scenario("held + acquire by another → held, and who has it until when (L1)", async (app) => {
	const client = await withSession(app);
	await acquire(client, "a");
	expect(await acquire(client, "b")).toMatchObject({
		kind: "held",
		epoch: 1,
		holder: { terminalId: "a" },
		expiresAt: storyStart() + TURN_LOCK_MS,
	});
	expect(await holderOf(client)).toBe("a");
});

scenario(
	"held + acquire by the holder → the same epoch, prolonged: a lost reply costs nothing",
	async (app) => {
		const client = await withSession(app);
		await acquire(client, "a");
		await app.advance(TURN_LOCK_RENEW_MS);
		const expiresAt = storyStart() + TURN_LOCK_RENEW_MS + TURN_LOCK_MS;
		expect(await acquire(client, "a")).toMatchObject({ kind: "acquired", epoch: 1, expiresAt });
	},
);

scenario("held + release → free, and the next acquisition raises the epoch (L2)", async (app) => {
	const client = await withSession(app);
	await acquire(client, "a");
	expect(await release(client, "a", 1)).toEqual({ kind: "released" });
	expect(await release(client, "a", 1)).toEqual({ kind: "released" });
	expect(await current(client)).toEqual({ epoch: 1, holder: null });
	expect(await acquire(client, "a")).toMatchObject({ kind: "acquired", epoch: 2 });
});

scenario("held + renewals → held for as long as they come", async (app) => {
	const client = await withSession(app);
	await acquire(client, "a");
	for (let passed = 0; passed < 4 * TURN_LOCK_MS; passed += TURN_LOCK_RENEW_MS) {
		await app.advance(TURN_LOCK_RENEW_MS);
		expect(await renew(client, "a", 1)).toMatchObject({ kind: "renewed" });
	}
	expect(await holderOf(client)).toBe("a");
});

scenario(
	"held + silence → free by the deadline, for every subscriber and for nobody before (L4)",
	async (app) => {
		const client = await withSession(app);
		await acquire(client, "a");
		await app.advance(TURN_LOCK_RENEW_MS);
		await renew(client, "a", 1);
		await app.advance(TURN_LOCK_MS - 1000);
		expect(await holderOf(client)).toBe("a");
		expect(await acquire(client, "b")).toMatchObject({ kind: "held" });
		await app.advance(2000);
		expect(await current(client)).toEqual({ epoch: 1, holder: null });
		expect(await renew(client, "a", 1)).toEqual({ kind: "lost", epoch: 1, holder: null });
		expect(await acquire(client, "b")).toMatchObject({ kind: "acquired", epoch: 2 });
	},
);

scenario("lost + renew or release → no-ops that say what is (L5)", async (app) => {
	const client = await withSession(app);
	await acquire(client, "a");
	await takeOver(client, "b", 1);
	const lost = { kind: "lost", epoch: 2, holder: { terminalId: "b" } };
	expect(await renew(client, "a", 1)).toMatchObject(lost);
	expect(await release(client, "a", 1)).toMatchObject(lost);
	expect(await renew(client, "b", 1)).toMatchObject(lost);
	// Knowing the epoch that counts does not make one its holder.
	expect(await renew(client, "a", 2)).toMatchObject(lost);
	expect(await release(client, "a", 2)).toMatchObject(lost);
	expect(await holderOf(client)).toBe("b");
});

scenario(
	"held + take over of the epoch one was shown → held by the taker; of an older one → held",
	async (app) => {
		const client = await withSession(app);
		await acquire(client, "a");
		expect(await takeOver(client, "b", 1)).toMatchObject({ kind: "acquired", epoch: 2 });
		expect(await takeOver(client, "c", 1)).toMatchObject({
			kind: "held",
			epoch: 2,
			holder: { terminalId: "b" },
		});
		expect(await takeOver(client, "b", 1)).toMatchObject({ kind: "acquired", epoch: 2 });
	},
);

scenario("an old acquisition's check does not touch a newer one", async (app) => {
	const client = await withSession(app);
	await acquire(client, "a");
	await app.advance(TURN_LOCK_MS - 2000);
	await release(client, "a", 1);
	await acquire(client, "b");
	await app.advance(3000);
	expect(await holderOf(client)).toBe("b");
});

scenario("a new holder ends the streams of the others, and keeps its own", async (app) => {
	const client = await withSession(app);
	const start = (streamId: string, terminalId: string) =>
		client.mutation(api.streams.start, { sessionId: "s", streamId, terminalId, startedAt: storyStart() });
	const push = (streamId: string) =>
		client.mutation(api.streams.push, { streamId, start: 0, ops: [["t", 0, "x"]] });
	await acquire(client, "a");
	await start("stream-of-a", "a");
	await start("stream-of-b", "b");
	await takeOver(client, "b", 1);
	expect(await push("stream-of-a")).toBe(-1);
	expect(await push("stream-of-b")).toBe(1);
});

scenario("the lock needs its scope and its session, and goes with the session", async (app) => {
	const client = await withSession(app);
	await acquire(client, "a");
	const reader = await app.signIn({ scopes: ["read"] });
	const writer = await app.signIn({ scopes: ["read", "write"] });
	const at = { sessionId: "s", terminalId: "b", label: "b" };
	expect(await reader.refused(api.turnLock.acquire, at)).toBe("scope_missing");
	expect(await writer.refused(api.turnLock.takeOver, { ...at, epoch: 1 })).toBe("scope_missing");
	expect(await holderOf(reader)).toBe("a");
	expect(await client.refused(api.turnLock.acquire, { ...at, sessionId: "nowhere" })).toBe("session_unknown");
	expect(await client.refused(api.turnLock.takeOver, { ...at, terminalId: "", epoch: 1 })).toBe("invalid");
	const stranger = await app.signIn({ user: "stranger" });
	expect(await current(stranger)).toEqual({ epoch: 0, holder: null });
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	await app.settle();
	expect(await app.runner.rows("turnLocks")).toBe(0);
	expect(await app.runner.rows("turnLockDeadlines")).toBe(0);
});

scenario("a write with an old epoch changes nothing and says the one that counts (L3)", async (app) => {
	const client = await withSession(app);
	await acquire(client, "a");
	const update = (epoch: number) => ({ sessionId: "s", status: "running" as const, epoch });
	await client.mutation(api.sessions.update, update(1));
	await takeOver(client, "b", 1);
	await client.mutation(api.sessions.update, { sessionId: "s", status: "idle", epoch: 2 });
	expect(await client.refused(api.sessions.update, update(1))).toBe("stale_epoch");
	expect((await client.query(api.sessions.get, { sessionId: "s" }))?.status).toBe("idle");
	const stream = { sessionId: "s", streamId: "late", terminalId: "a", startedAt: storyStart(), epoch: 1 };
	expect(await client.refused(api.streams.start, stream)).toBe("stale_epoch");
	expect(await client.query(api.streams.current, { sessionId: "s" })).toBeNull();
});

scenario("entries of an old epoch are taken, and move neither leaf nor stream (X2)", async (app) => {
	const client = await withSession(app);
	await acquire(client, "a");
	const append = (entryId: string, parentId: string | null, epoch: number) =>
		client.mutation(api.entries.append, {
			sessionId: "s",
			epoch,
			leafId: entryId,
			entries: [
				{
					entryId,
					parentId,
					type: "custom",
					timestamp: storyStart(),
					body: { kind: "inline", json: JSON.stringify({ type: "custom", id: entryId, parentId }) },
				},
			],
		});
	const leaf = async () => (await client.query(api.sessions.get, { sessionId: "s" }))?.leafId;
	expect(await append("e1", null, 1)).toEqual({ added: 1, lastSeq: 1, entryCount: 1 });
	await takeOver(client, "b", 1);
	expect(await append("e2", "e1", 2)).toMatchObject({ added: 1 });
	expect(await append("stray", "e1", 1)).toEqual({ added: 1, lastSeq: 3, entryCount: 3, staleEpoch: 2 });
	expect(await leaf()).toBe("e2");
});

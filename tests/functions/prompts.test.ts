import { expect } from "bun:test";
import { api, internal } from "../../convex/_generated/api.js";
import {
	INLINE_PROMPT_BYTES,
	PROMPT_KEPT_MS,
	PROMPT_WAIT_MS,
	TURN_LOCK_MS,
} from "../../src/protocol/limits.ts";
import type { AdvancePrompt, PromptState, SendPrompt } from "../../src/protocol/prompt.ts";
import { type App, type Client, scenario, storyStart } from "./app.ts";
import { session, tell } from "./stories.ts";

const prompt = (promptId: string, extra: Partial<SendPrompt> = {}): SendPrompt => ({
	sessionId: "s",
	promptId,
	terminalId: "author",
	kind: "prompt",
	body: { kind: "inline", json: JSON.stringify({ text: `text of ${promptId}` }) },
	...extra,
});
const send = (client: Client, promptId: string, extra: Partial<SendPrompt> = {}) =>
	client.mutation(api.prompts.send, prompt(promptId, extra));
const accept = (client: Client, promptId: string, terminalId = "holder", epoch = 1) =>
	client.mutation(api.prompts.accept, { promptId, terminalId, epoch });
const advance = (client: Client, promptId: string, state: AdvancePrompt["state"], terminalId = "holder") =>
	client.mutation(api.prompts.advance, { promptId, terminalId, state });
const withdraw = (client: Client, promptId: string) => client.mutation(api.prompts.withdraw, { promptId });
const list = (client: Client, sessionId = "s") => client.query(api.prompts.list, { sessionId });
const states = async (client: Client) =>
	(await list(client)).map(({ promptId, state }) => `${promptId} ${state}`).join(", ");
const hold = (client: Client, terminalId = "holder") =>
	client.mutation(api.turnLock.acquire, { sessionId: "s", terminalId, label: terminalId });

/** A session whose lock `holder` has under epoch 1. */
async function held(app: App): Promise<Client> {
	const client = await app.signIn();
	await tell(client, session("s"));
	await hold(client);
	return client;
}

scenario("a prompt is queued, whoever sends it, and shown with its text", async (app) => {
	const client = await held(app);
	expect(await send(client, "p1", { kind: "steer" })).toBe("queued");
	expect(await list(client)).toEqual([
		{
			promptId: "p1",
			terminalId: "author",
			kind: "steer",
			state: "queued",
			json: '{"text":"text of p1"}',
			url: null,
			reason: null,
			acceptedBy: null,
			createdAt: storyStart(),
		},
	]);
});

scenario(
	"a prompt that nobody took for long runs no more when its author is gone, and does when he is here",
	async (app) => {
		const client = await app.signIn();
		await tell(client, session("s"));
		await send(client, "of somebody who left");
		await send(client, "of who is here", { terminalId: "present" });
		await send(client, "of who drives", { terminalId: "holder" });
		await app.advance(PROMPT_WAIT_MS + 1);
		await send(client, "new");
		await client.mutation(api.presence.beat, {
			...{ clientId: "present", kind: "dashboard", sessionId: "s" },
			...{ watching: true, label: "page" },
		});
		await hold(client);
		expect(await states(client)).toBe(
			"of somebody who left failed, of who is here queued, of who drives queued, new queued",
		);
		const [first] = await list(client);
		expect(first?.reason).toMatch(/^[A-Z][^\n]{20,190}\.$/);
	},
);

scenario("sending again is one prompt; the same text under another id is two (C1)", async (app) => {
	const client = await held(app);
	await send(client, "p1");
	expect(await send(client, "p1")).toBe("queued");
	await send(client, "p2", { body: prompt("p1").body });
	expect(await states(client)).toBe("p1 queued, p2 queued");
	await accept(client, "p1");
	expect(await send(client, "p1")).toBe("accepted");
	await advance(client, "p1", "done");
	expect(await send(client, "p1")).toBe("done");
	expect(await states(client)).toBe("p1 done, p2 queued");
});

scenario("a prompt goes its way: queued, accepted, started, done, and its text goes", async (app) => {
	const client = await held(app);
	await send(client, "p1");
	expect(await accept(client, "p1")).toEqual({ kind: "accepted" });
	expect((await list(client))[0]).toMatchObject({ state: "accepted", acceptedBy: "holder" });
	await advance(client, "p1", "started");
	expect((await list(client))[0]).toMatchObject({ state: "started", json: '{"text":"text of p1"}' });
	await advance(client, "p1", "done");
	expect((await list(client))[0]).toMatchObject({ state: "done", json: null, url: null });
});

scenario("prompts are listed oldest first, whatever became of them", async (app) => {
	const client = await held(app);
	for (const id of ["p1", "p2", "p3", "p4"]) {
		await send(client, id);
		await app.advance(1);
	}
	await withdraw(client, "p3");
	await accept(client, "p1");
	await advance(client, "p1", "done");
	expect(await states(client)).toBe("p1 done, p2 queued, p3 withdrawn, p4 queued");
});

scenario("only what is queued can be withdrawn; withdrawn is never accepted", async (app) => {
	const client = await held(app);
	await send(client, "p1");
	await send(client, "p2");
	expect(await withdraw(client, "p1")).toBe("withdrawn");
	expect(await withdraw(client, "p1")).toBe("withdrawn");
	expect(await accept(client, "p1")).toEqual({ kind: "gone", state: "withdrawn" });
	await accept(client, "p2");
	expect(await withdraw(client, "p2")).toBe("accepted");
	expect(await states(client)).toBe("p1 withdrawn, p2 accepted");
	expect((await list(client))[0]?.json).toBeNull();
	expect(await client.refused(api.prompts.withdraw, { promptId: "nowhere" })).toBe("invalid");
});

scenario("only the holder accepts, under its epoch (C2)", async (app) => {
	const client = await held(app);
	await send(client, "p1");
	const refused = (terminalId: string, epoch: number) =>
		client.refused(api.prompts.accept, { promptId: "p1", terminalId, epoch });
	expect(await refused("other", 1)).toBe("stale_epoch");
	expect(await refused("holder", 0)).toBe("stale_epoch");
	expect(await refused("holder", 2)).toBe("stale_epoch");
	expect(await states(client)).toBe("p1 queued");
	expect(await client.refused(api.prompts.accept, { promptId: "no", terminalId: "holder", epoch: 1 })).toBe(
		"invalid",
	);
	expect(await accept(client, "p1")).toEqual({ kind: "accepted" });
	expect(await accept(client, "p1")).toEqual({ kind: "accepted" });
	await advance(client, "p1", "started");
	expect(await accept(client, "p1")).toEqual({ kind: "gone", state: "started" });
});

scenario(
	"a lock that is released, over or another's accepts nothing, and the epoch that counts is told",
	async (app) => {
		const client = await held(app);
		await send(client, "p1");
		const refused = async (terminalId: string, epoch: number) =>
			await client.mutation(api.prompts.accept, { promptId: "p1", terminalId, epoch }).then(
				() => null,
				(error: { data: { code: string; epoch: number } }) => `${error.data.code} ${error.data.epoch}`,
			);
		await client.mutation(api.turnLock.takeOver, { sessionId: "s", terminalId: "b", label: "b", epoch: 1 });
		expect(await refused("holder", 1)).toBe("stale_epoch 2");
		await client.mutation(api.turnLock.release, { sessionId: "s", terminalId: "b", epoch: 2 });
		expect(await refused("b", 2)).toBe("stale_epoch 2");
		await hold(client);
		await app.advance(TURN_LOCK_MS + 1000);
		expect(await refused("holder", 3)).toBe("stale_epoch 3");
		expect(await states(client)).toBe("p1 queued");
	},
);

scenario("what one epoch accepted, the next one of the same terminal does not accept again", async (app) => {
	const client = await held(app);
	await send(client, "p1");
	await accept(client, "p1");
	await client.mutation(api.turnLock.release, { sessionId: "s", terminalId: "holder", epoch: 1 });
	await hold(client);
	expect(await accept(client, "p1", "holder", 2)).toEqual({ kind: "gone", state: "accepted" });
	await advance(client, "p1", "done");
	expect(await states(client)).toBe("p1 done");
});

const ENDS: readonly AdvancePrompt["state"][] = ["done", "failed", "returned"];

scenario("states only go forwards, and only its acceptor moves them", async (app) => {
	const client = await held(app);
	const all: AdvancePrompt["state"][] = ["started", ...ENDS];
	await send(client, "queued");
	for (const state of all) await advance(client, "queued", state);
	await advance(client, "nowhere", "done");
	expect(await states(client)).toBe("queued queued");
	for (const from of ["accepted", "started"] as const) {
		for (const to of ENDS) {
			const id = `${from}-${to}`;
			await send(client, id);
			await accept(client, id);
			if (from === "started") await advance(client, id, "started");
			for (const state of all) await advance(client, id, state, "another");
			expect(await stateOf(client, id)).toBe(from);
			await advance(client, id, to);
			for (const state of all) await advance(client, id, state);
			expect(await stateOf(client, id)).toBe(to);
			expect(await accept(client, id)).toEqual({ kind: "gone", state: to });
		}
	}
});

async function stateOf(client: Client, promptId: string): Promise<PromptState | undefined> {
	return (await list(client)).find((one) => one.promptId === promptId)?.state;
}

scenario("the author reads why it failed", async (app) => {
	const client = await held(app);
	await send(client, "p1");
	await accept(client, "p1");
	const reason = "Pi has no model for it.";
	await client.mutation(api.prompts.advance, {
		promptId: "p1",
		terminalId: "holder",
		state: "failed",
		reason,
	});
	expect((await list(client))[0]).toMatchObject({ state: "failed", reason, json: null });
});

scenario("a large prompt goes through a file, which goes with it", async (app) => {
	const client = await held(app);
	const big = JSON.stringify({ text: "x".repeat(INLINE_PROMPT_BYTES) });
	const inline = { kind: "inline" as const, json: big };
	expect(await client.refused(api.prompts.send, prompt("p1", { body: inline }))).toBe("too_large");
	const file = async () => ({ kind: "stored" as const, storageId: await app.store(big), bytes: big.length });
	const first = await file();
	await send(client, "p1", { body: first });
	expect((await list(client))[0]).toMatchObject({ json: null, url: expect.stringMatching(/^http/) });
	// A reply that was lost: uploaded and sent again.
	expect(await send(client, "p1", { body: await file() })).toBe("queued");
	expect(await send(client, "p1", { body: first })).toBe("queued");
	expect(await files(app)).toBe(1);
	await accept(client, "p1");
	await advance(client, "p1", "started");
	expect((await list(client))[0]?.url).not.toBeNull();
	await advance(client, "p1", "done");
	expect((await list(client))[0]?.url).toBeNull();
	expect(await files(app)).toBe(0);
	expect(await send(client, "p1", { body: await file() })).toBe("done");
	expect(await files(app)).toBe(0);
	const gone = { kind: "stored" as const, storageId: "no-such-file", bytes: 5 };
	expect(await client.refused(api.prompts.send, prompt("p2", { body: gone }))).toBe("invalid");
});

const files = (app: App) => app.runner.files();

scenario("how much may wait is bounded, and room comes back", async (app) => {
	const client = await held(app);
	for (let n = 0; n < 100; n++) await send(client, `p${n}`);
	expect(await client.refused(api.prompts.send, prompt("one-more"))).toBe("too_large");
	expect(await send(client, "p5")).toBe("queued");
	await withdraw(client, "p5");
	expect(await send(client, "one-more")).toBe("queued");
	expect(await list(client)).toHaveLength(101);
});

scenario("the text that waits is bounded too", async (app) => {
	const client = await held(app);
	const body = { kind: "inline" as const, json: "y".repeat(INLINE_PROMPT_BYTES) };
	for (let n = 0; n < 16; n++) await send(client, `p${n}`, { body });
	expect(await client.refused(api.prompts.send, prompt("one-more"))).toBe("too_large");
	expect(await list(client)).toHaveLength(16);
});

scenario("ids that cannot be are refused", async (app) => {
	const client = await held(app);
	await tell(client, session("s2"));
	await send(client, "p1");
	expect(await client.refused(api.prompts.send, prompt("p1", { sessionId: "s2" }))).toBe("invalid");
	expect(await client.refused(api.prompts.send, prompt(""))).toBe("invalid");
	expect(await client.refused(api.prompts.send, prompt("p2", { terminalId: "" }))).toBe("invalid");
	expect(await client.refused(api.prompts.send, prompt("p2".repeat(200)))).toBe("too_large");
	expect(await client.refused(api.prompts.send, prompt("p2", { sessionId: "nowhere" }))).toBe(
		"session_unknown",
	);
	expect(await list(client, "s2")).toEqual([]);
});

scenario("each call on prompts needs its scope and its user", async (app) => {
	const client = await held(app);
	await send(client, "p1");
	const reader = await app.signIn({ scopes: ["read"] });
	const writer = await app.signIn({ scopes: ["read", "write"] });
	const control = await app.signIn({ scopes: ["control"] });
	const advanced = { promptId: "p1", terminalId: "holder", state: "done" as const };
	const accepted = { promptId: "p1", terminalId: "holder", epoch: 1 };
	expect(await states(reader)).toBe("p1 queued");
	for (const one of [reader, writer]) {
		expect(await one.refused(api.prompts.send, prompt("p2"))).toBe("scope_missing");
		expect(await one.refused(api.prompts.withdraw, { promptId: "p1" })).toBe("scope_missing");
	}
	for (const one of [reader, control]) {
		expect(await one.refused(api.prompts.accept, accepted)).toBe("scope_missing");
		expect(await one.refused(api.prompts.advance, advanced)).toBe("scope_missing");
	}
	expect(await control.refused(api.prompts.list, { sessionId: "s" })).toBe("scope_missing");
	expect(await app.as(null).refused(api.prompts.list, { sessionId: "s" })).toBe("signed_out");
	const stranger = await app.signIn({ user: "stranger" });
	await tell(stranger, session("s"));
	expect(await list(stranger)).toEqual([]);
	expect(await stranger.refused(api.prompts.send, prompt("p1"))).toBe("invalid");
	expect(await stranger.refused(api.prompts.withdraw, { promptId: "p1" })).toBe("invalid");
	await hold(stranger);
	expect(await stranger.refused(api.prompts.accept, accepted)).toBe("invalid");
	await accept(client, "p1");
	await stranger.mutation(api.prompts.advance, advanced);
	expect(await states(client)).toBe("p1 accepted");
});

scenario("ended prompts are kept for a while, open ones for as long as it takes", async (app) => {
	const client = await held(app);
	await send(client, "p1");
	await send(client, "p2");
	await withdraw(client, "p1");
	const sweep = () => app.runMutation(internal.garbage.sweep, {});
	await app.pass(PROMPT_KEPT_MS - 2000);
	await sweep();
	expect(await states(client)).toBe("p1 withdrawn, p2 queued");
	await app.pass(3000);
	await sweep();
	expect(await states(client)).toBe("p2 queued");
});

scenario("prompts go with their session, files too, and do not come back with its id", async (app) => {
	const client = await held(app);
	await send(client, "p1", { body: { kind: "stored", storageId: await app.store("{}"), bytes: 2 } });
	await send(client, "p2");
	await withdraw(client, "p2");
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	await tell(client, session("s"));
	expect(await list(client)).toEqual([]);
	await app.settle();
	expect(await app.runner.rows("prompts")).toBe(0);
	expect(await files(app)).toBe(0);
});

scenario("an order to stop that nobody took before the run was over stops no later run", async (app) => {
	const client = await app.signIn();
	await tell(client, session("s"));
	const acquire = (terminalId: string) =>
		client.mutation(api.turnLock.acquire, { sessionId: "s", terminalId, label: terminalId });
	const order = (promptId: string, kind: "abort" | "prompt") =>
		client.mutation(api.prompts.send, {
			...{ sessionId: "s", promptId, terminalId: "author", kind },
			body: { kind: "inline", json: '{"text":""}' },
		});
	const states = async () =>
		(await client.query(api.prompts.list, { sessionId: "s" })).map((one) => `${one.promptId} ${one.state}`);
	const first = await acquire("t1");
	await order("stop 1", "abort");
	await order("words", "prompt");
	await acquire("t1");
	expect(await states()).toEqual(["stop 1 queued", "words queued"]);
	await client.mutation(api.turnLock.release, { sessionId: "s", terminalId: "t1", epoch: first.epoch });
	await order("stop 2", "abort");
	const { epoch } = await acquire("t2");
	expect(await states()).toEqual(["stop 1 withdrawn", "words queued", "stop 2 withdrawn"]);
	expect(await order("stop 2", "abort")).toBe("withdrawn");
	await order("stop 3", "abort");
	const taken = { promptId: "stop 3", terminalId: "t2", epoch };
	expect(await client.mutation(api.prompts.accept, taken)).toEqual({ kind: "accepted" });
});

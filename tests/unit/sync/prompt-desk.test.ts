import { expect, test } from "bun:test";
import { INLINE_PROMPT_BYTES, TURN_LOCK_MS } from "../../../src/protocol/limits.ts";
import type { PromptContent, PromptState } from "../../../src/protocol/prompt.ts";
import { type OwnPrompt, PromptDesk } from "../../../src/sync/prompt-desk.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { FakeLiveBackend, FakeLiveStore } from "../../support/fake-live-backend.ts";
import { DESCRIPTION } from "../../support/sync-harness.ts";

const SESSION = "session-1";

async function world() {
	const clock = new FakeClock();
	const store = new FakeLiveStore(clock);
	await new FakeLiveBackend(store).openSession({ ...DESCRIPTION, sessionId: SESSION, header: null });
	let ids = 0;
	const terminal = (terminalId: string) => {
		const backend = new FakeLiveBackend(store);
		const one = {
			backend,
			epoch: null as number | null,
			free: false,
			ran: [] as [string, PromptContent][],
			drives: 0,
			/** Own prompts' states after each change. */
			own: [] as OwnPrompt["state"][][],
			back: [] as string[],
			reasons: [] as (string | null)[],
			log: [] as string[],
			/** Prompts that are in the session. */
			said: [] as string[],
			desk: null as unknown as PromptDesk,
			/** Acquires the lock. */
			async drive() {
				const answer = await backend.acquireLock({ sessionId: SESSION, terminalId, label: terminalId });
				one.epoch = answer.kind === "acquired" ? answer.epoch : null;
				one.desk.look();
				await settle();
			},
		};
		one.desk = new PromptDesk({
			...{ backend, clock, sessionId: SESSION, terminalId },
			newId: () => {
				ids += 1;
				return `prompt-${ids}-of-${terminalId}`;
			},
			epoch: () => one.epoch,
			isFree: () => one.free,
			run: (prompt, content) => one.ran.push([prompt.kind, content]),
			drive: () => {
				one.drives += 1;
			},
			said: (text) => one.said.filter((known) => known === text).length,
			level: async () => {},
			onOwn: (own, back, reason) => {
				one.own.push(own.map(({ state }) => state));
				one.back.push(...back.map(({ content }) => content.text));
				if (back.length > 0) one.reasons.push(reason);
			},
			log: (line) => one.log.push(line),
		});
		return one;
	};
	const states = (): PromptState[] => [...store.prompts.values()].map(({ state }) => state);
	return { clock, store, states, a: terminal("a"), b: terminal("b"), terminal };
}

test("a prompt goes to whoever drives, in order, each once", async () => {
	const { a, b, states } = await world();
	await a.drive();
	const sent = b.desk.send("steer", { text: "one" });
	b.desk.send("followUp", { text: "two" });
	b.desk.send("steer", { text: "two" });
	expect(sent.state).toBe("sending");
	await settle(10);
	expect(a.ran).toEqual([
		["steer", { text: "one" }],
		["followUp", { text: "two" }],
		["steer", { text: "two" }],
	]);
	expect(states()).toEqual(["accepted", "accepted", "accepted"]);
	expect(b.desk.own.map(({ state }) => state)).toEqual(["accepted", "accepted", "accepted"]);
	a.desk.look();
	await settle();
	expect(a.ran).toHaveLength(3);
});

test("images cross over", async () => {
	const { a, b } = await world();
	await a.drive();
	const images = [{ type: "image" as const, data: "aGk=", mimeType: "image/png" }];
	b.desk.send("prompt", { text: "look", images });
	await settle(10);
	expect(a.ran).toEqual([["prompt", { text: "look", images }]]);
});

test("a large prompt is uploaded and read from there", async () => {
	const { a, b, store } = await world();
	await a.drive();
	const text = "x".repeat(INLINE_PROMPT_BYTES);
	b.desk.send("prompt", { text });
	await settle(10);
	expect(store.files.size).toBe(1);
	expect(a.ran).toEqual([["prompt", { text }]]);
});

test("its author is told what becomes of it, until it is over", async () => {
	const { a, b } = await world();
	await a.drive();
	b.desk.send("steer", { text: "one" });
	await settle(10);
	const { promptId } = b.desk.own[0] as OwnPrompt;
	a.desk.advance(promptId, "started");
	await settle();
	expect(b.desk.own).toEqual([]);
	expect(b.back).toEqual([]);
	expect(b.own.flat()).toContain("queued");
});

test("what was not run comes back with the reason", async () => {
	const { a, b } = await world();
	await a.drive();
	b.desk.send("steer", { text: "returned" });
	b.desk.send("steer", { text: "failed" });
	await settle(10);
	const [one, two] = b.desk.own as [OwnPrompt, OwnPrompt];
	a.desk.advance(one.promptId, "returned");
	await settle();
	a.desk.advance(two.promptId, "failed", "no model");
	await settle();
	expect(b.back).toEqual(["returned", "failed"]);
	expect(b.reasons).toEqual([null, "no model"]);
	expect(b.desk.own).toEqual([]);
});

test("a prompt whose holder is lost comes back, and is not run by the next one", async () => {
	const { a, b, clock } = await world();
	await a.drive();
	b.desk.send("steer", { text: "one" });
	await settle(10);
	await clock.advance(TURN_LOCK_MS + 1);
	expect(b.back).toEqual(["one"]);
	await b.drive();
	expect(b.ran).toEqual([]);
});

test("one that was begun and not stored when its holder was lost comes back, and one that was stored does not", async () => {
	const { a, b, clock } = await world();
	await a.drive();
	b.said.push("stored", "of old");
	for (const text of ["stored", "lost", "of old", "twice", "twice"]) b.desk.send("steer", { text });
	await settle(20);
	for (const { promptId } of b.desk.own) a.desk.advance(promptId, "started");
	await settle();
	expect(b.desk.own).toEqual([]);
	b.said.push("stored", "twice");
	await clock.advance(TURN_LOCK_MS + 1);
	expect(b.back).toEqual(["lost", "of old", "twice"]);
});

test("one that was returned before its author heard that it was sent comes back all the same", async () => {
	const { a, b, clock } = await world();
	await a.drive();
	let failures = 1;
	b.backend.fault = (call) => (call === "sendPrompt" && failures-- > 0 ? "unanswered" : null);
	b.desk.send("steer", { text: "one" });
	await settle(10);
	a.desk.advance((b.desk.own[0] as OwnPrompt).promptId, "returned");
	await clock.advance(5_000);
	expect(b.back).toEqual(["one"]);
	expect(b.desk.own).toEqual([]);
});

test("a prompt that is sent again because the answer was lost is one prompt", async () => {
	const { a, b, clock, store } = await world();
	await a.drive();
	let failures = 2;
	b.backend.fault = (call) => (call === "sendPrompt" && failures-- > 0 ? "unanswered" : null);
	b.desk.send("steer", { text: "one" });
	await clock.advance(5_000);
	expect(store.prompts.size).toBe(1);
	expect(a.ran).toHaveLength(1);
	expect(b.backend.calls.filter((call) => call === "sendPrompt")).toHaveLength(3);
});

test("what is typed while there is no link is sent when there is one", async () => {
	const { a, b, clock } = await world();
	await a.drive();
	b.backend.connect({ kind: "offline", reason: "No network." });
	b.desk.send("steer", { text: "one" });
	await clock.advance(60_000);
	expect(b.desk.own.map(({ state }) => state)).toEqual(["sending"]);
	b.backend.connect({ kind: "connected" });
	await a.drive();
	await settle(10);
	expect(a.ran).toHaveLength(1);
});

test("a refused prompt comes back with what the backend says", async () => {
	const { b, store } = await world();
	store.sessions.clear();
	b.desk.send("steer", { text: "one" });
	await settle();
	expect(b.back).toEqual(["one"]);
	expect(b.reasons[0]).toContain("There is no session");
});

test("an order to stop is given to the holder, and is no prompt of one's own", async () => {
	const { a, b } = await world();
	await a.drive();
	b.desk.send("abort", { text: "" });
	expect(b.desk.own).toEqual([]);
	await settle(10);
	expect(a.ran).toEqual([["abort", { text: "" }]]);
});

test("an order to stop that cannot be given is given up after a moment", async () => {
	const { b, clock, store } = await world();
	b.backend.fault = (call) => (call === "sendPrompt" ? "lost" : null);
	b.desk.send("abort", { text: "" });
	await clock.advance(60_000);
	b.backend.fault = () => null;
	await clock.advance(60_000);
	expect(store.prompts.size).toBe(0);
});

test("what was not accepted is taken back, and never run", async () => {
	const { a, b, states } = await world();
	b.desk.send("steer", { text: "one" });
	b.desk.send("steer", { text: "two" });
	await settle();
	const back = b.desk.withdraw(() => {});
	expect(back.map(({ content }) => content.text)).toEqual(["one", "two"]);
	expect(b.desk.own).toEqual([]);
	await settle();
	expect(states()).toEqual(["withdrawn", "withdrawn"]);
	await a.drive();
	expect(a.ran).toEqual([]);
	expect(b.back).toEqual([]);
});

test("one that had been accepted meanwhile stays, and its author is told", async () => {
	const { a, b } = await world();
	await a.drive();
	b.desk.send("steer", { text: "one" });
	await settle();
	b.backend.auto = false;
	const prompt = b.desk.own[0] as OwnPrompt;
	prompt.state = "queued";
	const kept: string[] = [];
	expect(b.desk.withdraw((one) => kept.push(one.content.text))).toHaveLength(1);
	await settle();
	expect(kept).toEqual(["one"]);
	expect(b.desk.own.map(({ state }) => state)).toEqual(["accepted"]);
	expect(a.ran).toHaveLength(1);
});

test("one that is taken back while it is being sent never stays queued", async () => {
	const { a, b, states, clock } = await world();
	const waiting: (() => void)[] = [];
	b.backend.delay = () => new Promise((resolve) => void waiting.push(resolve));
	b.desk.send("steer", { text: "one" });
	await settle();
	b.desk.withdraw(() => {});
	await settle();
	b.backend.delay = null;
	for (const arrive of waiting) arrive();
	await clock.advance(10_000);
	expect(states().filter((state) => state === "queued")).toEqual([]);
	await a.drive();
	await settle();
	expect(a.ran).toEqual([]);
});

test("a withdrawal that is lost is said again", async () => {
	const { b, clock, states } = await world();
	b.desk.send("steer", { text: "one" });
	await settle();
	let failures = 2;
	b.backend.fault = (call) => (call === "withdrawPrompt" && failures-- > 0 ? "lost" : null);
	b.desk.withdraw(() => {});
	await clock.advance(5_000);
	expect(states()).toEqual(["withdrawn"]);
});

test("a prompt of one's own that waits while nobody drives asks for the wheel", async () => {
	const { a, b } = await world();
	b.desk.send("steer", { text: "one" });
	await settle();
	expect([a.drives, b.drives]).toEqual([0, 0]);
	a.free = true;
	b.free = true;
	a.desk.look();
	b.desk.look();
	expect(a.drives).toBe(0);
	expect(b.drives).toBeGreaterThan(0);
	await b.drive();
	expect(b.ran).toEqual([["steer", { text: "one" }]]);
});

test("an accepting whose answer was lost is asked for again, and the prompt is run once", async () => {
	const { a, b, clock } = await world();
	await a.drive();
	let failures = 1;
	a.backend.fault = (call) => (call === "acceptPrompt" && failures-- > 0 ? "unanswered" : null);
	b.desk.send("steer", { text: "one" });
	await clock.advance(3_000);
	expect(a.ran).toEqual([["steer", { text: "one" }]]);
	expect(a.log).toHaveLength(1);
});

test("under an epoch that is over nothing is accepted", async () => {
	const { a, b, clock, store } = await world();
	await a.drive();
	store.give({ sessionId: SESSION, terminalId: "z", label: "z" });
	b.desk.send("steer", { text: "one" });
	await clock.advance(3_000);
	expect(a.ran).toEqual([]);
});

test("a prompt whose text cannot be read does not hold up those behind it", async () => {
	const { a, b, store } = await world();
	b.desk.send("steer", { text: "one" });
	b.desk.send("steer", { text: "two" });
	await settle();
	const [first] = [...store.prompts.values()];
	if (first) first.json = "{";
	await a.drive();
	expect(a.ran).toEqual([["steer", { text: "two" }]]);
});

test("after stop nothing is accepted", async () => {
	const { a, b } = await world();
	await a.drive();
	a.desk.stop();
	b.desk.send("steer", { text: "one" });
	await settle();
	a.desk.look();
	await settle();
	expect(a.ran).toEqual([]);
});

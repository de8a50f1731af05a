/** The record of a session at a hosted OpenSync, which behaves as the real one does. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { unsentSessions } from "../../../src/backend/opensync-journal.ts";
import { FakeSession } from "../../support/fake-session.ts";
import { HOSTED_USER } from "../../support/hosted-opensync.ts";
import { RecordSetup, textsOf } from "../../support/record-setup.ts";

let setup: RecordSetup;
let session: FakeSession;

beforeEach(async () => {
	setup = await RecordSetup.start();
	session = new FakeSession("01a1fd30-6f96-763f-8fd2-1efdf7dda47f");
});
afterEach(async () => await setup.stop());

const stored = () => setup.hosted.session(session.sessionId);
const messages = () => setup.hosted.messagesOf(session.sessionId);
const texts = () => messages().map(({ parts }) => textsOf(parts).join("|"));
const unsent = () => unsentSessions(setup.folder, setup.hosted.siteUrl);

function answer(text: string, tokens: number) {
	return session.add("message", {
		message: {
			role: "assistant",
			model: "m-1",
			provider: "lab",
			content: [{ type: "text", text }],
			usage: { input: tokens, output: 2, cacheRead: 3, cacheWrite: 4, cost: { total: tokens / 1000 } },
		},
	});
}

describe("what is posted", () => {
	test("each message goes once, under an id of session and entry, with its own date and as part and text", async () => {
		const prompt = session.user("hello");
		answer("Hello yourself.", 10);
		setup.record(session);
		await setup.pass(60_000);
		expect(setup.hosted.to("/sync/message")).toHaveLength(2);
		expect(setup.hosted.to("/sync/batch")).toHaveLength(0);
		expect(messages()[0]).toMatchObject({
			externalId: `pi:${session.sessionId}:${prompt.id}`,
			role: "user",
			textContent: "hello",
			createdAt: Date.parse(prompt.timestamp),
			parts: [{ type: "text", content: "hello" }],
		});
		expect(messages()[1]).toMatchObject({
			role: "assistant",
			model: "m-1",
			promptTokens: 17,
			completionTokens: 2,
		});
		for (const { body } of setup.hosted.to("/sync/message")) expect(body).toMatchObject({ source: "pi" });
	});

	test("every request names the program and carries the key", async () => {
		session.user("hello");
		setup.record(session);
		await setup.rest();
		for (const { headers } of setup.hosted.requests) {
			expect(headers["user-agent"]).toBe("pi-opensync/0.0.0");
			expect(headers.authorization).toBe(`Bearer ${setup.hosted.key}`);
		}
	});

	test("the session goes first, so that no later title wipes the search text", async () => {
		session.user("how do tides work?");
		answer("The moon pulls.", 10);
		setup.record(session);
		await setup.rest();
		expect(setup.hosted.requests.find(({ method }) => method === "POST")?.path).toBe("/sync/session");
		expect(stored()?.searchableText).toContain("The moon pulls.");
		expect(stored()).toMatchObject({
			title: "how do tides work?",
			source: "pi",
			model: "m-1",
			provider: "lab",
		});
	});

	test("a session in which nobody has said anything is not posted", async () => {
		session.add("model_change", { provider: "lab", modelId: "m-1" });
		setup.record(session);
		await setup.pass(60_000);
		expect(setup.hosted.requests).toHaveLength(0);
	});

	test("every update tells everything, in absolute numbers", async () => {
		session.user("one");
		const sync = setup.record(session);
		await setup.rest();
		for (const [index, text] of ["first", "second"].entries()) {
			sync.beginRun();
			answer(text, 100 * (index + 1));
			sync.wake();
			await setup.rest();
			sync.endRun();
			await setup.rest();
		}
		const updates = setup.hosted.to("/sync/session").map(({ body }) => body as Record<string, unknown>);
		for (const body of updates)
			for (const key of ["title", "projectPath", "promptTokens", "completionTokens", "cost", "durationMs"])
				expect(body[key]).toBeDefined();
		expect(stored()).toMatchObject({ promptTokens: 314, completionTokens: 4, durationMs: 2 });
		expect(stored()?.cost).toBeCloseTo(0.3);
	});

	test("while a run is on the session is told nothing", async () => {
		session.user("one");
		const sync = setup.record(session);
		await setup.rest();
		sync.beginRun();
		answer("working", 50);
		sync.wake();
		await setup.pass(60_000);
		expect(setup.hosted.to("/sync/session")).toHaveLength(1);
		sync.endRun();
		await setup.rest();
		expect(setup.hosted.to("/sync/session")).toHaveLength(2);
	});

	test("a fork bears its parent's mark, repeats what it shares, and counts only what is its own", async () => {
		session = new FakeSession(
			"02b2fd30-0000-7000-8000-000000000000",
			"/s/2026-11-21T07-00-00-000Z_01a1fd30-6f96-763f.jsonl",
		);
		const before = (entry: { timestamp: string }, at: string) => Object.assign(entry, { timestamp: at });
		before(session.user("the parent's prompt"), "2026-11-21T07:00:00.000Z");
		before(answer("the parent's answer", 500), "2026-11-21T07:00:01.000Z");
		session.user("the fork's own");
		answer("own answer", 10);
		setup.record(session);
		await setup.pass(30_000);
		expect(stored()).toMatchObject({ title: "[Fork::01a1fd30] the parent's prompt", promptTokens: 17 });
		expect(texts()).toEqual(["the parent's prompt", "the parent's answer", "the fork's own", "own answer"]);
	});

	test("what lies beside the leaf's branch is recorded too", async () => {
		const first = session.user("one");
		answer("a dead end", 1);
		session.leaf = first.id;
		answer("the way", 1);
		setup.record(session);
		await setup.rest();
		expect(texts()).toEqual(["one", "a dead end", "the way"]);
	});
});

describe("OpenSync's windows", () => {
	test("an update that would be dropped waits until it is kept", async () => {
		session.user("one");
		answer("done", 10);
		const sync = setup.record(session);
		await setup.rest();
		const before = setup.hosted.to("/sync/session").length;
		// Time worked is nothing that OpenSync compares.
		await setup.pass(2_000);
		session.add("message", { message: { role: "toolResult", toolName: "bash", content: "late" } });
		sync.wake();
		await setup.rest();
		expect(setup.hosted.to("/sync/session")).toHaveLength(before);
		await setup.pass(12_000);
		expect(setup.hosted.to("/sync/session")).toHaveLength(before + 1);
		expect(stored()?.durationMs).toBe(2);
	});

	test("one that comes too late for this Pi is sent at the next start", async () => {
		session.user("one");
		answer("done", 10);
		const sync = setup.record(session);
		await setup.rest();
		session.add("message", { message: { role: "toolResult", toolName: "bash", content: "late" } });
		sync.wake();
		await setup.rest();
		await sync.dispose();
		expect(await unsent()).toHaveLength(1);
		await setup.pass(20_000);
		setup.record(session);
		await setup.rest();
		expect(stored()?.durationMs).toBe(2);
		expect(await unsent()).toEqual([]);
	});

	test("a message posted again within its window, or after it, is the same message", async () => {
		session.user("one");
		setup.hosted.failNext({ kind: "lostReply" }, 1, "/sync/message");
		setup.record(session);
		await setup.pass(1_000);
		expect(setup.hosted.to("/sync/message")).toHaveLength(2);
		expect(texts()).toEqual(["one"]);
		expect(stored()?.messageCount).toBe(1);
	});

	test("a lost answer to an update loses no later one", async () => {
		session.user("one");
		const sync = setup.record(session);
		await setup.rest();
		sync.beginRun();
		answer("done", 10);
		sync.endRun();
		setup.hosted.failNext({ kind: "lostReply" }, 1, "/sync/session");
		await setup.rest();
		session.add("message", { message: { role: "toolResult", toolName: "bash", content: "late" } });
		sync.wake();
		await setup.pass(60_000);
		expect(stored()).toMatchObject({ promptTokens: 17, durationMs: 2 });
	});
});

describe("refusals", () => {
	test("a message that the validators refuse with status 500 is parked, and the rest goes", async () => {
		session.user("one");
		answer("two", 1);
		session.user("three");
		const second = `pi:${session.sessionId}:${session.list[1]?.id}`;
		setup.hosted.setFault((request) =>
			(request.body as { externalId?: string })?.externalId === second
				? {
						kind: "status",
						status: 500,
						body: { error: "ArgumentValidationError: Object contains extra field `x`" },
					}
				: null,
		);
		const sync = setup.record(session);
		await setup.pass(60_000);
		expect(texts()).toEqual(["one", "three"]);
		expect(sync.state()).toMatchObject({ link: "recording", queued: 0 });
		expect(sync.state().parked).toEqual([
			{ entryId: session.list[1]?.id ?? "", message: expect.stringContaining("extra field") },
		]);
		expect(setup.hosted.to("/sync/message")).toHaveLength(3);
	});

	test.each([400, 413, 422])("status %p is for good", async (status) => {
		session.user("one");
		setup.hosted.failNext({ kind: "status", status, body: { error: "No." } }, 1, "/sync/message");
		const sync = setup.record(session);
		await setup.pass(60_000);
		expect(sync.state().parked).toHaveLength(1);
		expect(setup.hosted.to("/sync/message")).toHaveLength(1);
	});

	test("errors in an answer of status 200 are read", async () => {
		session.user("one");
		setup.hosted.failNext(
			{ kind: "status", status: 200, body: { ok: true, errors: ["Messages batch failed"] } },
			1,
			"/sync/message",
		);
		const sync = setup.record(session);
		await setup.rest();
		expect(sync.state().parked[0]?.message).toContain("Messages batch failed");
	});

	test("what was refused is tried again when it is asked for, and is known across restarts", async () => {
		session.user("one");
		setup.hosted.failNext({ kind: "status", status: 400, body: { error: "No." } }, 1, "/sync/message");
		const first = setup.record(session);
		await setup.rest();
		await first.dispose();
		const sync = setup.record(session);
		await setup.rest();
		expect(sync.state().parked).toHaveLength(1);
		const report = sync.resync();
		await setup.rest();
		expect(await report).toEqual({ kind: "done", checked: 1, sent: 1, parked: 0 });
		expect(texts()).toEqual(["one"]);
	});

	test("a session that is refused does not keep its messages back, and is told again once it is another", async () => {
		session.user("one");
		setup.hosted.failNext(
			{ kind: "status", status: 400, body: { error: "No title like this." } },
			1,
			"/sync/session",
		);
		const sync = setup.record(session);
		await setup.rest();
		expect(texts()).toEqual(["one"]);
		expect(sync.state().parked).toEqual([{ entryId: "session", message: "No title like this" }]);
		answer("two", 5);
		sync.wake();
		await setup.rest();
		expect(stored()?.title).toBe("one");
		expect(sync.state().parked).toEqual([]);
	});

	test("an entry that cannot be redacted stays here", async () => {
		session.user("a secret");
		answer("fine", 1);
		const sync = setup.record(session, {
			transform: (json) => {
				if (json.includes("a secret")) throw new Error("no rules");
				return { json, hidden: {} };
			},
		});
		await setup.rest();
		expect(texts()).toEqual(["fine"]);
		expect(sync.state().parked[0]?.message).toContain("no rules");
		expect(JSON.stringify(setup.hosted.requests)).not.toContain("a secret");
	});
});

describe("failures", () => {
	test("a server that is away is tried again with growing pauses, and then gets everything once", async () => {
		session.user("one");
		await setup.hosted.down();
		const sync = setup.record(session);
		await setup.pass(60_000);
		expect(sync.state()).toMatchObject({ link: "offline", queued: 1 });
		expect(await unsent()).toHaveLength(1);
		answer("two", 1);
		sync.wake();
		await setup.hosted.up();
		await setup.pass(20_000);
		expect(texts()).toEqual(["one", "two"]);
		expect(sync.state()).toMatchObject({ link: "recording", queued: 0, reason: null });
		expect(await unsent()).toEqual([]);
	});

	test("it is not asked more often than the pauses allow", async () => {
		session.user("one");
		setup.hosted.setFault(() => ({ kind: "status", status: 503 }));
		setup.record(session);
		await setup.pass(60_000);
		expect(setup.hosted.requests.length).toBeLessThan(12);
	});

	test("a server that asks to wait is not asked before", async () => {
		session.user("one");
		setup.hosted.failNext(
			{ kind: "status", status: 429, body: { error: "Too many" }, headers: { "Retry-After": "30" } },
			1,
		);
		const sync = setup.record(session);
		await setup.pass(29_000);
		expect(setup.hosted.requests).toHaveLength(1);
		expect(sync.state().parked).toEqual([]);
		await setup.pass(2_000);
		expect(texts()).toEqual(["one"]);
	});

	test("an answer that is no JSON is no answer", async () => {
		session.user("one");
		setup.hosted.failNext({ kind: "malformed" }, 2, "/sync/message");
		setup.record(session);
		await setup.pass(10_000);
		expect(texts()).toEqual(["one"]);
	});

	test("a server that does not answer in time is given up for now", async () => {
		session.user("one");
		setup.hosted.failNext({ kind: "hang" }, 1);
		const sync = setup.record(session, { deadlineMs: 50 });
		await setup.rest();
		expect(sync.state()).toMatchObject({
			link: "offline",
			reason: expect.stringContaining("no answer in time"),
		});
		await setup.pass(1_000);
		expect(texts()).toEqual(["one"]);
	});

	test("one message that the server fails at does not hold up the others", async () => {
		session.user("one");
		answer("two", 1);
		const first = `pi:${session.sessionId}:${session.list[0]?.id}`;
		setup.hosted.setFault((request) =>
			(request.body as { externalId?: string })?.externalId === first
				? { kind: "status", status: 500, body: { error: "Server Error" } }
				: null,
		);
		const sync = setup.record(session);
		await setup.pass(60_000);
		expect(texts()).toEqual(["two"]);
		expect(sync.state().parked).toEqual([
			{ entryId: session.list[0]?.id ?? "", message: expect.stringContaining("status 500") },
		]);
	});

	test("a server that fails at everything parks nothing", async () => {
		session.user("one");
		answer("two", 1);
		session.user("three");
		setup.hosted.setFault(({ path }) => (path === "/sync/message" ? { kind: "status", status: 500 } : null));
		const sync = setup.record(session);
		await setup.pass(10 * 60_000);
		expect(sync.state()).toMatchObject({ link: "offline", parked: [], queued: 3 });
		setup.hosted.setFault(null);
		await setup.pass(30_000);
		expect(texts()).toEqual(["one", "two", "three"]);
		expect(sync.state().parked).toEqual([]);
	});

	test("a wrong key parks nothing, is asked again once a minute, and says what to do", async () => {
		session.user("one");
		const sync = setup.record(session, { apiKey: "osk_wrong" });
		await setup.pass(50_000);
		expect(setup.hosted.requests).toHaveLength(1);
		expect(sync.state()).toMatchObject({ link: "signedOut", queued: 1, parked: [] });
		expect(sync.state().reason).toContain("does not take this API key");
		await setup.pass(15_000);
		expect(setup.hosted.requests).toHaveLength(2);
	});

	test("what was said while the server was away goes out after a crash, by a new driver on the same folder", async () => {
		session.user("one");
		answer("two", 1);
		setup.record(session);
		await setup.rest();
		await setup.hosted.down();
		session.user("three");
		const crashed = setup.record(session);
		crashed.wake();
		await setup.rest();
		expect(await unsent()).toEqual([
			{ sessionId: session.sessionId, file: `/sessions/${session.sessionId}.jsonl` },
		]);
		await setup.hosted.up();
		setup.record(session);
		await setup.pass(30_000);
		expect(texts()).toEqual(["one", "two", "three"]);
		expect(setup.hosted.to("/sync/message").length).toBeGreaterThanOrEqual(3);
		expect(await unsent()).toEqual([]);
	});
});

describe("what is there already", () => {
	test("a session from another machine is not posted again", async () => {
		session.user("one");
		answer("two", 1);
		const first = setup.record(session);
		await setup.rest();
		await first.dispose();
		await rm(setup.folder, { recursive: true });
		session.user("three");
		setup.record(session);
		await setup.rest();
		expect(setup.hosted.to("/sync/message")).toHaveLength(3);
		expect(texts()).toEqual(["one", "two", "three"]);
	});

	test("what pi-opensync-plugin has posted of a session is not posted beside it", async () => {
		session.user("one");
		const last = answer("two", 1);
		const post = (path: string, body: unknown) =>
			fetch(`${setup.hosted.siteUrl}${path}`, {
				method: "POST",
				headers: { Authorization: `Bearer ${setup.hosted.key}` },
				body: JSON.stringify(body),
			});
		await post("/sync/session", { externalId: session.sessionId, title: "Untitled", source: "pi" });
		for (const [index, role] of ["user", "assistant"].entries())
			await post("/sync/message", {
				sessionExternalId: session.sessionId,
				externalId: `${session.sessionId}-${role}-1`,
				role,
				textContent: `old ${index}`,
				createdAt: Date.parse(last.timestamp) + 500,
			});
		Object.assign(session.user("three"), { timestamp: "2026-11-21T09:00:00.000Z" });
		setup.record(session);
		await setup.pass(30_000);
		expect(messages().map(({ textContent }) => textContent)).toEqual(["old 0", "old 1", "three"]);
		expect(stored()?.title).toBe("one");
	});

	test("the last turn that pi-opensync-plugin has posted, dated by its begin, is not posted again", async () => {
		const at = (seconds: number) => new Date(Date.UTC(2026, 10, 21, 8, 0, seconds));
		const add = (seconds: number, role: string, text: string, beganAt = seconds) =>
			session.add("message", {
				timestamp: at(seconds).toISOString(),
				message: { role, content: [{ type: "text", text }], timestamp: at(beganAt).getTime() },
			});
		add(1, "user", "one");
		add(40, "assistant", "two", 2);
		add(45, "toolResult", "done", 45);
		// It dates a prompt by the moment in which it was typed, and an answer by that in which it began.
		const post = (role: string, createdAt: number) =>
			setup.hosted.store.postMessage(HOSTED_USER, {
				sessionExternalId: session.sessionId,
				externalId: `${session.sessionId}-${role}-1`,
				...{ role, textContent: `old ${role}`, createdAt },
			});
		post("user", at(1).getTime() - 30);
		const sync = setup.record(session);
		await setup.rest();
		expect(messages().map(({ textContent }) => textContent)).toEqual(["old user", "two", undefined]);
		await sync.dispose();

		setup.hosted.store.messages.length = 0;
		await rm(setup.folder, { recursive: true });
		post("user", at(1).getTime() - 30);
		post("assistant", at(2).getTime());
		const other = setup.record(session);
		await setup.rest();
		add(60, "user", "three");
		other.wake();
		await setup.pass(30_000);
		expect(messages().map(({ textContent }) => textContent)).toEqual(["old user", "old assistant", "three"]);
	});

	test("what is said after pi-opensync-plugin is posted, whatever its server's clock said", async () => {
		session.user("one");
		const last = answer("two", 1);
		const aheadMs = 10 * 60_000;
		setup.hosted.store.postMessage(HOSTED_USER, {
			sessionExternalId: session.sessionId,
			externalId: `${session.sessionId}-assistant-1`,
			role: "assistant",
			textContent: "old",
			createdAt: Date.parse(last.timestamp) + aheadMs,
		});
		const sync = setup.record(session);
		await setup.rest();
		session.user("three");
		sync.wake();
		await setup.pass(30_000);
		expect(messages().map(({ textContent }) => textContent)).toContain("three");
		const report = sync.resync();
		await setup.pass(30_000);
		expect(await report).toMatchObject({ kind: "done", sent: 0 });
	});

	test("a session that was deleted there is sent whole when it is asked for", async () => {
		session.user("one");
		answer("two", 1);
		const sync = setup.record(session);
		await setup.rest();
		setup.hosted.store.sessions.length = 0;
		setup.hosted.store.messages.length = 0;
		const report = sync.resync();
		await setup.rest();
		expect(await report).toMatchObject({ kind: "done", sent: 2 });
		expect(texts()).toEqual(["one", "two"]);
	});
});

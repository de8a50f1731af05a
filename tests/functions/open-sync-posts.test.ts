import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import { INLINE_ENTRY_BYTES } from "../../src/protocol/limits.ts";
import { scenario, storyStart } from "./app.ts";
import { caller, error, got, message } from "./open-sync-stories.ts";
import { answer, session, tell, user } from "./stories.ts";

const MINUTE_MS = 60_000;

scenario("a session and its messages come back as they were posted", async (app) => {
	const http = await caller(app);
	const posted = await http.post("/sync/session", {
		externalId: "s",
		source: "codex",
		title: "A title",
		projectPath: "/p/proj",
		model: "m",
		provider: "openai",
		promptTokens: 100,
		completionTokens: 20,
		cost: 0.25,
		durationMs: 1500,
		createdAt: storyStart() - MINUTE_MS,
		messageCount: 99,
	});
	expect([posted.status, posted.body.ok, typeof posted.body.sessionId]).toEqual([200, true, "string"]);
	const parts = [
		{ type: "text", content: "look" },
		{ type: "tool-call", content: { toolName: "bash", args: { command: "ls" }, odd: [1, { deep: null }] } },
		{ type: "tool-result", content: "a\nb" },
		{ type: "of the future", content: [1, 2] },
	];
	const stored = await http.post(
		"/sync/message",
		message("m1", {
			role: "assistant",
			parts,
			model: "m",
			promptTokens: 7,
			completionTokens: 3,
			durationMs: 12,
		}),
	);
	expect([stored.status, stored.body.ok, typeof stored.body.messageId]).toEqual([200, true, "string"]);
	expect((await got(http)) as unknown).toEqual({
		session: {
			id: posted.body.sessionId as string,
			externalId: "s",
			source: "codex-cli",
			title: "A title",
			projectPath: "/p/proj",
			projectName: "proj",
			model: "m",
			provider: "openai",
			promptTokens: 100,
			completionTokens: 20,
			totalTokens: 120,
			cost: 0.25,
			durationMs: 1500,
			isPublic: false,
			messageCount: 1,
			createdAt: storyStart() - MINUTE_MS,
			updatedAt: storyStart(),
		},
		messages: [
			{
				id: stored.body.messageId as string,
				externalId: "m1",
				role: "assistant",
				textContent: "text of m1",
				model: "m",
				promptTokens: 7,
				completionTokens: 3,
				cost: 0,
				durationMs: 12,
				createdAt: storyStart(),
				parts,
			},
		],
	});
	expect((await got(http, posted.body.sessionId as string)).session.externalId).toBe("s");
});

scenario(
	"a message makes its session, and the names of fields that plugins use are all taken",
	async (app) => {
		const http = await caller(app);
		expect((await http.post("/sync/message", message("m"))).status).toBe(200);
		expect((await got(http)).session).toMatchObject({
			source: "opencode",
			title: "text of m",
			messageCount: 1,
		});
		expect((await http.post("/sync/session", { sessionId: "t", source: "claude-code" })).status).toBe(200);
		expect((await got(http, "t")).session.source).toBe("claude-code");
		const documented = { type: "tool-call", toolName: "bash", args: { command: "ls" } };
		await http.post("/sync/message", message("d", { parts: [documented], cost: null, model: null }));
		expect((await got(http)).messages[1]?.parts).toEqual([
			{ type: "tool-call", content: { toolName: "bash", args: { command: "ls" } } },
		]);
	},
);

scenario("posting again changes nothing at any time, and other content takes the place", async (app) => {
	const http = await caller(app);
	const first = await http.post("/sync/message", message("m"));
	await http.post("/sync/message", message("n"));
	for (const wait of [0, 1000, MINUTE_MS]) {
		await app.advance(wait);
		const again = await http.post("/sync/message", message("m"));
		expect(again.body).toEqual({ ok: true, messageId: first.body.messageId, outcome: "unchanged" });
	}
	const other = await http.post("/sync/message", message("m", { textContent: "other" }));
	expect(other.body).toEqual({ ok: true, messageId: first.body.messageId, outcome: "updated" });
	const { messages } = await got(http);
	expect(messages.map((one) => [one.externalId, (one as { textContent?: string }).textContent])).toEqual([
		["m", "other"],
		["n", "text of n"],
	]);
	expect((await http.post("/sync/session", { externalId: "s", title: "t" })).body.outcome).toBe("updated");
	expect((await http.post("/sync/session", { externalId: "s", title: "t" })).body.outcome).toBe("unchanged");
});

scenario(
	"what a message that is posted again leaves out stays: parts, text, counts and time",
	async (app) => {
		const http = await caller(app);
		const parts = [{ type: "tool-call", content: { name: "bash", args: {} } }];
		const createdAt = storyStart() - 5;
		const post = async (fields: Record<string, unknown>) =>
			(
				await http.post("/sync/message", {
					sessionExternalId: "s",
					externalId: "m",
					role: "assistant",
					...fields,
				})
			).body.outcome;
		expect(await post({ textContent: "half", promptTokens: 5, createdAt })).toBe("added");
		expect(await post({ parts, completionTokens: 3, promptTokens: 0 })).toBe("updated");
		expect(await post({ textContent: "the whole", model: "m" })).toBe("updated");
		expect(await post({ textContent: "the whole" })).toBe("unchanged");
		expect(await post({ parts })).toBe("unchanged");
		expect((await got(http)).messages).toMatchObject([
			{ textContent: "the whole", parts, model: "m", promptTokens: 5, completionTokens: 3, createdAt },
		]);
		expect((await got(http)).session).toMatchObject({
			promptTokens: 5,
			completionTokens: 3,
			messageCount: 1,
		});
		const twice = [message("n", { textContent: "said" }), message("n", { textContent: undefined, parts })];
		expect((await http.post("/sync/batch", { messages: twice })).body).toMatchObject({
			ok: true,
			messages: 2,
		});
		expect((await got(http)).messages[1]).toMatchObject({ textContent: "said", parts } as object);
	},
);

scenario("times that are told stay, in whatever order messages come", async (app) => {
	const http = await caller(app);
	const at = (minutes: number) => storyStart() - minutes * MINUTE_MS;
	for (const [id, minutes] of [
		["b", 20],
		["c", 10],
		["a", 30],
	] as const)
		await http.post("/sync/message", message(id, { createdAt: at(minutes) }));
	const { session, messages } = await got(http);
	expect(messages.map(({ externalId, createdAt }) => [externalId, createdAt])).toEqual([
		["a", at(30)],
		["b", at(20)],
		["c", at(10)],
	]);
	expect(session).toMatchObject({ createdAt: at(30), updatedAt: at(10) });
	await http.post("/sync/session", {
		externalId: "old",
		source: "toString",
		createdAt: at(50),
		title: "of yesterday",
	});
	expect((await got(http, "old")).session).toMatchObject({
		source: "toString",
		createdAt: at(50),
		updatedAt: at(50),
	});
});

scenario("a session that tells a start to come is no newer than what is said now", async (app) => {
	const http = await caller(app);
	await http.post("/sync/session", { externalId: "ahead", createdAt: storyStart() + 1e9 });
	await app.advance(1000);
	await http.post("/sync/message", message("m1"));
	const { sessions } = (await http.get("/api/sessions")).body as { sessions: { externalId: string }[] };
	expect(sessions.map(({ externalId }) => externalId)).toEqual(["s", "ahead"]);
});

scenario("the list goes on after every session, however small its time", async (app) => {
	const http = await caller(app);
	const times = [5, 1e-7, 1e-8, 0];
	for (const createdAt of times) await http.post("/sync/session", { externalId: `s${createdAt}`, createdAt });
	const found: string[] = [];
	let cursor = "";
	do {
		const { status, body } = await http.get(`/api/sessions?limit=1${cursor}`);
		expect(status).toBe(200);
		found.push((body.sessions as { externalId: string }[])[0]?.externalId as string);
		cursor = body.nextCursor ? `&cursor=${encodeURIComponent(body.nextCursor as string)}` : "";
	} while (cursor !== "");
	expect(found).toEqual(times.map((createdAt) => `s${createdAt}`));
});

scenario("a batch stores what is fine and says of each item what became of it", async (app) => {
	const http = await caller(app);
	const { status, body } = await http.post("/sync/batch", {
		sessions: [{ externalId: "s", source: "droid", messageCount: 3, odd: {} }, { title: "no id" }, 7],
		messages: [
			message("m1", { createdAt: storyStart() - 5, odd: 1 }),
			message("bad", { role: "robot" }),
			message("t1", { sessionExternalId: "t" }),
			message("m2"),
			message("m1", { createdAt: storyStart() - 5 }),
			null,
		],
		more: true,
	});
	expect(status).toBe(200);
	expect(body).toEqual({
		ok: false,
		sessions: 1,
		messages: 4,
		errors: [
			"sessions[1]: Missing externalId or sessionId.",
			"sessions[2]: The session must be a JSON object.",
			"messages[1]: The field role must be one of user, assistant, system, tool, unknown.",
			"messages[5]: The message must be a JSON object.",
		],
		results: {
			sessions: [
				{ externalId: "s", outcome: "added" },
				{ externalId: null, error: "Missing externalId or sessionId." },
				{ externalId: null, error: "The session must be a JSON object." },
			],
			messages: [
				{ externalId: "m1", outcome: "added" },
				{ externalId: "bad", error: expect.any(String) },
				{ externalId: "t1", outcome: "added" },
				{ externalId: "m2", outcome: "added" },
				{ externalId: "m1", outcome: "unchanged" },
				{ externalId: null, error: "The message must be a JSON object." },
			],
		},
	});
	expect((await got(http)).messages.map(({ externalId }) => externalId)).toEqual(["m1", "m2"]);
	expect((await got(http)).session.source).toBe("factory-droid");
	expect((await http.post("/sync/batch", {})).body).toMatchObject({
		ok: true,
		sessions: 0,
		messages: 0,
		errors: [],
	});
});

scenario("a batch may be larger than one push", async (app) => {
	const http = await caller(app);
	const messages = Array.from({ length: 450 }, (_, index) => message(`m${index}`));
	expect((await http.post("/sync/batch", { messages })).body).toMatchObject({ ok: true, messages: 450 });
	const all = await got(http);
	expect(all.messages.map(({ externalId }) => externalId)).toEqual(messages.map((one) => one.externalId));
	const tooMany = Array.from({ length: 2001 }, () => ({}));
	expect(error(await http.post("/sync/batch", { messages: tooMany }))).toStartWith(
		"413 A batch may have 2000",
	);
});

scenario("long messages are kept whole, as files, and go with what replaces them", async (app) => {
	const http = await caller(app);
	const long = "x".repeat(INLINE_ENTRY_BYTES);
	for (const _ of [1, 2]) await http.post("/sync/message", message("m", { textContent: long }));
	expect(await app.runner.files()).toBe(1);
	const { session, messages } = await got(http);
	expect((messages[0] as { textContent?: string }).textContent).toBe(long);
	expect(session.title).toBe("x".repeat(100));
	await http.post("/sync/message", message("m", { textContent: "short" }));
	expect(await app.runner.files()).toBe(0);
});

scenario("a session that Pi syncs is kept: what it has is fine, the rest is not taken", async (app) => {
	const http = await caller(app);
	const pi = await app.signIn();
	await tell(pi, session("s"), [user("a", null, "hi"), answer("b", "a", "ho")]);
	await tell(pi, session("fork", { lineage: { parentSessionId: "s", forkEntryId: "b" } }), [
		user("c", "b", "x"),
	]);
	const before = await pi.query(api.sessions.get, { sessionId: "s" });
	const kept = await http.post("/sync/session", { externalId: "s", title: "other", cost: 5 });
	expect(kept).toMatchObject({ status: 200, body: { ok: true, outcome: "kept" } });
	const held = await http.post("/sync/message", message("pi:s:b"));
	expect(held).toMatchObject({ status: 200, body: { ok: true, outcome: "kept" } });
	expect((await http.post("/sync/message", message("a"))).status).toBe(200);
	const shared = message("pi:fork:a", { sessionExternalId: "fork" });
	expect((await http.post("/sync/message", shared)).status).toBe(200);
	const long = message("new", { textContent: "x".repeat(INLINE_ENTRY_BYTES) });
	expect(error(await http.post("/sync/message", long))).toStartWith("409 Pi itself syncs this session");
	expect(await app.runner.files()).toBe(0);
	const batch = await http.post("/sync/batch", { messages: [message("a"), message("new")] });
	expect(batch.body).toMatchObject({
		ok: false,
		messages: 1,
		errors: [expect.stringContaining("messages[1]: Pi")],
	});
	expect(await pi.query(api.sessions.get, { sessionId: "s" })).toEqual(before);
});

scenario("halves of characters are made whole, and a body of another content type is fine", async (app) => {
	const http = await caller(app);
	const body =
		'{"sessionExternalId":"s\\ud800","externalId":"m\\udfff","role":"user","textContent":"a\\ud800b","parts":[{"type":"\\ud800","content":{"\\ud800":"\\ud800"}}]}';
	expect((await http.post("/sync/message", body, { "Content-Type": "text/plain" })).status).toBe(200);
	const { messages } = await got(http, "s\uFFFD");
	expect(messages[0]).toMatchObject({
		externalId: "m\uFFFD",
		parts: [{ type: "\uFFFD", content: { "\uFFFD": "\uFFFD" } }],
		textContent: "a\uFFFDb",
	} as object);
});

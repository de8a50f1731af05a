import { expect } from "bun:test";
import { api } from "../../convex/_generated/api.js";
import { CALLS_PER_MINUTE } from "../../convex/httpCalls.ts";
import { BODY_MAX_BYTES } from "../../convex/routes/api.ts";
import { scenario } from "./app.ts";
import { call, caller, error, type Got, got, message } from "./open-sync-stories.ts";
import { answer, session, talk, tell, user } from "./stories.ts";

scenario("who brings no key that may gets 401 or 403, whatever is asked", async (app) => {
	const [all, reader, writer] = [
		await caller(app),
		await caller(app, { scopes: ["read", "control"] }),
		await caller(app, { scopes: ["write"] }),
	];
	const withKey = (authorization: string) =>
		call(app, "/api/stats", { headers: { Authorization: authorization } });
	expect(error(await call(app, "/api/stats"))).toStartWith("401 Missing Authorization header");
	expect(error(await withKey("Bearer osk_unknown"))).toStartWith("401 Invalid API key");
	expect(error(await withKey("Bearer eyJhbGciOi"))).toStartWith("401 Invalid Authorization header");
	expect(error(await withKey("Basic osk_unknown"))).toStartWith("401 Invalid Authorization header");
	for (const path of ["/api/sessions", "/api/sessions/get?id=s", "/api/export?id=s", "/api/stats"]) {
		expect(error(await writer.get(path))).toBe('403 This API key has no scope "read".');
		expect(error(await call(app, path))).toStartWith("401 Missing");
	}
	expect(error(await reader.get("/sync/sessions/list"))).toBe('403 This API key has no scope "write".');
	for (const path of ["/sync/session", "/sync/message", "/sync/batch"])
		expect(error(await reader.post(path, {}))).toBe('403 This API key has no scope "write".');
	expect((await all.get("/api/stats")).status).toBe(200);
});

scenario("a revoked key is out at once", async (app) => {
	const http = await caller(app);
	const admin = await app.signIn();
	await admin.mutation(api.apiKeys.revoke, { id: http.keyId });
	expect(error(await http.get("/api/stats"))).toBe("401 Invalid API key: it was revoked.");
});

scenario("nobody sees or changes what is another user's", async (app) => {
	const [ann, bob] = [await caller(app, { user: "ann" }), await caller(app, { user: "bob" })];
	const posted = await ann.post("/sync/session", { externalId: "s", title: "of ann" });
	await ann.post("/sync/message", message("m", { textContent: "said by ann" }));
	await bob.post("/sync/message", message("m", { textContent: "said by bob" }));
	const id = posted.body.sessionId as string;
	expect(error(await bob.get(`/api/sessions/get?id=${id}`))).toBe("404 Session not found.");
	expect(error(await bob.get(`/api/export?id=${id}`))).toBe("404 Session not found.");
	expect((await got(bob)).session.title).toBe("said by bob");
	expect((await got(ann)).messages).toHaveLength(1);
	expect((await bob.get("/api/stats")).body).toMatchObject({ sessionCount: 1, messageCount: 1 });
	const cursor = (await got(ann)).messages[0]?.id;
	expect((await bob.get(`/api/sessions/get?id=s&cursor=${cursor}`)).status).toBe(400);
});

scenario("sessions of Pi are told like all others, a fork with what it shares", async (app) => {
	const http = await caller(app);
	const pi = await app.signIn();
	await tell(pi, session("s"), talk(["a", "b", "later"]));
	await tell(pi, session("fork", { lineage: { parentSessionId: "s", forkEntryId: "b" } }), [
		answer("c", "b", "own"),
	]);
	const fork = await got(http, "fork");
	expect(fork.messages.map(({ externalId, role }) => `${externalId} ${role}`)).toEqual([
		"pi:s:a user",
		"pi:s:b assistant",
		"pi:fork:c assistant",
	]);
	expect(fork.session).toMatchObject({
		source: "pi",
		projectPath: "/home/dev/proj",
		promptTokens: 17,
		completionTokens: 2,
		totalTokens: 19,
		cost: 0.01,
	});
	expect(fork.messages[1]).toMatchObject({ promptTokens: 17, completionTokens: 2, model: "model-1" });
});

scenario("messages come in pages on request, each once", async (app) => {
	const http = await caller(app);
	await http.post("/sync/batch", {
		messages: ["c", "a", "d", "b", "e"].map((id) => message(id, { createdAt: id.charCodeAt(0) })),
	});
	const pages: string[] = [];
	let cursor: string | undefined = "";
	while (cursor !== undefined) {
		const page: Got = await got(http, "s", `&limit=2&cursor=${cursor}`);
		pages.push(page.messages.map(({ externalId }) => externalId).join(""));
		cursor = page.nextCursor;
	}
	expect(pages).toEqual(["ab", "cd", "e"]);
});

scenario("the list is by activity, newest first, by source, in pages", async (app) => {
	const http = await caller(app);
	for (const [index, source] of ["codex", "cursor", "codex", "droid", "codex"].entries()) {
		await http.post("/sync/session", { externalId: `s${index}`, source, projectPath: "/p" });
		if (index !== 2) await app.advance(1000);
	}
	type List = { sessions: { externalId: string }[]; nextCursor?: string };
	const list = async (more = "") => (await http.get(`/api/sessions${more}`)).body as List;
	const ids = ({ sessions }: List) => sessions.map(({ externalId }) => externalId).join(" ");
	expect(ids(await list())).toBe("s4 s3 s2 s1 s0");
	const pages: string[] = [];
	let cursor: string | undefined = "";
	while (cursor !== undefined) {
		const page: List = await list(`?limit=2&cursor=${cursor}`);
		pages.push(ids(page));
		cursor = page.nextCursor;
	}
	expect(pages).toEqual(["s4 s3", "s2 s1", "s0"]);
	expect(ids(await list("?source=codex"))).toBe("s4 s2 s0");
	expect(ids(await list("?source=cursor-sync"))).toBe("s1");
	const first = await list("?source=codex&limit=2");
	expect(ids(await list(`?source=codex&limit=2&cursor=${first.nextCursor}`))).toBe("s0");
	expect((await http.get("/sync/sessions/list")).body).toEqual({
		sessionIds: ["s0", "s1", "s2", "s3", "s4"],
	});
});

scenario("sums are over all sessions, by model", async (app) => {
	const http = await caller(app);
	expect((await http.get("/api/stats")).body).toEqual({
		sessionCount: 0,
		messageCount: 0,
		totalTokens: 0,
		totalCost: 0,
		totalDurationMs: 0,
		modelUsage: {},
	});
	await http.post("/sync/session", { externalId: "a", model: "m", promptTokens: 10, cost: 1, durationMs: 5 });
	await http.post("/sync/session", { externalId: "b", model: "m", completionTokens: 4, cost: 0.5 });
	await http.post("/sync/message", message("x", { sessionExternalId: "c" }));
	await http.post("/sync/session", { externalId: "d", model: "__proto__" });
	const { body } = await http.get("/api/stats");
	expect(body).toMatchObject({
		sessionCount: 4,
		messageCount: 1,
		totalTokens: 14,
		totalCost: 1.5,
		totalDurationMs: 5,
	});
	expect(Object.entries(body.modelUsage as object)).toEqual([
		["m", { tokens: 14, cost: 1.5, sessions: 2 }],
		["unknown", { tokens: 0, cost: 0, sessions: 1 }],
		["__proto__", { tokens: 0, cost: 0, sessions: 1 }],
	]);
});

scenario("a session is exported as JSON, JSON lines and Markdown", async (app) => {
	const http = await caller(app);
	await http.post("/sync/session", {
		externalId: "s",
		title: "Fix: the build",
		projectPath: "/p",
		cost: 0.5,
	});
	await http.post("/sync/message", message("m1"));
	const parts = [
		{ type: "tool-call", content: { toolName: "bash", args: { command: "ls" } } },
		{ type: "tool-result", content: "``` in it" },
	];
	await http.post("/sync/message", message("m2", { role: "assistant", textContent: undefined, parts }));
	const json = await http.get("/api/export?id=s");
	expect(json.body).toMatchObject({
		session: { externalId: "s", title: "Fix: the build" },
		messages: [
			{ role: "user", content: "text of m1" },
			{ role: "assistant", parts },
		],
	});
	const jsonl = (await http.get("/api/export?id=s&format=jsonl")).body as {
		content: string;
		filename: string;
	};
	expect(jsonl.filename).toBe("Fix-the-build.jsonl");
	expect(jsonl.content.split("\n").map((line) => JSON.parse(line))).toEqual([
		{ role: "user", content: "text of m1" },
		{ role: "assistant", content: expect.stringContaining("ls") },
	]);
	const markdown = await http.get("/api/export?id=s&format=markdown");
	expect(markdown.headers.get("content-type")).toStartWith("text/markdown");
	expect(markdown.headers.get("access-control-allow-origin")).toBe("*");
	expect(markdown.headers.get("content-disposition")).toBe('attachment; filename="Fix-the-build.md"');
	expect(markdown.text).toContain("# Fix: the build\n");
	expect(markdown.text).toContain("## User\n\ntext of m1\n");
	expect(markdown.text).toContain('### tool-call: bash\n\n```\n{\n  "command": "ls"\n}\n```\n');
	expect(markdown.text).toContain("### tool-result\n\n````\n``` in it\n````\n");
});

scenario("bad input is answered with 4xx and a sentence that names what is wrong", async (app) => {
	const http = await caller(app);
	const session = async (body: unknown) => error(await http.post("/sync/session", body));
	expect(await session("{")).toBe("400 The body is no JSON.");
	expect(await session("")).toBe("400 The body is no JSON.");
	expect(await session("null")).toBe("400 The session must be a JSON object.");
	expect(await session([])).toBe("400 The session must be a JSON object.");
	expect(await session({})).toBe("400 Missing externalId or sessionId.");
	expect(await session({ externalId: "" })).toBe("400 Missing externalId or sessionId.");
	expect(await session({ externalId: 5 })).toBe("400 The field externalId must be a text.");
	expect(await session({ externalId: "x".repeat(300) })).toStartWith("400 The field externalId may have 256");
	expect(await session({ externalId: "s", title: 5 })).toBe("400 The field title must be a text.");
	expect(await session({ externalId: "s", cost: -1 })).toStartWith("400 The field cost must be a number");
	expect(await session('{"externalId":"s","promptTokens":1e999}')).toStartWith("400 The field promptTokens");
	expect(await session({ externalId: "s", createdAt: 9e15 })).toStartWith("400 The field createdAt");
	expect(await session(`{"externalId":"s","odd":${"[".repeat(5000)}${"]".repeat(5000)}}`)).toStartWith(
		"400 ",
	);
	const post = async (body: unknown) => error(await http.post("/sync/message", body));
	expect(await post({ externalId: "m", role: "user" })).toBe("400 Missing sessionExternalId or sessionId.");
	expect(await post({ sessionExternalId: "s", role: "user" })).toBe("400 Missing externalId.");
	expect(await post(message("m", { role: undefined }))).toStartWith("400 The field role must be one of");
	expect(await post(message("m", { textContent: {} }))).toBe("400 The field textContent must be a text.");
	expect(await post(message("m", { parts: {} }))).toBe("400 The field parts must be a list.");
	expect(await post(message("m", { parts: [7] }))).toBe("400 The part 0 must be a JSON object.");
	expect(await post(message("m", { parts: [{ content: 1 }] }))).toBe(
		"400 The type of part 0 must be a text.",
	);
	expect(error(await http.post("/sync/batch", { messages: {} }))).toBe(
		"400 The field messages must be a list.",
	);
	const large = await http.post("/sync/message", message("m", { textContent: "x".repeat(BODY_MAX_BYTES) }));
	expect(error(large)).toStartWith("413 The body may have");
	expect((await http.get("/sync/sessions/list")).body).toEqual({ sessionIds: [] });
	const get = async (path: string) => error(await http.get(path));
	expect(await get("/api/sessions?limit=abc")).toStartWith("400 The parameter limit");
	expect(await get("/api/sessions?limit=0")).toStartWith("400 The parameter limit");
	expect(await get("/api/sessions?limit=-1")).toStartWith("400 The parameter limit");
	expect(await get("/api/sessions?cursor=abc")).toBe("400 The cursor is none that this list gave.");
	expect(await get("/api/sessions?cursor=1.2.3_4")).toBe("400 The cursor is none that this list gave.");
	expect(await get("/api/sessions/get")).toStartWith("400 Missing session ID");
	expect(await get("/api/sessions/get?id=none")).toBe("404 Session not found.");
	expect(await get("/api/export")).toStartWith("400 Missing session ID");
	expect(await get("/api/export?id=s&format=pdf")).toStartWith("400 The parameter format must be one of");
	expect(await get(`/api/sessions/get?id=${"x".repeat(5000)}`)).toStartWith("400 The parameter id");
});

scenario("who calls too often is told when to come back, and others are not hindered", async (app) => {
	const [http, other] = [await caller(app), await caller(app)];
	await http.post("/sync/message", message("m"));
	for (let n = 0; n < CALLS_PER_MINUTE.export; n++)
		expect((await http.get("/api/export?id=s")).status).toBe(200);
	const late = await http.get("/api/export?id=s");
	expect(error(late)).toBe("429 Too many calls with this key: try again in 1 s.");
	expect(late.headers.get("retry-after")).toBe("1");
	expect(late.headers.get("access-control-allow-origin")).toBe("*");
	expect((await http.get("/api/stats")).status).toBe(200);
	expect((await other.get("/api/export?id=s")).status).toBe(200);
	await app.pass(1000);
	expect((await http.get("/api/export?id=s")).status).toBe(200);
});

scenario("a page of any origin may call every route", async (app) => {
	const paths = [
		...["/sync/session", "/sync/message", "/sync/batch", "/sync/sessions/list"],
		...["/api/sessions", "/api/sessions/get", "/api/search", "/api/context", "/api/export", "/api/stats"],
		...["/health", "/auth/token", "/auth/code"],
	];
	for (const path of paths) {
		const { status, headers } = await call(app, path, { method: "OPTIONS" });
		expect([path, status]).toEqual([path, 204]);
		expect(headers.get("access-control-allow-origin")).toBe("*");
		expect(headers.get("access-control-allow-methods")).toContain("POST");
		expect(headers.get("access-control-allow-headers")).toContain("Authorization");
	}
	const refused = await call(app, "/api/stats");
	expect(refused.headers.get("access-control-allow-origin")).toBe("*");
});

scenario("times that no calendar has, in sessions of Pi, leave every answer as it should be", async (app) => {
	const client = await app.signIn();
	const http = await caller(app);
	const times = [Number.NaN, -5, 1e300, Number.POSITIVE_INFINITY];
	for (const [at, startedAt] of times.entries()) {
		const sessionId = `s${at}`;
		await tell(client, session(sessionId, { startedAt }));
		const entries = [user(`e${at}`, null, "text")].map((one) => ({ ...one, timestamp: startedAt }));
		await client.mutation(api.entries.append, { sessionId, imported: true, entries });
		for (const format of ["markdown", "json", "jsonl"])
			expect((await http.get(`/api/export?id=${sessionId}&format=${format}`)).status).toBe(200);
		const { session: told, messages } = await got(http, sessionId);
		expect([told.createdAt, told.updatedAt, messages[0]?.createdAt].map(Number.isFinite)).toEqual([
			...[true, true, true],
		]);
	}
	const listed: unknown[] = [];
	for (let cursor = ""; listed.length < times.length; ) {
		const { status, body } = await http.get(`/api/sessions?limit=1${cursor}`);
		expect(status).toBe(200);
		listed.push(...(body.sessions as { externalId: string }[]).map(({ externalId }) => externalId));
		cursor = `&cursor=${body.nextCursor}`;
	}
	expect(listed.toSorted()).toEqual(["s0", "s1", "s2", "s3"]);
});

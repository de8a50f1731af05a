/** OpenSync's HTTP API over a real socket: every route, when it goes well and when it does not. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { request } from "node:http";
import { CALLS_PER_MINUTE } from "../../../convex/httpCalls.ts";
import { BODY_MAX_BYTES } from "../../../convex/routes/api.ts";
import { type Answer, type RunningBackend, startBackend, told } from "./backend.ts";

let backend: RunningBackend;
let key: string;

beforeAll(async () => {
	backend = await startBackend();
	key = await backend.makeKey();
}, 60_000);

afterAll(async () => await backend?.close());

const get = (path: string, by: string | null = key) => backend.call(by, path);
const post = (path: string, body: unknown, by: string | null = key) => backend.call(by, path, body);
const error = ({ status, body }: Answer) => `${status} ${body.error}`;

const ROUTES = [
	["POST", "/sync/session"],
	["POST", "/sync/message"],
	["POST", "/sync/batch"],
	["GET", "/sync/sessions/list"],
	["GET", "/api/sessions"],
	["GET", "/api/sessions/get?id=s"],
	["GET", "/api/search?q=word"],
	["GET", "/api/context?q=word"],
	["GET", "/api/export?id=s"],
	["GET", "/api/stats"],
] as const;

test("without a key, with a wrong one, or with something else each route answers 401", async () => {
	for (const [method, path] of ROUTES) {
		const body = method === "POST" ? {} : undefined;
		for (const by of [null, "osk_wrong", "some.other.token"]) {
			const answer = await backend.call(by, path, body);
			expect([path, answer.status, typeof answer.body.error]).toEqual([path, 401, "string"]);
			expect(answer.headers.get("access-control-allow-origin")).toBe("*");
		}
	}
});

test("a page of any origin may ask every route", async () => {
	for (const path of [...ROUTES.map(([, one]) => one), "/health"]) {
		const { status, headers } = await fetch(backend.up.siteUrl + path, {
			method: "OPTIONS",
			headers: {
				Origin: "https://example.test",
				"Access-Control-Request-Method": "POST",
				"Access-Control-Request-Headers": "authorization,content-type",
			},
		});
		expect([path, status]).toEqual([path, 204]);
		expect(headers.get("access-control-allow-origin")).toBe("*");
		expect(headers.get("access-control-allow-methods")).toMatch(/GET.*POST/);
		expect(headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
	}
});

test("a key for reading cannot write, and one for writing cannot read", async () => {
	const [reader, writer] = [
		await backend.makeKey({ scopes: ["read"] }),
		await backend.makeKey({ scopes: ["write"] }),
	];
	for (const [method, path] of ROUTES) {
		const sync = path.startsWith("/sync/");
		const wrong = sync ? reader : writer;
		const answer = await backend.call(wrong, path, method === "POST" ? {} : undefined);
		expect([path, error(answer)]).toEqual([
			path,
			`403 This API key has no scope "${sync ? "write" : "read"}".`,
		]);
	}
});

test("the backend is healthy for whoever asks", async () => {
	expect(await get("/health", null)).toMatchObject({
		status: 200,
		body: { status: "ok", name: "pi-opensync" },
	});
});

test("a session, its message and a batch are posted, listed, read, exported and summed", async () => {
	const mine = await backend.makeKey({ user: "route user" });
	const posted = await post(
		"/sync/session",
		{ externalId: "r1", title: "Of routes", cost: 0.5, source: "cursor" },
		mine,
	);
	expect([posted.status, posted.body.ok, typeof posted.body.sessionId]).toEqual([200, true, "string"]);
	const createdAt = Date.parse("2026-01-02T03:04:05Z");
	const message = {
		sessionExternalId: "r1",
		externalId: "m1",
		role: "user",
		textContent: "zebra",
		createdAt,
	};
	const stored = await post("/sync/message", message, mine);
	expect([stored.status, stored.body.ok, typeof stored.body.messageId]).toEqual([200, true, "string"]);
	const batch = await post(
		"/sync/batch",
		{
			sessions: [{ externalId: "r2", model: "m", totalTokens: 5 }],
			messages: [
				{ ...message, sessionExternalId: "r2" },
				{ ...message, role: "nobody" },
			],
		},
		mine,
	);
	expect(batch).toMatchObject({ status: 200, body: { sessions: 1, messages: 1 } });
	expect(batch.body.errors).toHaveLength(1);
	expect((await get("/sync/sessions/list", mine)).body).toEqual({ sessionIds: ["r1", "r2"] });
	const list = (await get("/api/sessions?limit=1&source=cursor", mine)).body;
	expect(list.sessions).toMatchObject([{ externalId: "r1", title: "Of routes", cost: 0.5, messageCount: 1 }]);
	const one = await told(backend, mine, String(posted.body.sessionId));
	expect(one).toMatchObject({
		session: { externalId: "r1", createdAt, isPublic: false },
		messages: [{ externalId: "m1", role: "user", textContent: "zebra", createdAt, parts: [] }],
	});
	expect((await get("/api/stats", mine)).body).toMatchObject({
		sessionCount: 2,
		messageCount: 2,
		totalCost: 0.5,
		modelUsage: { m: { sessions: 1 }, unknown: { sessions: 1 } },
	});
	expect((await get("/api/export?id=r1&format=markdown", mine)).text).toContain("## User\n\nzebra\n");
	expect((await get("/api/export?id=r1&format=jsonl", mine)).body).toMatchObject({
		filename: "Of-routes.jsonl",
	});
	expect((await get("/api/export?id=r1", mine)).body.messages).toMatchObject([
		{ role: "user", content: "zebra" },
	]);
});

test("two users post the same ids and never meet", async () => {
	const [ann, bob] = [await backend.makeKey({ user: "ann" }), await backend.makeKey({ user: "bob" })];
	const message = (textContent: string) => ({
		sessionExternalId: "same",
		externalId: "same",
		role: "user",
		textContent,
	});
	await post("/sync/message", message("of ann"), ann);
	await post("/sync/message", message("of bob"), bob);
	const [hers, his] = [await told(backend, ann, "same"), await told(backend, bob, "same")];
	expect([hers.messages[0]?.textContent, his.messages[0]?.textContent]).toEqual(["of ann", "of bob"]);
	const foreign = await get(`/api/sessions/get?id=${hers.session.id}`, bob);
	expect(error(foreign)).toBe("404 Session not found.");
});

test("many posts of one session at once lose nothing and double nothing", async () => {
	const ids = Array.from({ length: 30 }, (_, index) => `c${index}`);
	const answers = await Promise.all(
		[...ids, ...ids].map((externalId) =>
			post("/sync/message", {
				sessionExternalId: "crowd",
				externalId,
				role: "user",
				textContent: externalId,
			}),
		),
	);
	expect(answers.every(({ status }) => status === 200)).toBe(true);
	const { session, messages } = await told(backend, key, "crowd");
	expect(session.messageCount).toBe(30);
	expect(messages.map(({ externalId }) => externalId).sort()).toEqual(ids.toSorted());
});

test("a message of megabytes comes back whole; a body that is too long is refused", async () => {
	const textContent = "long ".repeat(600_000);
	const message = { sessionExternalId: "long", externalId: "m", role: "assistant", textContent };
	expect((await post("/sync/message", message)).status).toBe(200);
	expect((await post("/sync/message", message)).body.outcome).toBe("unchanged");
	expect((await told(backend, key, "long")).messages[0]?.textContent).toBe(textContent);
	const tooLong = await post("/sync/message", { ...message, textContent: "x".repeat(BODY_MAX_BYTES) });
	expect(error(tooLong)).toStartWith("413 ");
});

test("pages of a long session are cut by size, and go on where they ended", async () => {
	const textContent = "y".repeat(200_000);
	for (let n = 0; n < 4; n++) {
		const messages = Array.from({ length: 20 }, (_, index) => ({
			...{ sessionExternalId: "pages", externalId: `p${n * 20 + index}`, role: "user", textContent },
		}));
		expect((await post("/sync/batch", { messages })).body.ok).toBe(true);
	}
	const seen: string[] = [];
	let pages = 0;
	let cursor: unknown = "";
	while (cursor !== undefined) {
		const { body } = await get(`/api/sessions/get?id=pages&cursor=${cursor}`);
		seen.push(...(body.messages as { externalId: string }[]).map(({ externalId }) => externalId));
		cursor = body.nextCursor;
		pages += 1;
	}
	expect(pages).toBeGreaterThan(1);
	expect(seen).toEqual(Array.from({ length: 80 }, (_, index) => `p${index}`));
	expect(error(await get("/api/export?id=pages"))).toStartWith("413 The session is too large for one export");
});

test("bad input is 4xx with a sentence, never 500", async () => {
	const bad: [string, unknown?][] = [
		["/sync/session", "{"],
		["/sync/session", "null"],
		["/sync/session", "\u0000"],
		["/sync/session", {}],
		["/sync/session", { externalId: {} }],
		["/sync/session", { externalId: "s", promptTokens: "5" }],
		["/sync/message", {}],
		["/sync/message", { sessionExternalId: "s", externalId: "m", role: "robot" }],
		["/sync/message", { sessionExternalId: "s", externalId: "m", role: "user", parts: [null] }],
		["/sync/batch", "[]"],
		["/sync/batch", { sessions: 5 }],
		["/api/sessions?limit=abc"],
		["/api/sessions?cursor=%00"],
		["/api/sessions/get"],
		["/api/sessions/get?id=s&cursor=x"],
		["/api/sessions/get?id=%F0%28%8C"],
		["/api/search"],
		["/api/context"],
		["/api/export?id=none"],
		["/api/export?id=none&format=pdf"],
	];
	for (const [path, body] of bad) {
		const answer = await backend.call(key, path, body);
		expect([path, body, answer.status >= 400 && answer.status < 500]).toEqual([path, body, true]);
		expect(typeof answer.body.error).toBe("string");
	}
});

test("what is no route is 404, and a route's other methods are not answered as if they were it", async () => {
	for (const [method, path] of [
		["GET", "/sync/message"],
		["POST", "/api/sessions"],
		["DELETE", "/sync/session"],
		["GET", "/api/nothing"],
	] as const) {
		const { status } = await fetch(backend.up.siteUrl + path, {
			method,
			headers: { Authorization: `Bearer ${key}` },
		});
		expect([method, path, status >= 400 && status < 500]).toEqual([method, path, true]);
	}
});

test("a post that breaks off leaves nothing behind", async () => {
	await new Promise<void>((resolve) => {
		const broken = request(`${backend.up.siteUrl}/sync/message`, {
			method: "POST",
			headers: { Authorization: `Bearer ${key}`, "Content-Length": "1000" },
		});
		broken.on("error", () => {});
		broken.on("close", () => resolve());
		broken.write('{"sessionExternalId":"broken","externalId":"m","role":"user"', () => broken.destroy());
	});
	expect((await get("/sync/sessions/list")).body.sessionIds).not.toContain("broken");
});

test("who calls too often is told when to come back", async () => {
	const mine = await backend.makeKey();
	await post("/sync/message", { sessionExternalId: "often", externalId: "m", role: "user" }, mine);
	let last = await get("/api/export?id=often", mine);
	for (let n = 0; last.status === 200 && n < CALLS_PER_MINUTE.export * 100; n++)
		last = await get("/api/export?id=often", mine);
	expect(error(last)).toMatch(/^429 Too many calls with this key/);
	expect(Number(last.headers.get("retry-after"))).toBeGreaterThan(0);
	expect((await get("/api/stats", mine)).status).toBe(200);
	expect((await get("/api/export?id=often")).status).toBe(200);
});

import { expect } from "bun:test";
import { type App, scenario } from "./app.ts";
import { type Caller, caller } from "./open-sync-stories.ts";

const INDEXED_MS = 4000;

/** Two sessions about animals, posted as plugins post them. */
async function animals(app: App): Promise<Caller> {
	const agent = await caller(app);
	const opened = {
		source: "claude-code",
		title: "Zoo plans",
		projectPath: "/home/dev/zoo",
		model: "model-1",
	};
	await agent.post("/sync/session", { externalId: "zoo", ...opened });
	const say = (externalId: string, role: string, textContent: string, more: object = {}) =>
		agent.post("/sync/message", { sessionExternalId: "zoo", externalId, role, textContent, ...more });
	await say("m1", "user", "Where should the okapi sleep?", { createdAt: Date.parse("2025-05-06T07:08:09Z") });
	await say("m2", "assistant", "The okapi sleeps in the northern stable.");
	await agent.post("/sync/message", {
		...{ sessionExternalId: "farm", externalId: "m1", source: "codex", role: "user" },
		textContent: "Draw a lemur",
	});
	await app.advance(INDEXED_MS);
	return agent;
}

const queryOf = (params: Record<string, string>) => new URLSearchParams(params).toString();

scenario("a search answers sessions in OpenSync's shape, with the places that match", async (app) => {
	const agent = await animals(app);
	const { status, body } = await agent.get(`/api/search?${queryOf({ q: "okapi" })}`);
	expect(status).toBe(200);
	expect(body).toMatchObject({
		type: "fulltext",
		results: [
			{
				externalId: "zoo",
				title: "Zoo plans",
				projectPath: "/home/dev/zoo",
				source: "claude-code",
				messageCount: 2,
			},
		],
	});
	const [{ matches }] = body.results as [
		{ matches: { messageExternalId: string; text: string; highlights: { start: number; end: number }[] }[] },
	];
	expect(matches.map((match) => match.messageExternalId).sort()).toEqual(["m1", "m2"]);
	for (const { text, highlights } of matches)
		expect(highlights.map(({ start, end }) => text.slice(start, end))).toEqual(["okapi"]);
});

scenario("semantic and hybrid searches are answered as full-text ones, and say so", async (app) => {
	const agent = await animals(app);
	for (const type of ["semantic", "hybrid"]) {
		const { status, body } = await agent.get(`/api/search?${queryOf({ q: "lemur", type })}`);
		expect({ status, type: body.type }).toEqual({ status: 200, type: "fulltext" });
		expect(body.results).toMatchObject([{ externalId: "farm", source: "codex-cli" }]);
	}
	const narrowed = await agent.get(`/api/search?${queryOf({ q: "okapi lemur", source: "codex" })}`);
	expect(narrowed.body.results).toMatchObject([{ externalId: "farm" }]);
	const one = await agent.get(`/api/search?${queryOf({ q: "the a draw", limit: "1" })}`);
	expect(one.body.results).toHaveLength(1);
	app.forget();
});

scenario("context for a prompt is what was said about it, as a text or as messages", async (app) => {
	const agent = await animals(app);
	const prompt = "Please tell me what we said about the okapi";
	const asText = await agent.get(`/api/context?${queryOf({ q: prompt })}`);
	app.forget();
	expect(asText.status).toBe(200);
	expect(asText.body.sessionCount).toBe(1);
	const text = asText.body.text as string;
	expect(text).toStartWith("--- Session: Zoo plans ---\nAgent: claude-code\nProject: /home/dev/zoo\n");
	expect(text).toContain("[USER, 2025-05-06]\nWhere should the okapi sleep?");
	expect(text).toContain("The okapi sleeps in the northern stable.");
	expect(text).not.toContain("lemur");
	const { body } = await agent.get(`/api/context?${queryOf({ q: prompt, format: "messages", limit: "3" })}`);
	app.forget();
	expect(body.sessionCount).toBe(1);
	const messages = body.messages as { role: string; content: string }[];
	expect(messages.toSorted((a, b) => (a.role < b.role ? 1 : -1))).toMatchObject([
		{ role: "user", content: "Where should the okapi sleep?", metadata: { sessionTitle: "Zoo plans" } },
		{ role: "assistant", content: "The okapi sleeps in the northern stable." },
	]);
	const nothing = await agent.get(`/api/context?${queryOf({ q: "unheard of" })}`);
	expect(nothing.body).toEqual({ text: "", sessionCount: 0 });
});

scenario("bad input is answered with a sentence, and another user's sessions are not found", async (app) => {
	const agent = await animals(app);
	for (const path of [
		"/api/search",
		"/api/search?q=",
		"/api/search?q=a&limit=abc",
		"/api/search?q=a&type=magic",
	]) {
		const { status, body } = await agent.get(path);
		expect({ path, status, sentence: typeof body.error }).toEqual({ path, status: 400, sentence: "string" });
	}
	expect((await agent.get("/api/context")).status).toBe(400);
	const other = await caller(app, { user: "other" });
	expect((await other.get("/api/search?q=okapi")).body).toEqual({ results: [], type: "fulltext" });
	expect((await other.get("/api/context?q=okapi")).body).toEqual({ text: "", sessionCount: 0 });
	const writer = await caller(app, { scopes: ["write"] });
	expect((await writer.get("/api/search?q=okapi")).status).toBe(403);
	expect((await writer.get("/api/context?q=okapi")).status).toBe(403);
	const preflight = await app.fetch("/api/context", { method: "OPTIONS" });
	expect(preflight.status).toBe(204);
});

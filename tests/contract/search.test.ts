/** Search through the stock clients over sockets and HTTP: the embedded server, as a page and a program use it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ConvexClient } from "convex/browser";
import { api } from "../../convex/_generated/api.js";
import { searchBackend } from "../../src/backend/search.ts";
import { exchangeKey } from "../../src/backend/token-exchange.ts";
import type { SearchPage } from "../../src/protocol/search.ts";
import { createSetup, type Setup, type Up } from "../support/cli.ts";
import { waitFor } from "../support/wait-for.ts";

let setup: Setup;
let up: Up;
let apiKey: string;
let client: ConvexClient;

beforeAll(async () => {
	setup = createSetup();
	up = await setup.up();
	apiKey = (JSON.parse((await setup.cli("keys", "create", "--json")).stdout) as { key: string }).key;
	const exchanged = await exchangeKey(fetch, up.siteUrl, apiKey, 10_000);
	if (exchanged.kind !== "token") throw new Error(exchanged.message);
	client = new ConvexClient(up.url, { skipConvexDeploymentUrlCheck: true });
	client.setAuth(async () => exchanged.token);
	await client.mutation(api.sessions.open, {
		...{ sessionId: "s", source: "pi", header: null, machine: "m", startedAt: 1 },
		...{ projectPath: "/home/dev/zoo", projectName: "zoo" },
	});
}, 60_000);
afterAll(async () => {
	await client?.close();
	await setup?.dispose();
});

async function say(entryId: string, parentId: string | null, text: string): Promise<void> {
	const json = JSON.stringify({
		type: "message",
		id: entryId,
		parentId,
		message: { role: "user", content: text },
	});
	const entry = { entryId, parentId, type: "message", timestamp: 5, body: { kind: "inline" as const, json } };
	await client.mutation(api.entries.append, { sessionId: "s", entries: [entry] });
}

test("who watches a search sees what is said meanwhile, the best first, and what is removed go", async () => {
	let page: SearchPage | null = null;
	const query = { query: "turn lock", limit: 10, cursor: null };
	const stop = client.onUpdate(api.search.passages, query, (next) => {
		page = next;
	});
	const ids = () => page?.hits.map(({ entryId }) => entryId).join(" ");
	await waitFor(() => ids() === "", "an empty page");
	await say("a", null, "a lock for every turn");
	await waitFor(() => ids() === "a", "what was said");
	await say("b", "a", `${"much more about other things ".repeat(30)} and about the turn lock`);
	await waitFor(() => ids() === "b a", "the phrase before the words");
	await client.mutation(api.sessions.remove, { sessionId: "s" });
	await waitFor(() => ids() === "", "nothing once it is removed");
	stop();
}, 60_000);

test("a program finds the same by its key over HTTP, an agent by a single question", async () => {
	const headers = { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" };
	const posted = await fetch(`${up.siteUrl}/sync/message`, {
		...{ method: "POST", headers },
		body: JSON.stringify({
			...{ sessionExternalId: "x", externalId: "m", source: "codex", role: "user" },
			textContent: "Where is the okapi?",
		}),
	});
	expect(posted.status).toBe(200);
	const search = async () => {
		const response = await fetch(`${up.siteUrl}/api/search?q=okapi`, { headers });
		return ((await response.json()) as { results: { externalId: string }[] }).results;
	};
	await waitFor(async () => (await search()).length === 1, "the message to be indexed");
	expect(await search()).toMatchObject([{ externalId: "x", source: "codex-cli" }]);
	const context = await fetch(`${up.siteUrl}/api/context?q=okapi`, { headers });
	expect(await context.json()).toMatchObject({ sessionCount: 1, text: expect.stringContaining("okapi?") });
	const target = { convexUrl: up.url, siteUrl: up.siteUrl, apiKey };
	expect(await searchBackend(target, { query: "oka", limit: 5, cursor: null })).toMatchObject({
		kind: "found",
		page: { hits: [{ sessionId: "x", entryId: "m", source: "codex-cli" }], cursor: null },
	});
	expect(await searchBackend(target, { query: "oka", limit: 0, cursor: null })).toMatchObject({
		kind: "failed",
		message: expect.stringContaining("A page of 0 hits cannot be."),
	});
}, 60_000);

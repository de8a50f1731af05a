import { afterEach, expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { searchBackend } from "../../../src/backend/search.ts";
import { answerOf } from "../../../src/extension/search-tool.ts";
import type { Search, SearchHit } from "../../../src/protocol/search.ts";

const SEARCH: Search = { query: "okapi", limit: 5, cursor: null };
const cleanups: (() => void)[] = [];
afterEach(() => {
	for (const run of cleanups.splice(0)) run();
});

/** A backend that answers these bodies by path; a path without one is never answered. */
async function backendThat(answers: Record<string, { status?: number; body: unknown }>) {
	const asked: string[] = [];
	const server = createServer((request, response) => {
		asked.push(request.url ?? "");
		const answer = answers[request.url ?? ""];
		if (!answer) return;
		response.writeHead(answer.status ?? 200, { "Content-Type": "application/json" });
		response.end(JSON.stringify(answer.body));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	cleanups.push(() => {
		server.closeAllConnections();
		server.close();
	});
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	return { asked, target: { convexUrl: url, siteUrl: url, apiKey: "osk_test" } };
}

const TOKEN = { body: { token: "a.b.c", expiresAt: Date.now() + 60_000, scopes: ["read"], userName: "u" } };

test("a search is answered with the page", async () => {
	const page = { hits: [], cursor: null };
	const { target } = await backendThat({
		"/auth/token": TOKEN,
		"/api/query": { body: { status: "success", value: page, logLines: [] } },
	});
	expect(await searchBackend(target, SEARCH)).toEqual({ kind: "found", page });
});

test("a search is given up at once when it is cancelled, wherever it waits", async () => {
	const backends: Record<string, typeof TOKEN>[] = [{}, { "/auth/token": TOKEN }];
	for (const answers of backends) {
		const { asked, target } = await backendThat(answers);
		const cancel = new AbortController();
		const searched = searchBackend(target, SEARCH, cancel.signal);
		while (asked.length <= Object.keys(answers).length)
			await new Promise((resolve) => setTimeout(resolve, 1));
		cancel.abort();
		expect(await searched).toEqual({ kind: "cancelled" });
	}
	expect(
		await searchBackend({ convexUrl: "x", siteUrl: "", apiKey: "k" }, SEARCH, AbortSignal.abort()),
	).toEqual({
		kind: "cancelled",
	});
});

test("every way to fail is a sentence", async () => {
	const failed = async (target: Parameters<typeof searchBackend>[0]) => {
		const searched = await searchBackend(target, SEARCH);
		return searched.kind === "failed" ? searched.message : searched.kind;
	};
	expect(await failed({ convexUrl: "garbage", siteUrl: "", apiKey: "osk_x" })).toContain("no address");
	expect(await failed({ convexUrl: "http://127.0.0.1:9", siteUrl: "", apiKey: "" })).toContain("No API key");
	expect(await failed({ convexUrl: "http://127.0.0.1:9", siteUrl: "", apiKey: "osk_x" })).toContain(
		"No backend",
	);
	const revoked = await backendThat({ "/auth/token": { status: 401, body: { error: "It was revoked." } } });
	expect(await failed(revoked.target)).toBe("It was revoked.");
	const hosted = await backendThat({ "/auth/token": { status: 404, body: {} } });
	expect(await failed(hosted.target)).toContain("is not pi-opensync");
	const errorData = { code: "scope_missing", message: 'The key has no scope "read".' };
	const refusing = await backendThat({
		"/auth/token": TOKEN,
		"/api/query": { status: 560, body: { status: "error", errorMessage: "x", errorData, logLines: [] } },
	});
	expect(await failed(refusing.target)).toBe('The key has no scope "read".');
	const broken = await backendThat({ "/auth/token": TOKEN, "/api/query": { status: 500, body: "oops" } });
	expect(await failed(broken.target)).toContain("does not answer");
});

test("what the model reads is bounded, on lines of its own, and without what a terminal obeys", () => {
	const hit: SearchHit = {
		...{ sessionId: "s", entryId: "e", kind: "tool", timestamp: 0, source: "pi", projectPath: "/p" },
		...{ title: "A\u001b[2Jtitle\nof two lines", projectName: "" },
		snippet: { text: "1. forged\n\n2. line \u0007", matches: [], cutBefore: true, cutAfter: false },
	};
	const text = answerOf(
		"q",
		Array.from({ length: 20 }, () => hit),
		90 * 86_400_000,
	);
	expect(text).toContain(
		"1. Atitle of two lines · pi · 90 days ago · tool · session s\n   … 1. forged 2. line\n",
	);
	expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
	expect(text.length).toBeLessThan(12_000);
});

/**
 * Sessions as the plugins of OpenCode, Codex, Cursor and Droid post them: the calls in their order with the
 * fields that they send. Claude Code's plugin is run itself, in `claude-code-sync.test.ts`.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ConvexHttpClient } from "convex/browser";
import { api } from "../../../convex/_generated/api.js";
import { createConvexBackend } from "../../../src/backend/convex-backend.ts";
import { type RunningBackend, startBackend, told } from "./backend.ts";

let backend: RunningBackend;
let key: string;

beforeAll(async () => {
	backend = await startBackend();
	key = await backend.makeKey();
}, 60_000);

afterAll(async () => await backend?.close());

/** Posts one after the other; all must be taken. */
async function posted(calls: readonly [path: string, body: unknown][]): Promise<void> {
	for (const [path, body] of calls) {
		const answer = await backend.call(key, path, body);
		expect([path, answer.status, answer.body.ok]).toEqual([path, 200, true]);
	}
}

/** The session as the dashboard lists it. */
async function listed(sessionId: string) {
	const exchanged = await fetch(`${backend.up.siteUrl}/auth/token`, {
		method: "POST",
		headers: { Authorization: `Bearer ${key}` },
	});
	const { token } = (await exchanged.json()) as { token: string };
	const client = new ConvexHttpClient(backend.up.url, { auth: token, logger: false });
	const paginationOpts = { numItems: 100, cursor: null };
	const { page } = await client.query(api.sessions.list, { paginationOpts });
	return page.find((one) => one.sessionId === sessionId);
}

test("OpenCode: no source, absolute counts, updates after each answer", async () => {
	const session = {
		externalId: "ses_4a1f",
		title: "Untitled Session",
		projectPath: "/home/dev/shop",
		projectName: "shop",
		model: "gpt-5",
		provider: "openai",
		promptTokens: 0,
		completionTokens: 0,
		cost: 0,
	};
	const message = (externalId: string, role: string, textContent: string, more = {}) => ({
		...{ sessionExternalId: "ses_4a1f", externalId, role, textContent, ...more },
	});
	await posted([
		["/sync/session", session],
		["/sync/message", message("msg_1", "user", "why is the cart empty?")],
		[
			"/sync/message",
			message("msg_2", "assistant", "Because…", {
				model: "gpt-5",
				promptTokens: 900,
				completionTokens: 40,
				durationMs: 2100,
			}),
		],
		[
			"/sync/session",
			{ ...session, title: "Empty cart", promptTokens: 900, completionTokens: 40, cost: 0.012 },
		],
		["/sync/message", message("msg_3", "unknown", "Fixed.")],
		[
			"/sync/session",
			{ ...session, title: "Empty cart", promptTokens: 1900, completionTokens: 90, cost: 0.03 },
		],
	]);
	expect(await listed("ses_4a1f")).toMatchObject({
		source: "opencode",
		via: "openSync",
		title: "Empty cart",
		projectName: "shop",
		model: "gpt-5",
		provider: "openai",
		tokens: { input: 1900, output: 90 },
		cost: 0.03,
		messageCount: 3,
		status: "idle",
	});
	const { messages } = await told(backend, key, "ses_4a1f");
	expect(messages.map(({ role, textContent }) => `${role}: ${textContent}`)).toEqual([
		"user: why is the cart empty?",
		"assistant: Because…",
		"unknown: Fixed.",
	]);
});

test("OpenCode, all anew: what is there already is not dated today", async () => {
	const createdAt = Date.parse("2026-03-04T05:06:07Z");
	const calls: [string, unknown][] = [
		["/sync/session", { externalId: "ses_old", title: "Of spring", createdAt }],
		...[0, 1, 2].map((n): [string, unknown] => [
			"/sync/message",
			{
				...{ sessionExternalId: "ses_old", externalId: `msg_o${n}`, role: n % 2 ? "assistant" : "user" },
				...{ textContent: `line ${n}`, createdAt: createdAt + n * 1000 },
			},
		]),
	];
	await posted(calls);
	const before = await listed("ses_old");
	expect(before).toMatchObject({ startedAt: createdAt, updatedAt: createdAt + 2000 });
	await posted(calls);
	expect(await listed("ses_old")).toEqual(before);
});

test("Codex: from its logs, tool calls by call id", async () => {
	const message = (externalId: string, role: string, more: object) => ({
		...{ sessionExternalId: "0198-codex", externalId, role, source: "codex-cli", ...more },
	});
	await posted([
		[
			"/sync/session",
			{
				externalId: "0198-codex",
				source: "codex-cli",
				provider: "openai",
				model: "gpt-5-codex",
				projectPath: "/w/api",
			},
		],
		[
			"/sync/message",
			message("0198-codex-1", "user", {
				textContent: "run the tests",
				parts: [{ type: "text", content: "run the tests" }],
			}),
		],
		[
			"/sync/message",
			message("0198-codex-2", "assistant", {
				parts: [
					{ type: "tool-call", content: { id: "call_1", name: "shell", args: { command: ["npm", "test"] } } },
				],
			}),
		],
		[
			"/sync/message",
			message("0198-codex-3", "tool", {
				parts: [{ type: "tool-result", content: { id: "call_1", output: "1 failed", exitCode: 1 } }],
			}),
		],
		[
			"/sync/message",
			message("0198-codex-4", "assistant", {
				textContent: "One fails.",
				promptTokens: 12,
				completionTokens: 3,
			}),
		],
	]);
	expect(await listed("0198-codex")).toMatchObject({
		source: "codex-cli",
		title: "run the tests",
		provider: "openai",
		toolCallCount: 1,
		tokens: { input: 12, output: 3 },
	});
	const { messages } = await told(backend, key, "0198-codex");
	expect(messages.map(({ role, parts }) => [role, parts])).toEqual([
		["user", [{ type: "text", content: "run the tests" }]],
		[
			"assistant",
			[{ type: "tool-call", content: { id: "call_1", name: "shell", args: { command: ["npm", "test"] } } }],
		],
		["tool", [{ type: "tool-result", content: { id: "call_1", output: "1 failed", exitCode: 1 } }]],
		["assistant", []],
	]);
});

test("Cursor and Droid: under the names that OpenSync gives them, whatever they call themselves", async () => {
	for (const [posts, stored] of [
		["cursor", "cursor-sync"],
		["cursor-sync", "cursor-sync"],
		["droid", "factory-droid"],
		["factory-droid", "factory-droid"],
	] as const) {
		const externalId = `as ${posts}`;
		await posted([
			["/sync/session", { externalId, source: posts, title: "t" }],
			[
				"/sync/message",
				{ sessionExternalId: externalId, externalId: "1", role: "tool", textContent: "x", source: posts },
			],
			["/sync/session", { externalId, source: posts, title: "t", cost: 0.1 }],
		]);
		expect(await listed(externalId)).toMatchObject({ source: stored, messageCount: 1, cost: 0.1 });
	}
});

test("a terminal of Pi that opens a session takes the place of what a plugin posted of it", async () => {
	const sessionId = "019a-pi";
	const message = {
		sessionExternalId: sessionId,
		externalId: `pi:${sessionId}:1`,
		role: "user",
		source: "pi",
	};
	await posted([
		["/sync/session", { externalId: sessionId, source: "pi", title: "Untitled" }],
		["/sync/message", { ...message, textContent: "hello" }],
	]);
	expect(await listed(sessionId)).toMatchObject({ source: "pi", via: "openSync" });
	const terminal = createConvexBackend({
		convexUrl: backend.up.url,
		siteUrl: backend.up.siteUrl,
		apiKey: key,
	});
	await terminal.openSession({
		...{
			sessionId,
			source: "pi",
			header: null,
			projectPath: "/p",
			projectName: "p",
			machine: "m",
			startedAt: 5,
		},
	});
	await terminal.close();
	expect(await listed(sessionId)).toMatchObject({ via: "pi", entryCount: 0, projectPath: "/p" });
	const late = await backend.call(key, "/sync/message", message);
	expect([late.status, late.body.error]).toEqual([409, expect.stringContaining("Pi itself syncs")]);
});

/** The plugin of Claude Code as it is published, run as Claude Code runs it, against our backend. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../support/source-tree.ts";
import { type RunningBackend, startBackend, told } from "./backend.ts";

const PLUGIN = join(ROOT, "node_modules", "claude-code-sync", "dist", "cli.js");
const NODE = join(ROOT, "node_modules", ".bin", "node");

let backend: RunningBackend;
let key: string;
let folder: string;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), "pi-opensync-claude-"));
	mkdirSync(join(folder, "proj"));
	backend = await startBackend();
	key = await backend.makeKey();
}, 60_000);

afterAll(async () => {
	await backend?.close();
	rmSync(folder, { recursive: true, force: true });
});

/** Runs one of the plugin's commands to its end. */
async function plugin(args: string[], stdin = ""): Promise<{ code: number; stdout: string; stderr: string }> {
	const child = Bun.spawn([NODE, PLUGIN, ...args], {
		env: {
			PATH: process.env.PATH ?? "",
			HOME: folder,
			CLAUDE_SYNC_CONVEX_URL: backend.up.siteUrl,
			CLAUDE_SYNC_API_KEY: key,
		},
		stdin: new TextEncoder().encode(stdin),
		stdout: "pipe",
		stderr: "pipe",
	});
	const [stdout, stderr, code] = await Promise.all([
		new Response(child.stdout).text(),
		new Response(child.stderr).text(),
		child.exited,
	]);
	return { code, stdout, stderr };
}

async function hook(event: string, data: Record<string, unknown>): Promise<void> {
	const { stderr } = await plugin(["hook", event], JSON.stringify(data));
	// The plugin ends with 0 whatever happens, so that it never holds Claude Code up.
	expect(stderr).toBe("");
}

const said = (uuid: string, text: string, more: Record<string, unknown> = {}) => ({
	type: "assistant",
	uuid,
	timestamp: "2026-01-02T03:04:10.000Z",
	message: {
		model: "claude-opus-4-5-20251101",
		content: [{ type: "text", text }],
		usage: {
			input_tokens: 100,
			output_tokens: 20,
			cache_creation_input_tokens: 1000,
			cache_read_input_tokens: 5000,
		},
		...more,
	},
});

function transcript(lines: unknown[]): string {
	const file = join(folder, "transcript.jsonl");
	writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
	return file;
}

test("a session of Claude Code is stored whole, from its start to its end", async () => {
	const session_id = "0b6f9a1e-5a0e-4a53-9f0e-0d8c7b1f2a3b";
	const cwd = join(folder, "proj");
	const first = { type: "user", cwd, timestamp: "2026-01-02T03:04:05.000Z", message: { content: "list" } };
	await hook("SessionStart", { session_id, cwd, source: "startup", permission_mode: "default" });
	await hook("UserPromptSubmit", { session_id, cwd, prompt: "list the files\nof this folder" });
	await hook("PostToolUse", {
		session_id,
		tool_name: "Bash",
		tool_use_id: "toolu_01",
		tool_input: { command: "ls" },
		tool_result: { output: "a\nb" },
		duration_ms: 12,
	});
	await hook("PostToolUse", {
		session_id,
		tool_name: "Read",
		tool_use_id: "toolu_02",
		tool_input: { file_path: "/none" },
		tool_result: { error: "There is no such file." },
	});
	const transcript_path = transcript([
		first,
		said("uuid-1", "There are a and b."),
		said("uuid-2", "That is all."),
	]);
	await hook("Stop", { session_id, transcript_path });
	// A second Stop reads the same transcript again.
	await hook("Stop", { session_id, transcript_path });
	await hook("SessionEnd", { session_id, cwd, transcript_path, reason: "exit", cost_estimate: null });

	const { session, messages } = await told(backend, key, session_id);
	expect(session).toMatchObject({
		externalId: session_id,
		source: "claude-code",
		title: "list the files of this folder",
		projectPath: cwd,
		projectName: "proj",
		model: "claude-opus-4-5-20251101",
		promptTokens: 2 * 6100,
		completionTokens: 40,
		totalTokens: 2 * 6120,
		durationMs: 5000,
		messageCount: 5,
	});
	expect(session.cost).toBeCloseTo(2 * (100 * 15 + 20 * 75 + 1000 * 18.75 + 5000 * 1.5) * 1e-6);
	expect(messages.map(({ role, textContent, parts }) => ({ role, textContent, parts }))).toEqual([
		{ role: "user", textContent: "list the files\nof this folder", parts: [] },
		{
			role: "assistant",
			textContent: undefined,
			parts: [
				{ type: "tool-call", content: { toolName: "Bash", args: { command: "ls" } } },
				{ type: "tool-result", content: "a\nb" },
			],
		},
		{
			role: "assistant",
			textContent: undefined,
			parts: [
				{ type: "tool-call", content: { toolName: "Read", args: { file_path: "/none" } } },
				{ type: "tool-result", content: "There is no such file." },
			],
		},
		{ role: "assistant", textContent: "There are a and b.", parts: [] },
		{ role: "assistant", textContent: "That is all.", parts: [] },
	]);
	expect(messages[0]?.externalId).toStartWith(`${session_id}-user-`);
	expect(messages.slice(1).map(({ externalId }) => externalId)).toEqual([
		"toolu_01",
		"toolu_02",
		"uuid-1",
		"uuid-2",
	]);
}, 60_000);

test("the plugin's own check of connection and key passes, and leaves the session that it says it made", async () => {
	const { code, stdout } = await plugin(["synctest"]);
	expect([code, stdout]).toEqual([0, expect.stringContaining("Sync test passed")]);
	const { body } = await backend.call(key, "/api/sessions?source=claude-code&limit=1");
	expect((body.sessions as Record<string, unknown>[])[0]).toMatchObject({
		title: "Connection Test",
		projectName: "synctest",
	});
}, 60_000);

test("a wrong key is a failure that the plugin's check reports", async () => {
	const right = key;
	key = "osk_wrong";
	try {
		const { code, stdout } = await plugin(["synctest"]);
		expect([code, stdout]).toEqual([1, expect.stringContaining("401")]);
	} finally {
		key = right;
	}
}, 60_000);

test("what the plugin posts in a batch is taken with the keys that a hosted OpenSync refuses", async () => {
	const script = `
		const { SyncClient } = require(process.argv[1]);
		const client = new SyncClient({ convexUrl: process.env.CLAUDE_SYNC_CONVEX_URL, apiKey: process.env.CLAUDE_SYNC_API_KEY });
		const session = { sessionId: "batch", source: "claude-code", title: "In one go", messageCount: 2, toolCallCount: 1, endReason: "exit", costEstimate: 0.5 };
		const messages = [
			{ sessionId: "batch", messageId: "b-1", source: "claude-code", role: "user", content: "hi" },
			{ sessionId: "batch", messageId: "b-2", source: "claude-code", role: "assistant", toolName: "Bash", toolArgs: { command: "ls" }, toolResult: "a" },
		];
		client.syncBatch([session], messages).then(() => console.log("done"));
	`;
	const child = Bun.spawn([NODE, "-e", script, join(PLUGIN, "..", "index.js")], {
		env: { CLAUDE_SYNC_CONVEX_URL: backend.up.siteUrl, CLAUDE_SYNC_API_KEY: key, HOME: folder },
		stdout: "pipe",
		stderr: "pipe",
	});
	expect(await new Response(child.stdout).text()).toBe("done\n");
	const { session, messages } = await told(backend, key, "batch");
	expect(session).toMatchObject({ title: "In one go", cost: 0.5, messageCount: 2 });
	expect(messages.map(({ externalId }) => externalId)).toEqual(["b-1", "b-2"]);
}, 60_000);

/** Histories of other agents on this machine, through the real command line into a real backend. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
	AGENT_FIXTURES,
	CLAUDE_SESSION,
	CODEX_SESSION,
	OPENCODE_SESSION,
} from "../../support/agent-fixtures.ts";
import { createSetup, type Setup } from "../../support/cli.ts";
import { openCodeDatabase } from "../../support/opencode-database.ts";

let setup: Setup;
beforeAll(async () => {
	setup = createSetup();
	cpSync(join(AGENT_FIXTURES, "claude-code", "projects"), join(setup.home, ".claude", "projects"), {
		recursive: true,
	});
	cpSync(join(AGENT_FIXTURES, "codex", "sessions"), join(setup.home, ".codex", "sessions"), {
		recursive: true,
	});
	await setup.up();
}, 60_000);
afterAll(async () => await setup.dispose());

const importJson = async (...args: string[]) =>
	JSON.parse((await setup.cli("import", ...args, "--json")).stdout);
const listed = async (): Promise<Record<string, unknown>[]> =>
	JSON.parse((await setup.cli("sessions", "list", "--json")).stdout);
const session = async (id: string) => (await listed()).find(({ sessionId }) => sessionId === id);

test("a dry run lists what would be brought, and brings nothing", async () => {
	const { code, stdout } = await setup.cli("import", "--claude-code", "--codex", "--dry-run");
	expect(code).toBe(0);
	expect(stdout).toContain("Basket total with tax");
	expect(stdout).toContain("8 sessions would be imported; nothing was sent.");
	expect(await listed()).toEqual([]);
}, 60_000);

test("Claude Code's sessions arrive with their dates, titles, tokens and cost, and a second time nothing is added", async () => {
	expect(await importJson("--claude-code")).toEqual({
		sessions: 4,
		entries: 18,
		added: 18,
		updated: 0,
		skipped: 0,
		kept: [],
		errors: [],
	});
	expect(await importJson("--claude-code")).toMatchObject({ sessions: 4, added: 0, updated: 0, skipped: 18 });
	expect(await session(CLAUDE_SESSION)).toMatchObject({
		source: "claude-code",
		via: "openSync",
		title: "Basket total with tax",
		projectPath: "/home/dev/shop",
		gitBranch: "main",
		model: "claude-opus-4-6",
		entryCount: 10,
		tokens: { input: 10, output: 90, cacheRead: 440, cacheWrite: 30 },
		durationMs: 46_000,
		startedAt: Date.parse("2026-02-18T11:30:19.000Z"),
		updatedAt: Date.parse("2026-02-18T11:31:10.000Z"),
	});
	const old = await session("9ff29d57-8b28-4da9-8e7f-b0e4e7e2ba46");
	expect(old?.cost).toBeCloseTo(0.0225, 9);
	expect(new Date(Number(old?.updatedAt)).getFullYear()).toBe(2025);
}, 60_000);

test("a session that has grown since is completed, and a message that has grown is replaced", async () => {
	const folder = join(setup.home, "growing");
	const id = "b0000000-0000-4000-8000-000000000001";
	mkdirSync(folder);
	const line = (uuid: string, type: "user" | "assistant", message: object) =>
		JSON.stringify({
			type,
			uuid,
			sessionId: id,
			version: "2.1.37",
			timestamp: "2026-03-01T00:00:00.000Z",
			message,
		});
	const lines = [
		line("u1", "user", { role: "user", content: "go on" }),
		line("a1", "assistant", { role: "assistant", id: "m1", content: [{ type: "text", text: "first half" }] }),
	];
	const write = () => writeFileSync(join(folder, `${id}.jsonl`), `${lines.join("\n")}\n`);
	write();
	expect(await importJson("--claude-code", "--from-dir", folder)).toMatchObject({ added: 2, updated: 0 });
	lines.push(
		line("a2", "assistant", {
			role: "assistant",
			id: "m1",
			content: [{ type: "text", text: "second half" }],
		}),
		line("u2", "user", { role: "user", content: "and on" }),
	);
	write();
	expect(await importJson("--claude-code", "--from-dir", folder)).toMatchObject({
		added: 1,
		updated: 1,
		skipped: 1,
	});
	const { stdout } = await setup.cli("export", id, "--format", "md");
	expect(stdout).toContain("first half\n\nsecond half");
	expect(stdout).toContain("and on");
}, 60_000);

test("Codex's sessions of all its formats arrive, each with its own dates", async () => {
	expect(await importJson("--codex")).toMatchObject({ sessions: 4, added: 18, errors: [] });
	expect(await importJson("--codex")).toMatchObject({ sessions: 4, added: 0, updated: 0, skipped: 18 });
	const codex = (await listed()).filter(({ source }) => source === "codex-cli");
	expect(codex.map(({ startedAt }) => new Date(Number(startedAt)).toISOString()).sort()).toEqual([
		"2025-05-02T09:00:00.000Z",
		"2025-08-18T01:16:13.522Z",
		"2025-10-29T00:59:38.308Z",
		"2026-04-29T10:58:39.732Z",
	]);
	expect(await session(CODEX_SESSION)).toMatchObject({
		title: "What the till does",
		provider: "openai",
		tokens: { input: 600, output: 90, cacheRead: 1700, cacheWrite: 0 },
	});
}, 60_000);

test("OpenCode's files and database arrive together, and what is damaged is named", async () => {
	const folder = join(setup.home, ".local", "share", "opencode");
	cpSync(join(AGENT_FIXTURES, "opencode", "storage"), join(folder, "storage"), { recursive: true });
	openCodeDatabase(join(folder, "opencode.db"), [
		{ id: "ses_rows", title: "From rows", texts: ["hello", "there"] },
	]);
	const { code, stdout, stderr } = await setup.cli("import", "--opencode");
	expect(code).toBe(1);
	expect(stdout).toContain("2 sessions, 4 messages: 4 added, 0 there already.");
	expect(stderr).toContain("msg_03.json is not a JSON object; it was skipped.");
	expect(stderr).toContain("2 problems were found; everything else was imported.");
	expect(await session(OPENCODE_SESSION)).toMatchObject({
		source: "opencode",
		title: "Colours of the page",
		startedAt: 1767225600000,
	});
	expect((await session(OPENCODE_SESSION))?.cost).toBeCloseTo(0.0123, 9);
	expect(await session("ses_rows")).toMatchObject({ entryCount: 2, projectName: "rows" });
}, 60_000);

test("exported, such a session can be read in every format", async () => {
	await importJson("--claude-code");
	const lines = (await setup.cli("export", CLAUDE_SESSION)).stdout.trimEnd().split("\n");
	expect(lines).toHaveLength(11);
	expect(JSON.parse(lines[0] as string)).toMatchObject({
		type: "session",
		id: CLAUDE_SESSION,
		cwd: "/home/dev/shop",
	});
	const asJson = JSON.parse((await setup.cli("export", CLAUDE_SESSION, "--format", "json")).stdout);
	expect(asJson.entries).toHaveLength(10);
	const markdown = (await setup.cli("export", CLAUDE_SESSION, "--format", "md")).stdout;
	for (const words of [
		"# Basket total with tax",
		"Add a total to the basket",
		"### Tool: Read",
		"### Result of Read\n\n```\nexport const basket = [];\n```",
		"*[image]*",
		"Done: a total with tax.",
	])
		expect(markdown).toContain(words);
}, 60_000);

test("a message above the limit of a row goes through file storage and comes back whole", async () => {
	const folder = join(setup.home, "large");
	const id = "b0000000-0000-4000-8000-000000000002";
	const huge = "0123456789abcdef\n".repeat(60_000);
	mkdirSync(folder);
	const content = [{ type: "tool_result", tool_use_id: "t", content: huge }];
	writeFileSync(
		join(folder, `${id}.jsonl`),
		JSON.stringify({
			type: "user",
			uuid: "big",
			sessionId: id,
			version: "2.1.37",
			timestamp: "2026-03-01T00:00:00.000Z",
			message: { role: "user", content },
		}),
	);
	expect(await importJson("--claude-code", "--from-dir", folder)).toMatchObject({ added: 1, errors: [] });
	expect(await importJson("--claude-code", "--from-dir", folder)).toMatchObject({
		added: 0,
		updated: 0,
		skipped: 1,
	});
	const { stdout } = await setup.cli("export", id);
	expect(JSON.parse(stdout.trimEnd().split("\n")[1] as string).message.content[0].text === huge).toBe(true);
}, 60_000);

test("what is not wanted on the backend is left out of what other agents' tools said too", async () => {
	const private_ = createSetup({ PI_OPENSYNC_TOOL_CALLS: "false", PI_OPENSYNC_THINKING: "false" });
	try {
		await private_.up();
		const { code } = await private_.cli(
			"import",
			"--claude-code",
			"--from-dir",
			join(AGENT_FIXTURES, "claude-code", "projects"),
		);
		expect(code).toBe(0);
		const { stdout } = await private_.cli("export", CLAUDE_SESSION);
		for (const secret of ["export const basket", "They want a sum", "basket.ts"])
			expect(stdout).not.toContain(secret);
		expect(stdout).toContain("I look at the basket first.");
		expect(stdout).toContain("[left out]");
	} finally {
		await private_.dispose();
	}
}, 60_000);

test("secrets in what other agents said are replaced before they leave, where redaction is on", async () => {
	const careful = createSetup({ PI_OPENSYNC_REDACTION: "on" });
	try {
		await careful.up();
		const folder = join(careful.home, "secrets");
		const id = "b0000000-0000-4000-8000-000000000003";
		const secret = `ghp_${"Ab3dEf6hIj".repeat(4).slice(0, 36)}`;
		const line = (uuid: string, content: unknown) =>
			JSON.stringify({
				type: "user",
				uuid,
				sessionId: id,
				version: "2.1.37",
				message: { role: "user", content },
			});
		mkdirSync(folder);
		writeFileSync(
			join(folder, `${id}.jsonl`),
			[
				line("u1", `my token is ${secret} now`),
				line("u2", [{ type: "tool_result", tool_use_id: "t", content: `TOKEN=${secret}` }]),
			].join("\n"),
		);
		const summary = JSON.parse(
			(await careful.cli("import", "--claude-code", "--from-dir", folder, "--json")).stdout,
		);
		expect(summary).toMatchObject({ added: 2, errors: [] });
		expect(Object.keys(summary.hidden)).not.toHaveLength(0);
		const { stdout } = await careful.cli("export", id);
		expect(stdout).not.toContain(secret);
		expect(stdout).toContain("[redacted:");
	} finally {
		await careful.dispose();
	}
}, 60_000);

test("a session that a plugin has posted is left as it is, and makes way when that is asked for", async () => {
	const posted = createSetup();
	try {
		const up = await posted.up();
		const { stdout } = await posted.cli("config", "get", "apiKey", "--show-key", "--json");
		const post = async (externalId: string, role: string, textContent: string) => {
			const response = await fetch(`${up.siteUrl}/sync/message`, {
				method: "POST",
				headers: { Authorization: `Bearer ${JSON.parse(stdout).apiKey}`, "Content-Type": "application/json" },
				body: JSON.stringify({
					sessionExternalId: CLAUDE_SESSION,
					...{ externalId, role, textContent, source: "claude-code" },
				}),
			});
			expect(response.status).toBe(200);
		};
		await post(`${CLAUDE_SESSION}-user-1`, "user", "as the plugin told it");
		// The plugin takes the ids of the history for the texts of answers, and for nothing else.
		await post("a5", "assistant", "Done: a total with tax.");
		const folder = join(AGENT_FIXTURES, "claude-code", "projects", "-home-dev-shop");
		const args = ["import", "--claude-code", "--from-dir", folder, "--json"];
		const first = JSON.parse((await posted.cli(...args)).stdout);
		expect(first).toMatchObject({
			added: 2,
			skipped: 10,
			kept: [{ sessionId: CLAUDE_SESSION, why: "plugin" }],
		});
		expect((await posted.cli("export", CLAUDE_SESSION)).stdout).toContain("as the plugin told it");
		const second = JSON.parse((await posted.cli(...args, "--replace")).stdout);
		expect(second).toMatchObject({ added: 10, kept: [], errors: [] });
		const exported = (await posted.cli("export", CLAUDE_SESSION)).stdout;
		expect(exported).not.toContain("as the plugin told it");
		expect(exported.split("Done: a total with tax.")).toHaveLength(2);
	} finally {
		await posted.dispose();
	}
}, 60_000);

test("wrong flags and folders that are not there are one sentence and the right exit code", async () => {
	const both = await setup.cli("import", "--claude-code", "--codex", "--from-dir", setup.home);
	expect([both.code, both.stderr.trim()]).toEqual([
		2,
		"--from-dir says where the history of one agent is: name exactly one.",
	]);
	const nowhere = await setup.cli("import", "--codex", "--from-dir", join(setup.home, "nowhere"));
	expect([nowhere.code, nowhere.stderr.trim()]).toEqual([
		1,
		`There is no file or folder ${join(setup.home, "nowhere")}: check the path.`,
	]);
	expect((await setup.cli("import", "--from", "somewhere")).code).toBe(2);
	expect((await setup.cli("import", "--from", "opensync")).code).toBe(2);
	const mixed = await setup.cli("import", "--codex", "--all");
	expect(mixed.code).toBe(2);
}, 60_000);

test("a damaged history is named line by line, and the rest of it arrives", async () => {
	const folder = join(AGENT_FIXTURES, "claude-code", "damaged");
	const { code, stdout, stderr } = await setup.cli("import", "--claude-code", "--from-dir", folder);
	expect(code).toBe(1);
	expect(stdout).toContain("1 session, 2 messages: 2 added");
	expect(stderr).toContain('.jsonl:5: Lines of the type "hologram" are not known; it was skipped.');
	expect(stderr).toContain("This line is not a JSON object; it was skipped. (and 2 more like it)");
	expect(stderr).not.toContain("    at ");
	expect(readFileSync(join(folder, "a0000000-0000-4000-8000-00000000dead.jsonl"), "utf8")).toContain(
		"hologram",
	);
}, 60_000);

test("a session that was gone on with in another folder comes whole, replaced or not", async () => {
	const id = "b0000000-0000-4000-8000-0000000000f0";
	const root = join(setup.home, "two-folders");
	const file = (folder: string, at: number) => {
		mkdirSync(join(root, folder), { recursive: true });
		const line = (uuid: string) =>
			JSON.stringify({
				type: "user",
				uuid,
				sessionId: id,
				version: "2.1.37",
				timestamp: `2026-03-0${at}T00:00:00.000Z`,
				message: { role: "user", content: `in ${folder}` },
			});
		writeFileSync(join(root, folder, `${id}.jsonl`), `${line(`${folder}-1`)}\n${line(`${folder}-2`)}\n`);
	};
	file("first", 1);
	expect(await importJson("--claude-code", "--from-dir", root)).toMatchObject({ added: 2 });
	file("then", 2);
	expect(await importJson("--claude-code", "--from-dir", root)).toMatchObject({
		added: 2,
		skipped: 2,
		kept: [],
	});
	expect(await importJson("--claude-code", "--from-dir", root, "--replace")).toMatchObject({
		added: 0,
		skipped: 4,
	});
	expect(await session(id)).toMatchObject({ entryCount: 4 });
}, 60_000);

/** Imports and starts where something of the surroundings is not as it should be. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSetup, type Setup } from "../../support/cli.ts";

const SESSION = "e0000000-0000-4000-8000-000000000001";
const SECRET = `ghp_${"a1B2".repeat(9)}`;

let setup: Setup;
beforeAll(async () => {
	setup = createSetup({ PI_OPENSYNC_REDACTION: "on" });
	const claude = join(setup.home, ".claude", "projects", "p");
	mkdirSync(claude, { recursive: true });
	const line = {
		type: "user",
		uuid: "u1",
		sessionId: SESSION,
		version: "2.1.37",
		cwd: "/x",
		timestamp: "2026-03-01T00:00:00.000Z",
		// The token lies across the place where a title is cut.
		message: {
			role: "user",
			content: `push with the token that I made for it, for that and for nothing else: ${SECRET}`,
		},
	};
	writeFileSync(join(claude, `${SESSION}.jsonl`), `${JSON.stringify(line)}\n`);
	const openCode = join(setup.home, ".local", "share", "opencode");
	mkdirSync(openCode, { recursive: true });
	writeFileSync(join(openCode, "opencode.db"), "no database ".repeat(100));
	// As of a person who made the folder beforehand, with the usual umask.
	mkdirSync(setup.dataDir, { mode: 0o755 });
	await setup.up();
}, 60_000);
afterAll(async () => await setup.dispose());

const modeOf = (...path: string[]): string =>
	(statSync(join(setup.dataDir, ...path)).mode & 0o777).toString(8);

test("sessions are stored where only their owner may look, in a folder that was there before too", async () => {
	expect([modeOf("backend"), modeOf("secrets.json"), modeOf("running.json")]).toEqual(["700", "600", "600"]);
});

test("one damaged database keeps no other agent's history from being brought, and is told", async () => {
	const { code, stdout } = await setup.cli("import", "--opencode", "--claude-code", "--json");
	expect(code).toBe(1);
	expect(JSON.parse(stdout)).toMatchObject({
		sessions: 1,
		added: 1,
		hidden: { github: 1 },
		errors: [{ message: expect.stringContaining("is no database of OpenCode, or is damaged") }],
	});
}, 60_000);

test("a secret in a prompt does not leave the machine as a part of the session's title", async () => {
	const { stdout } = await setup.cli("sessions", "list", "--json");
	expect(JSON.parse(stdout)[0]).toMatchObject({ sessionId: SESSION });
	expect(stdout).toContain("for nothing else: [redacted:github]");
	expect(stdout).not.toContain("ghp_");
}, 60_000);

test("settings that cannot be written end a start with one sentence that says what to do", async () => {
	const broken = createSetup();
	try {
		const folder = join(broken.home, ".config", "pi-opensync-plugin");
		mkdirSync(folder, { recursive: true });
		writeFileSync(join(folder, "config.json"), "{half");
		const { code, stderr } = await broken.cli("up", "--port", "0", "--no-open", "--no-demo", "--no-import");
		expect([code, stderr.trim().split("\n")]).toEqual([
			1,
			[
				expect.stringMatching(
					/^The settings file .*config\.json is not valid JSON: mend or delete it, then save again\.$/,
				),
			],
		]);
		expect(readFileSync(join(folder, "config.json"), "utf8")).toBe("{half");
	} finally {
		await broken.dispose();
	}
}, 60_000);

test("keys that others could read are private again after a start", async () => {
	const other = createSetup();
	try {
		const first = await other.up();
		await first.stop();
		chmodSync(join(other.dataDir, "secrets.json"), 0o644);
		await other.up();
		expect(statSync(join(other.dataDir, "secrets.json")).mode & 0o777).toBe(0o600);
	} finally {
		await other.dispose();
	}
}, 60_000);

test("an empty admin key is wrong usage", async () => {
	for (const key of ["", "local|"])
		expect(await setup.cli("engine", "--functions", setup.home, "--port", "0", "--admin-key", key)).toEqual({
			code: 2,
			stdout: "",
			stderr: "--admin-key must not be empty.\n",
		});
}, 60_000);

/** The verbs that look and say: status, doctor, open, config; and forks through the command line. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSetup, type Setup, type Up } from "../../support/cli.ts";

let setup: Setup;
let up: Up;
beforeAll(async () => {
	setup = createSetup();
	up = await setup.up();
}, 60_000);
afterAll(async () => await setup.dispose());

const json = async (...args: string[]) => JSON.parse((await setup.cli(...args, "--json")).stdout);
const configFile = () => join(setup.home, ".config", "pi-opensync-plugin", "config.json");

test("status says where the backend is, whose key it is and how much is there", async () => {
	expect(await json("status")).toMatchObject({
		ok: true,
		url: up.url,
		siteUrl: up.siteUrl,
		scopes: ["read", "write", "control"],
		sessions: 0,
		running: 0,
	});
	const text = await setup.cli("status");
	expect(text.stdout).toContain(up.url);
	expect(text.stdout).not.toContain("osk_");
}, 60_000);

test("doctor finds nothing where all is well, and names what is wrong where it is not", async () => {
	expect(await setup.cli("doctor")).toMatchObject({ code: 0, stderr: "" });
	chmodSync(configFile(), 0o644);
	const open = await setup.cli("doctor");
	expect(open.code).toBe(1);
	expect(open.stdout).toContain("FAIL");
	expect(open.stdout).toContain("chmod 600");
	expect(open.stderr).toContain("1 of ");
	chmodSync(configFile(), 0o600);
	const { findings, ok } = await json("doctor");
	expect(ok).toBe(true);
	expect(findings.length).toBeGreaterThan(5);
}, 60_000);

test("doctor and status read past a settings file that is broken, and say so", async () => {
	const whole = readFileSync(configFile(), "utf8");
	writeFileSync(configFile(), "{half");
	try {
		for (const verb of ["doctor", "status"]) {
			const { code, stdout, stderr } = await setup.cli(verb);
			expect(code).toBe(1);
			expect(stdout + stderr).toContain("is not a JSON object");
			expect(stdout + stderr).not.toContain("    at ");
		}
		const set = await setup.cli("config", "set", "debug", "true");
		expect([set.code, set.stderr]).toEqual([1, expect.stringContaining("mend or delete it")]);
		expect(readFileSync(configFile(), "utf8")).toBe("{half");
	} finally {
		writeFileSync(configFile(), whole);
	}
}, 60_000);

test("each sign-in code makes one key, once", async () => {
	const [first, second] = [await json("open"), await json("open", "--data", setup.dataDir)];
	expect(first.dashboardUrl).not.toBe(second.dashboardUrl);
	for (const { dashboardUrl } of [first, second]) {
		const code = new URL(dashboardUrl).hash.slice("#code=".length);
		const redeem = () => fetch(`${up.siteUrl}/auth/code`, { method: "POST", body: JSON.stringify({ code }) });
		const redeemed = await redeem();
		expect(redeemed.status).toBe(200);
		expect(((await redeemed.json()) as { key: string }).key).toMatch(/^osk_/);
		expect((await redeem()).status).toBeGreaterThanOrEqual(400);
	}
}, 60_000);

test("an address that is none, and data on which nothing runs, are said as that", async () => {
	for (const verb of [["status"], ["open"], ["keys", "list"], ["sessions", "list"], ["import", "x"]]) {
		const { code, stderr } = await setup.cli(...verb, "--url", "garbage");
		expect([verb, code, stderr]).toEqual([
			verb,
			verb[0] === "import" ? 1 : 2,
			expect.stringMatching(verb[0] === "import" ? /no file or folder/ : /^--url must be an address/),
		]);
	}
	const nowhere = join(setup.home, "nowhere");
	for (const verb of [["open"], ["keys", "list"], ["keys", "create"], ["keys", "revoke", "osk_abcd"]]) {
		const { code, stderr } = await setup.cli(...verb, "--data", nowhere);
		expect([verb, code, stderr]).toEqual([verb, 1, expect.stringContaining(`data folder ${nowhere}`)]);
	}
	const wrong = await setup.cli("keys", "list", "--url", up.url, "--admin-key", "wrong");
	expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("does not take this admin key")]);
}, 60_000);

test("settings are written, read back with where they come from, and the key stays hidden", async () => {
	expect((await setup.cli("config", "set", "streamIntervalMs", "50")).code).toBe(0);
	expect((await setup.cli("config", "get", "streamIntervalMs")).stdout.trim()).toBe("50");
	expect((await setup.cli("config", "set", "streamIntervalMs", "")).code).toBe(0);
	const all = await setup.cli("config", "get");
	expect(all.stdout).toMatch(/convexUrl +http:\/\/127\.0\.0\.1:\d+ +file/);
	expect(all.stdout).toMatch(/redaction +auto +default/);
	const { apiKey } = await json("config", "get", "--show-key");
	expect(all.stdout).not.toContain(apiKey);
	expect(JSON.stringify(await json("config", "get"))).not.toContain(apiKey);
	expect((await setup.cli("config", "path")).stdout.trim()).toBe(configFile());
}, 60_000);

test("a folder with a fork comes in parents first, and each comes back whole and byte for byte", async () => {
	const folder = join(setup.home, "forks");
	mkdirSync(folder);
	const header = (id: string, parentSession?: string) =>
		JSON.stringify({
			type: "session",
			version: 3,
			id,
			timestamp: "2026-02-01T10:00:00.000Z",
			cwd: "/home/dev/p",
			...(parentSession ? { parentSession } : {}),
		});
	const line = (id: string, parentId: string | null, text: string) =>
		JSON.stringify({
			type: "message",
			id,
			parentId,
			timestamp: "2026-02-01T10:00:01.000Z",
			message: { role: "user", content: text, timestamp: 1 },
		});
	const shared = [line("aaaaaaa1", null, "first"), line("aaaaaaa2", "aaaaaaa1", "second")];
	const parent = [header("fork-parent"), ...shared, line("aaaaaaa3", "aaaaaaa2", "of the parent")];
	// By name the fork stands first.
	const fork = [
		header("fork-child", join(folder, "2-parent.jsonl")),
		...shared,
		line("bbbbbbb1", "aaaaaaa2", "of the fork"),
	];
	writeFileSync(join(folder, "1-child.jsonl"), `${fork.join("\n")}\n`);
	writeFileSync(join(folder, "2-parent.jsonl"), `${parent.join("\n")}\n`);
	expect(await json("import", folder)).toEqual({
		sessions: 2,
		entries: 6,
		added: 4,
		skipped: 2,
		errors: [],
	});
	expect(await json("import", folder)).toMatchObject({ added: 0, skipped: 6, errors: [] });
	for (const [id, lines] of [
		["fork-parent", parent],
		["fork-child", fork],
	] as const) {
		const file = join(setup.home, `${id}.jsonl`);
		expect((await setup.cli("export", id, "-o", file)).code).toBe(0);
		expect(readFileSync(file, "utf8")).toBe(`${lines.join("\n")}\n`);
	}
	const unwritable = await setup.cli("export", "fork-child", "-o", join(setup.home, "no", "such", "folder"));
	expect([unwritable.code, unwritable.stderr]).toEqual([1, expect.stringContaining("cannot be written")]);
}, 60_000);

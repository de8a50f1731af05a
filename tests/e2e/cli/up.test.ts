import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { createSetup, type Setup } from "../../support/cli.ts";
import { freePorts } from "../../support/free-ports.ts";
import { startHostedOpenSync } from "../../support/hosted-opensync.ts";

const setups: Setup[] = [];
const fresh = (extra?: Record<string, string>): Setup => {
	const setup = createSetup(extra);
	setups.push(setup);
	return setup;
};
afterEach(async () => {
	for (const setup of setups.splice(0)) await setup.dispose();
});

const oneSentence = (text: string) => {
	expect(text.trim().split("\n")).toHaveLength(1);
	expect(text).not.toContain("    at ");
};

test("up says where it is in one line, makes a key and ends cleanly", async () => {
	const setup = fresh();
	const up = await setup.up();
	expect(up.url).toBe(`http://127.0.0.1:${up.port}`);
	expect(up.siteUrl).toBe(`http://127.0.0.1:${up.sitePort}`);
	expect(up.dashboardUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#code=[\w-]{20,}$/);
	const health = (await (await fetch(`${up.siteUrl}/health`)).json()) as Record<string, unknown>;
	expect(health).toMatchObject({ status: "ok", name: "pi-opensync" });
	const config = join(setup.home, ".config", "pi-opensync-plugin", "config.json");
	expect(JSON.parse(readFileSync(config, "utf8"))).toMatchObject({
		convexUrl: up.url,
		apiKey: expect.stringMatching(/^osk_/),
	});
	expect(statSync(config).mode & 0o777).toBe(0o600);
	expect(statSync(join(setup.dataDir, "secrets.json")).mode & 0o777).toBe(0o600);
	expect((await setup.cli("status", "--json")).code).toBe(0);
	expect(await up.stop("SIGTERM")).toBe(0);
	expect(existsSync(join(setup.dataDir, "running.json"))).toBe(false);
}, 60_000);

test("the page is served with a policy that allows nothing foreign", async () => {
	const up = await fresh().up();
	const page = await fetch(up.siteUrl, { headers: { Accept: "text/html" } });
	expect(page.status).toBe(200);
	expect(await page.text()).toContain("<script");
	expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
}, 60_000);

test("a second start finds its data and its key again", async () => {
	const setup = fresh();
	const first = await setup.up();
	const key = JSON.parse((await setup.cli("config", "get", "apiKey", "--json", "--show-key")).stdout).apiKey;
	await first.stop();
	const second = await setup.up({ port: first.port, sitePort: first.sitePort });
	expect(JSON.parse((await setup.cli("config", "get", "apiKey", "--json", "--show-key")).stdout).apiKey).toBe(
		key,
	);
	expect(
		JSON.parse((await setup.cli("keys", "list", "--data", setup.dataDir, "--json")).stdout),
	).toHaveLength(1);
	await second.stop();
}, 60_000);

test("a start on data that is in use shows the backend that runs there", async () => {
	const setup = fresh();
	const first = await setup.up();
	const { code, stdout } = await setup.cli("up", "--json", "--no-open", "--data", setup.dataDir);
	expect(code).toBe(0);
	expect(JSON.parse(stdout)).toMatchObject({ url: first.url, pid: first.pid });
}, 60_000);

test("a port in use is one sentence and exit code 1", async () => {
	const [port, sitePort] = await freePorts(2);
	const foreign = createServer().listen(port, "127.0.0.1");
	try {
		const setup = fresh();
		const { code, stderr } = await setup.cli(
			"up",
			"--json",
			"--port",
			String(port),
			"--site-port",
			String(sitePort),
			"--data",
			setup.dataDir,
		);
		expect(code).toBe(1);
		oneSentence(stderr);
		expect(stderr).toContain(`Port ${port}`);
	} finally {
		foreign.close();
	}
}, 60_000);

test("a data folder that cannot be made is one sentence and exit code 1", async () => {
	const setup = fresh();
	writeFileSync(join(setup.home, "file"), "");
	const { code, stderr } = await setup.cli("up", "--json", "--data", join(setup.home, "file", "data"));
	expect(code).toBe(1);
	oneSentence(stderr);
	expect(stderr).toContain("cannot be written");
}, 60_000);

test("a corrupted database is one sentence, and the file is left as it is", async () => {
	const setup = fresh();
	const up = await setup.up();
	await up.stop();
	const backend = join(setup.dataDir, "backend");
	const { stdout } = Bun.spawnSync(["find", backend, "-maxdepth", "1", "-type", "f", "-size", "+3k"]);
	const database = stdout.toString().trim().split("\n")[0] as string;
	writeFileSync(database, "this is no database ".repeat(500));
	const [port, sitePort] = await freePorts(2);
	const { code, stderr } = await setup.cli(
		"up",
		"--json",
		"--port",
		String(port),
		"--site-port",
		String(sitePort),
		"--data",
		setup.dataDir,
	);
	expect(code).toBe(1);
	oneSentence(stderr);
	expect(readFileSync(database, "utf8")).toStartWith("this is no database");
}, 60_000);

test("who comes with the settings of pi-opensync-plugin goes on being recorded there", async () => {
	const hosted = await startHostedOpenSync();
	try {
		const setup = fresh();
		const config = join(setup.home, ".config", "pi-opensync-plugin", "config.json");
		mkdirSync(dirname(config), { recursive: true });
		writeFileSync(config, JSON.stringify({ convexUrl: hosted.siteUrl, apiKey: hosted.key, autoSync: true }));
		const up = await setup.up();
		expect(JSON.parse(readFileSync(config, "utf8"))).toMatchObject({
			...{ convexUrl: up.url, openSyncUrl: hosted.siteUrl, openSyncKey: hosted.key, autoSync: true },
			apiKey: expect.not.stringContaining(hosted.key),
		});
		expect((await setup.cli("status", "--json")).code).toBe(0);
	} finally {
		await hosted.stop();
	}
}, 60_000);

test("settings that name another backend on purpose are left alone", async () => {
	const setup = fresh();
	await setup.cli("config", "set", "convexUrl", "https://elsewhere.convex.cloud");
	await setup.up();
	expect((await setup.cli("config", "get", "convexUrl")).stdout.trim()).toBe(
		"https://elsewhere.convex.cloud",
	);
}, 60_000);

test("keys: made with scopes, listed without their text, revoked at once", async () => {
	const setup = fresh();
	const up = await setup.up();
	const made = JSON.parse(
		(
			await setup.cli(
				"keys",
				"create",
				"--data",
				setup.dataDir,
				"--name",
				"reader",
				"--scopes",
				"read",
				"--json",
			)
		).stdout,
	);
	expect(made).toEqual({
		key: expect.stringMatching(/^osk_/),
		id: expect.any(String),
		name: "reader",
		scopes: ["read"],
	});
	const listed = (await setup.cli("keys", "list", "--data", setup.dataDir, "--json")).stdout;
	expect(listed).not.toContain(made.key);
	const withSite = fresh({
		PI_OPENSYNC_API_KEY: made.key,
		PI_OPENSYNC_CONVEX_URL: up.url,
		PI_OPENSYNC_SITE_URL: up.siteUrl,
	});
	expect((await withSite.cli("sessions", "list", "--json")).stdout.trim()).toBe("[]");
	const create = await withSite.cli("keys", "create", "--json");
	expect(create.code).toBe(1);
	expect(create.stderr).toContain('scope "control"');
	expect((await setup.cli("keys", "revoke", made.id, "--data", setup.dataDir)).code).toBe(0);
	const revoked = await withSite.cli("sessions", "list");
	expect(revoked.code).toBe(1);
	expect(revoked.stderr).toContain("revoked");
}, 90_000);

test("without a backend, without a key and with a wrong key each is said in one sentence", async () => {
	const [port] = await freePorts(1);
	const nobody = fresh({
		PI_OPENSYNC_CONVEX_URL: `http://127.0.0.1:${port}`,
		PI_OPENSYNC_API_KEY: "osk_abcdefghijklmnop",
	});
	const silent = await nobody.cli("status");
	expect(silent.code).toBe(1);
	oneSentence(silent.stderr);
	const setup = fresh();
	const up = await setup.up();
	const at = { PI_OPENSYNC_CONVEX_URL: up.url, PI_OPENSYNC_SITE_URL: up.siteUrl };
	const wrong = await fresh({ ...at, PI_OPENSYNC_API_KEY: "osk_abcdefghijklmnop" }).cli("sessions", "list");
	expect(wrong.code).toBe(1);
	oneSentence(wrong.stderr);
	const none = await fresh(at).cli("sessions", "list");
	expect(none.code).toBe(1);
	expect(none.stderr).toContain("No API key is set");
}, 90_000);

test("unknown verbs, flags, settings and scopes are wrong usage", async () => {
	const setup = fresh();
	for (const args of [
		["dance"],
		["up", "--dance"],
		["config", "get", "dance"],
		["config", "set", "redaction", "perhaps"],
		["keys", "create", "--scopes", "all"],
		["up", "--port", "many"],
	]) {
		const { code, stderr } = await setup.cli(...args);
		expect([args.join(" "), code]).toEqual([args.join(" "), 2]);
		expect(stderr).not.toContain("    at ");
	}
}, 90_000);

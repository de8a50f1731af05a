/** What the command line tells a person to run must run where it is read: in a checkout, and as an installed package. */
import { afterEach, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSetup, type Setup } from "../../support/cli.ts";
import { startTalking, type Talking } from "../../support/cli-process.ts";
import { freePorts } from "../../support/free-ports.ts";
import { ROOT } from "../../support/source-tree.ts";

const BUN = join(ROOT, "node_modules", ".bin", "bun");

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

function fresh(): Setup {
	const setup = createSetup();
	ends.push(() => setup.dispose());
	return setup;
}

/** The package as it lies below somebody's node_modules: what `files` names, without the tests. */
function installed(): string[] {
	const folder = mkdtempSync(join(tmpdir(), "pi-opensync-installed-"));
	ends.push(() => rmSync(folder, { recursive: true, force: true }));
	for (const name of ["package.json", "src", "convex"])
		cpSync(join(ROOT, name), join(folder, name), { recursive: true });
	mkdirSync(join(folder, "dist", "dashboard"), { recursive: true });
	symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
	return [BUN, join(folder, "src", "cli", "main.ts")];
}

function talk(args: string[], { env }: Setup, program?: string[]): Talking {
	const talking = startTalking(args, env, program);
	ends.push(async () => void (await talking.stop("SIGKILL")));
	return talking;
}

const up = async (setup: Setup): Promise<string[]> => {
	const [port, sitePort] = await freePorts(2);
	const ports = ["--port", String(port), "--site-port", String(sitePort)];
	return ["up", "--no-open", "--no-demo", "--no-import", "--data", setup.dataDir, ...ports];
};

test("an installed package names commands that it has, and no script of a checkout", async () => {
	const program = installed();
	const setup = fresh();
	const first = talk(["status"], setup, program);
	expect(await first.ended).toBe(1);
	const running = talk(await up(setup), setup, program);
	await running.says("the data stays");
	expect(running.output()).toContain("`pi-opensync open`");
	expect(await running.stop("SIGTERM")).toBe(0);
	expect(running.output()).toContain("`pi-opensync up`");
	const list = talk(["sessions", "list"], setup, program);
	expect(await list.ended).toBe(1);
	expect(list.output()).toContain("start it with `pi-opensync up`");
	for (const { output } of [first, running, list]) expect(output()).not.toMatch(/npm (start|run)/);
}, 60_000);

test("a checkout names its npm scripts", async () => {
	const setup = fresh();
	const running = talk(await up(setup), setup);
	await running.says("the data stays");
	expect(running.output()).toContain("`npm run -s opensync -- open`");
	expect(await running.stop("SIGTERM")).toBe(0);
	expect(running.output()).toContain("`npm start`");
}, 60_000);

test("a start that only shows the backend of another process does not say that Ctrl-C ends it", async () => {
	const setup = fresh();
	await setup.up();
	const second = talk(["up", "--no-open", "--data", setup.dataDir], setup);
	expect(await second.ended).toBe(0);
	expect(second.output()).toContain("A backend runs on this data already");
	expect(second.output()).not.toContain("Ctrl-C");
}, 60_000);

test("open names no address without a page: a deployment that serves functions alone has none", async () => {
	const setup = fresh();
	const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "ES256" }] });
	const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
	const [port, sitePort] = await freePorts(2);
	const where = ["--port", String(port), "--site-port", String(sitePort), "--admin-key", "prod:name|secret"];
	const env = ["--env", `OPENSYNC_JWT_PRIVATE_KEY=${pem}`, "--env", `OPENSYNC_JWKS=${jwks}`];
	const engine = talk(["engine", "--functions", join(ROOT, "convex"), ...where, ...env], setup);
	await engine.says("Ctrl-C");
	const url = `http://127.0.0.1:${port}`;
	const made = await setup.cli("keys", "create", "--url", url, "--admin-key", "prod:name|secret", "--json");
	const site = `http://127.0.0.1:${sitePort}`;
	for (const [name, value] of Object.entries({
		convexUrl: url,
		siteUrl: site,
		apiKey: JSON.parse(made.stdout).key,
	}))
		await setup.cli("config", "set", name, value);
	expect((await setup.cli("status")).code).toBe(0);
	const { code, stdout, stderr } = await setup.cli("open", "--no-open");
	expect([code, stdout, stderr]).toEqual([1, "", expect.stringContaining(`${site} serves no page`)]);
}, 60_000);

test("the last port leaves none for the page: that is said in one sentence, as wrong usage", async () => {
	const setup = fresh();
	for (const args of [
		["up", "--no-open", "--data", setup.dataDir],
		["engine", "--functions", join(ROOT, "convex"), "--admin-key", "k"],
	]) {
		const { code, stderr } = await setup.cli(...args, "--port", "65535");
		expect([code, stderr]).toEqual([2, expect.stringContaining("--site-port")]);
		expect(stderr.trim().split("\n")).toHaveLength(1);
	}
}, 60_000);

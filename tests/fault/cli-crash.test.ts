/** The command line and its backend ended in the middle, started twice, or left with what a crash leaves behind. */
import { afterEach, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSetup, type Setup } from "../support/cli.ts";
import { startTalking } from "../support/cli-process.ts";
import { freePorts } from "../support/free-ports.ts";
import { waitFor } from "../support/wait-for.ts";

const ENTRIES = 12_000;

const setups: Setup[] = [];
afterEach(async () => {
	for (const setup of setups.splice(0)) await setup.dispose();
});
function fresh(): Setup {
	const setup = createSetup();
	setups.push(setup);
	return setup;
}

/** A session long enough that its import can be met in the middle. */
function longSession(setup: Setup): string {
	const path = join(setup.home, "long.jsonl");
	const lines: unknown[] = [
		{ type: "session", version: 3, id: "long-1", timestamp: "2026-01-01T00:00:00.000Z", cwd: "/p" },
	];
	const idOf = (at: number) => at.toString(16).padStart(8, "0");
	for (let at = 0; at < ENTRIES; at++) {
		lines.push({
			type: "message",
			id: idOf(at),
			parentId: at === 0 ? null : idOf(at - 1),
			timestamp: "2026-01-01T00:00:01.000Z",
			message: { role: "user", content: `number ${at} ${"x".repeat(200)}`, timestamp: 1 },
		});
	}
	writeFileSync(path, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
	return path;
}

const countOf = async (setup: Setup): Promise<number> => {
	const { stdout } = await setup.cli("sessions", "list", "--json");
	return (JSON.parse(stdout || "[]") as { entryCount: number }[])[0]?.entryCount ?? 0;
};

async function expectWhole(setup: Setup, file: string): Promise<void> {
	const again = JSON.parse((await setup.cli("import", file, "--json")).stdout);
	expect(again).toMatchObject({ sessions: 1, entries: ENTRIES, errors: [] });
	expect(await countOf(setup)).toBe(ENTRIES);
	const { stdout } = await setup.cli("export", "long-1");
	expect(stdout === readFileSync(file, "utf8")).toBe(true);
}

test("an import killed in the middle is completed by the next one, each entry once", async () => {
	const setup = fresh();
	await setup.up();
	const file = longSession(setup);
	const first = startTalking(["import", file], setup.env);
	await waitFor(async () => (await countOf(setup)) > 0, "a first entry");
	await first.stop("SIGKILL");
	await expectWhole(setup, file);
}, 120_000);

test("a backend killed in the middle of an import: the import says so in one sentence, nothing is lost or doubled", async () => {
	const setup = fresh();
	const up = await setup.up();
	const file = longSession(setup);
	const first = startTalking(["import", file], setup.env);
	await waitFor(async () => (await countOf(setup)) > 0, "a first entry");
	await up.stop("SIGKILL");
	const code = await first.ended;
	// It may have been through just before.
	if (code !== 0) {
		expect(code).toBe(1);
		expect(first.output()).toContain("run the import again");
		expect(first.output()).not.toContain("    at ");
	}
	await setup.up({ port: up.port, sitePort: up.sitePort });
	await expectWhole(setup, file);
}, 180_000);

test("of two starts at the same moment one serves, and the other says why it does not", async () => {
	const setup = fresh();
	const [port, sitePort, otherPort, otherSitePort] = (await freePorts(4)).map(String);
	const start = (api: string, site: string) =>
		startTalking(
			["up", "--json", "--no-open", "--no-demo", "--data", setup.dataDir, "--port", api, "--site-port", site],
			setup.env,
		);
	const both = [
		start(port as string, sitePort as string),
		start(otherPort as string, otherSitePort as string),
	];
	const loser = await Promise.race(both.map((one) => one.ended.then(() => one)));
	const winner = both.find((one) => one !== loser);
	await winner?.says('"pid":');
	const code = await loser.ended;
	// It ends well when it came late enough to see the other run.
	if (code === 0) expect(loser.output()).toContain(`"pid":${winner?.pid}`);
	else expect([code, loser.output().trim().split("\n").length]).toEqual([1, 1]);
	// The secrets on disk are those of the one that runs.
	expect((await setup.cli("keys", "list", "--data", setup.dataDir)).code).toBe(0);
	expect(await winner?.stop("SIGTERM")).toBe(0);
}, 60_000);

test("what a killed backend left behind does not keep the next one from starting", async () => {
	const setup = fresh();
	const first = await setup.up();
	await first.stop("SIGKILL");
	const runningFile = join(setup.dataDir, "running.json");
	expect(JSON.parse(readFileSync(runningFile, "utf8"))).toMatchObject({ pid: first.pid });
	// A process with that number may run again by now, as if it were the backend.
	for (const left of [{ pid: process.pid, url: first.url, siteUrl: first.siteUrl }, "half"]) {
		writeFileSync(runningFile, typeof left === "string" ? '{"pid": 1, "url": "http' : JSON.stringify(left));
		const next = await setup.up({ port: first.port, sitePort: first.sitePort });
		expect((await setup.cli("status")).code).toBe(0);
		await next.stop("SIGKILL");
	}
}, 60_000);

test("secrets that cannot be read are named, and stay as they are", async () => {
	const setup = fresh();
	const up = await setup.up();
	await up.stop();
	const file = join(setup.dataDir, "secrets.json");
	const half = readFileSync(file, "utf8").slice(0, 40);
	writeFileSync(file, half);
	const { code, stderr } = await setup.cli("up", "--json", "--port", "0", "--data", setup.dataDir);
	expect([code, stderr.trim().split("\n").length]).toEqual([1, 1]);
	expect(stderr).toContain(file);
	expect(readFileSync(file, "utf8")).toBe(half);
}, 60_000);

test("all that a backend keeps is for its user alone, and nothing half-written stays", async () => {
	const setup = fresh();
	await setup.up();
	expect(statSync(setup.dataDir).mode & 0o077).toBe(0);
	for (const name of ["secrets.json", "running.json"])
		expect([name, statSync(join(setup.dataDir, name)).mode & 0o777]).toEqual([name, 0o600]);
	expect(readdirSync(setup.dataDir).filter((name) => /\.json\./.test(name))).toEqual([]);
}, 60_000);

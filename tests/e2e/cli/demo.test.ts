import { afterEach, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ConvexClient } from "convex/browser";
import { api } from "../../../convex/_generated/api.js";
import { createSetup, type Setup } from "../../support/cli.ts";
import { startTalking, type Talking } from "../../support/cli-process.ts";
import { freePorts } from "../../support/free-ports.ts";
import { ROOT } from "../../support/source-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

const FIXTURE = join(ROOT, "tests", "fixtures", "pi", "session-1.5.2-all-entry-types.jsonl");

const setups: Setup[] = [];
const running: Talking[] = [];
afterEach(async () => {
	for (const one of running.splice(0)) await one.stop("SIGKILL");
	for (const setup of setups.splice(0)) await setup.dispose();
});

/** With a folder for temporary files of its own, so that a test sees what is left there. */
function fresh(): Setup & { temporary: string } {
	const setup = createSetup();
	setups.push(setup);
	const temporary = join(setup.home, "tmp");
	mkdirSync(temporary);
	setup.env.TMPDIR = temporary;
	return { ...setup, temporary };
}

async function start(setup: Setup, ...more: string[]): Promise<Talking> {
	const [port, sitePort] = await freePorts(2);
	const ports = ["--port", String(port), "--site-port", String(sitePort)];
	const up = startTalking(["up", "--no-open", "--data", setup.dataDir, ...ports, ...more], setup.env);
	running.push(up);
	return up;
}

const listed = async (setup: Setup) =>
	JSON.parse((await setup.cli("sessions", "list", "--json")).stdout) as {
		sessionId: string;
		title: string | null;
		status: string;
	}[];

test("where there are no sessions, a real Pi plays a labelled demo that streams, and ends with the backend", async () => {
	const setup = fresh();
	const up = await start(setup);
	await up.says("demo session");
	const demo = await waitFor(
		async () => (await listed(setup)).find((session) => session.title?.includes("Demo")),
		"a session that says it is a demo",
		// Its Pi compiles the extension first: nothing is kept in this folder for temporary files.
		40_000,
	);
	const settings = JSON.parse((await setup.cli("config", "get", "--json", "--show-key")).stdout);
	const answer = await fetch(`${settings.siteUrl}/auth/token`, {
		method: "POST",
		headers: { Authorization: `Bearer ${settings.apiKey}` },
	});
	const { token } = (await answer.json()) as { token: string };
	const watcher = new ConvexClient(settings.convexUrl, { logger: false, unsavedChangesWarning: false });
	watcher.setAuth(async () => token);
	try {
		const sessionId = demo.sessionId;
		const stream = await waitFor(() => watcher.query(api.streams.current, { sessionId }), "a stream");
		await waitFor(async () => {
			const deltas = await watcher.query(api.streams.read, { streamId: stream.streamId, start: 0 });
			return deltas.length > 0;
		}, "a delta of the running answer");
	} finally {
		await watcher.close();
	}
	expect(readdirSync(setup.temporary).filter((name) => name.includes("demo"))).toHaveLength(1);
	expect(await up.stop("SIGTERM")).toBe(0);
	expect(readdirSync(setup.temporary).filter((name) => name.includes("demo"))).toEqual([]);
	// The page is not empty any more: the next start plays no second one.
	const again = await start(setup);
	await again.says("Ctrl-C ends it");
	expect((await listed(setup)).map((one) => one.sessionId)).toEqual([demo.sessionId]);
	expect(await again.stop("SIGTERM")).toBe(0);
	expect(again.output()).not.toContain("demo session");
}, 90_000);

test("where Pi has sessions they are offered, not taken, until the backend has them", async () => {
	const setup = fresh();
	const folder = join(setup.env.PI_CODING_AGENT_DIR as string, "sessions", "--p--");
	mkdirSync(folder, { recursive: true });
	copyFileSync(FIXTURE, join(folder, "one.jsonl"));
	const first = await start(setup);
	await first.says("Found 1 Pi session on this machine");
	await first.says("import --all");
	expect(await listed(setup)).toEqual([]);
	expect((await setup.cli("import", "--all")).code).toBe(0);
	expect(await first.stop("SIGTERM")).toBe(0);
	expect(first.output()).not.toContain("demo");
	const second = await start(setup);
	await second.says("Ctrl-C ends it");
	expect(await listed(setup)).toHaveLength(1);
	expect(await second.stop("SIGINT")).toBe(0);
	expect(second.output()).not.toContain("Found");
}, 90_000);

test("nothing is offered and nothing played when the settings name another backend", async () => {
	const setup = fresh();
	await setup.cli("config", "set", "convexUrl", "https://elsewhere.convex.cloud");
	const up = await start(setup);
	await up.says("Your settings name another backend");
	await up.says("Ctrl-C ends it");
	expect(await up.stop("SIGTERM")).toBe(0);
	expect(up.output()).not.toContain("demo");
}, 60_000);

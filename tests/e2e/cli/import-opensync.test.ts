/** Everything of a user from a hosted OpenSync, as its stand-in answers, through the real command line. */
import { afterEach, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConvexHttpClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { createSetup, type Setup, type Up } from "../../support/cli.ts";
import { startTalking } from "../../support/cli-process.ts";
import { HOSTED_USER, type HostedOpenSync, startHostedOpenSync } from "../../support/hosted-opensync.ts";
import { ROOT } from "../../support/source-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

const STARTED = Date.parse("2025-12-01T08:00:00.000Z");

type World = { setup: Setup; up: Up; hosted: HostedOpenSync; args: string[] };
const worlds: World[] = [];
afterEach(async () => {
	for (const { setup, hosted } of worlds.splice(0)) {
		await hosted.stop();
		await setup.dispose();
	}
});

async function world(sessions: number, messages = 4): Promise<World> {
	let now = STARTED;
	const hosted = await startHostedOpenSync({ now: () => now });
	for (let at = 0; at < sessions; at++) {
		now = STARTED + at * 60_000;
		fill(hosted, `session-${at}`, messages, now);
	}
	const setup = createSetup();
	const made = {
		setup,
		hosted,
		args: ["import", "--from", "opensync", "--opensync-url", hosted.siteUrl, "--opensync-key", hosted.key],
	};
	const up = await setup.up();
	const whole = { ...made, up };
	worlds.push(whole);
	return whole;
}

function fill({ store }: HostedOpenSync, externalId: string, messages: number, at: number): void {
	store.postSession(HOSTED_USER, {
		externalId,
		title: `Title of ${externalId}`,
		projectPath: "/home/dev/hosted",
		projectName: "hosted",
		model: "claude-opus-4-6",
		provider: "anthropic",
		promptTokens: 1000,
		completionTokens: 50,
		cost: 0.25,
		durationMs: 9000,
		createdAt: at,
	});
	for (let index = 0; index < messages; index++) say(store, externalId, index, at);
}

function say(store: HostedOpenSync["store"], externalId: string, index: number, at: number): void {
	const isPrompt = index % 2 === 0;
	store.postMessage(HOSTED_USER, {
		sessionExternalId: externalId,
		externalId: isPrompt ? `${externalId}-user-${STARTED + index}` : `${externalId}-answer-${index}`,
		role: isPrompt ? "user" : "assistant",
		textContent: `said ${index}`,
		createdAt: at + index * 1000,
		parts: isPrompt
			? [{ type: "text", content: `said ${index}` }]
			: [
					{ type: "text", content: `said ${index}` },
					{ type: "tool-call", content: { toolName: "bash", name: "bash", args: { command: "ls" } } },
				],
	});
}

const importJson = async ({ setup, args }: World, ...more: string[]) => {
	const { code, stdout } = await setup.cli(...args, "--json", ...more);
	return { code, ...JSON.parse(stdout) };
};
/** npm's own client, with the key of the set-up. */
async function stockClient({ setup, up }: World): Promise<ConvexHttpClient> {
	const { stdout } = await setup.cli("config", "get", "apiKey", "--show-key", "--json");
	const response = await fetch(`${up.siteUrl}/auth/token`, {
		method: "POST",
		headers: { Authorization: `Bearer ${JSON.parse(stdout).apiKey}` },
	});
	const client = new ConvexHttpClient(up.url, { skipConvexDeploymentUrlCheck: true });
	client.setAuth(((await response.json()) as { token: string }).token);
	return client;
}
const listed = async ({ setup }: World): Promise<Record<string, unknown>[]> =>
	JSON.parse((await setup.cli("sessions", "list", "--json")).stdout);

test("sessions arrive with their dates, titles, counts and sources, and a second time nothing is asked for", async () => {
	const made = await world(5);
	expect(await importJson(made)).toEqual({
		code: 0,
		sessions: 5,
		entries: 20,
		added: 20,
		updated: 0,
		skipped: 0,
		kept: [],
		errors: [],
		unchanged: 0,
	});
	const sessions = await listed(made);
	expect(sessions).toHaveLength(5);
	expect(sessions.find(({ sessionId }) => sessionId === "session-0")).toMatchObject({
		via: "openSync",
		source: "claude-code",
		title: "Title of session-0",
		projectPath: "/home/dev/hosted",
		model: "claude-opus-4-6",
		provider: "anthropic",
		tokens: { input: 1000, output: 50, cacheRead: 0, cacheWrite: 0 },
		cost: 0.25,
		durationMs: 9000,
		entryCount: 4,
		startedAt: STARTED,
		updatedAt: STARTED + 3000,
	});
	const before = made.hosted.to("/api/sessions/get").length;
	expect(await importJson(made)).toMatchObject({ code: 0, sessions: 0, added: 0, unchanged: 5 });
	expect(made.hosted.to("/api/sessions/get").length).toBe(before);
}, 60_000);

test("where OpenSync is and with which key may stand in the settings", async () => {
	const { setup, hosted } = await world(1);
	await setup.cli("config", "set", "openSyncUrl", hosted.siteUrl);
	await setup.cli("config", "set", "openSyncKey", hosted.key);
	const { code, stdout } = await setup.cli("import", "--from", "opensync");
	expect([code, stdout.trim()]).toEqual([0, "1 session, 4 messages: 4 added, 0 there already."]);
}, 60_000);

test("only what has changed there since is asked for again", async () => {
	const made = await world(3);
	await importJson(made);
	say(made.hosted.store, "session-1", 4, STARTED + 60_000);
	const session = made.hosted.session("session-1");
	if (session) session.updatedAt += 1;
	expect(await importJson(made)).toMatchObject({
		sessions: 1,
		entries: 5,
		added: 1,
		skipped: 4,
		unchanged: 2,
	});
}, 60_000);

test("a session that was removed here comes back, for nobody else would bring it", async () => {
	const made = await world(2);
	await importJson(made);
	const client = await stockClient(made);
	await client.mutation(makeFunctionReference<"mutation">("sessions:remove"), { sessionId: "session-1" });
	expect(await importJson(made)).toMatchObject({ sessions: 1, added: 4, unchanged: 1 });
}, 60_000);

test("killed in the middle, it goes on where it was, and nothing is there twice", async () => {
	const made = await world(40);
	// Slow enough to be met in the middle.
	made.hosted.setFault((request) => (request.path === "/api/sessions/get" ? { kind: "slow", ms: 50 } : null));
	const first = startTalking(made.args, made.setup.env);
	await waitFor(() => made.hosted.to("/api/sessions/get").length > 12, "a third of them");
	expect(await first.stop("SIGINT")).toBe(130);
	expect(first.output()).toContain("Stopped. What was imported stays");
	made.hosted.setFault(null);
	const { errors, unchanged, sessions } = await importJson(made);
	expect([errors, sessions + unchanged]).toEqual([[], 40]);
	expect(unchanged).toBeGreaterThan(0);
	const all = await listed(made);
	expect(all.map(({ entryCount }) => entryCount)).toEqual(Array.from({ length: 40 }, () => 4));
}, 60_000);

test("a backend killed in the middle: the import says so in one sentence, and the next one completes it", async () => {
	const made = await world(40);
	const { setup, hosted, up } = made;
	hosted.setFault((request) => (request.path === "/api/sessions/get" ? { kind: "slow", ms: 50 } : null));
	const first = startTalking(made.args, setup.env);
	await waitFor(() => hosted.to("/api/sessions/get").length > 12, "a third of them");
	await up.stop("SIGKILL");
	expect(await first.ended).toBe(1);
	expect(first.output()).toContain("What was imported stays; run the import again to go on.");
	expect(first.output()).not.toContain("    at ");
	hosted.setFault(null);
	await setup.up({ port: up.port, sitePort: up.sitePort });
	expect(await importJson(made)).toMatchObject({ code: 0, errors: [] });
	expect((await listed(made)).map(({ entryCount }) => entryCount)).toEqual(
		Array.from({ length: 40 }, () => 4),
	);
}, 60_000);

test("a session that a local history has brought already is not brought a second time under OpenSync's ids", async () => {
	const made = await world(0);
	const id = "b0000000-0000-4000-8000-00000000000b";
	const folder = join(made.setup.home, "claude");
	mkdirSync(folder);
	const line = (uuid: string, role: string, content: unknown) =>
		JSON.stringify({
			...{ type: role, uuid, sessionId: id, version: "2.1.37" },
			timestamp: new Date(STARTED).toISOString(),
			message: { role, content },
		});
	const answer = [
		{ type: "thinking", thinking: "how often?" },
		{ type: "text", text: "heard" },
	];
	writeFileSync(
		join(folder, `${id}.jsonl`),
		`${line("u1", "user", "said once")}\n${line("a1", "assistant", answer)}`,
	);
	await made.setup.cli("import", "--claude-code", "--from-dir", folder);
	const before = (await made.setup.cli("export", id)).stdout;
	const post = (at: number, externalId = `${id}-user-${at}`, role = "user", textContent = "said once") =>
		made.hosted.store.postMessage(HOSTED_USER, {
			...{ sessionExternalId: id, externalId, role, textContent, source: "claude-code" },
			createdAt: STARTED + at,
		});
	post(5);
	post(6, "a1", "assistant", "heard");
	for (const _ of [1, 2]) {
		expect(await importJson(made)).toMatchObject({
			added: 0,
			kept: [{ sessionId: id, why: "history" }],
			errors: [],
		});
		expect((await made.setup.cli("export", id)).stdout).toBe(before);
		// It changes there: then it is looked at anew.
		post(5000);
		const session = made.hosted.session(id);
		if (session) session.updatedAt += 1;
	}
	const told = await made.setup.cli(...made.args);
	expect(told.stdout).toContain("1 session left as found: the history was imported from its own machine");
	expect(await importJson(made, "--replace")).toMatchObject({ added: 3, kept: [], errors: [] });
	expect(await importJson(made)).toMatchObject({ added: 0, kept: [], unchanged: 1 });
	expect(await listed(made)).toMatchObject([{ sessionId: id, source: "claude-code", entryCount: 3 }]);
}, 60_000);

test("a session of Pi that is here whole stays as it is, and counts as there already", async () => {
	const made = await world(1);
	const file = join(ROOT, "tests", "fixtures", "pi", "session-1.5.2-all-entry-types.jsonl");
	await made.setup.cli("import", file);
	const { id } = JSON.parse(readFileSync(file, "utf8").split("\n", 1)[0] as string) as { id: string };
	const before = (await made.setup.cli("export", id)).stdout;
	made.hosted.store.postSession(HOSTED_USER, { externalId: id, source: "pi", title: "as OpenSync has it" });
	made.hosted.store.postMessage(HOSTED_USER, {
		sessionExternalId: id,
		externalId: `pi:${id}:a0000001`,
		role: "user",
		textContent: "as OpenSync has it",
	});
	made.hosted.store.postMessage(HOSTED_USER, {
		sessionExternalId: "only-there",
		externalId: "pi:only-there:a0000001",
		role: "user",
		textContent: "of a terminal that is gone",
		source: "pi",
	});
	expect(await importJson(made)).toMatchObject({
		sessions: 3,
		added: 5,
		skipped: 1,
		kept: [{ sessionId: id, why: "pi" }],
		errors: [],
	});
	expect((await made.setup.cli("export", id)).stdout).toBe(before);
	expect((await listed(made)).find(({ sessionId }) => sessionId === "only-there")).toMatchObject({
		source: "pi",
		via: "openSync",
	});
}, 60_000);

test("a backend of ours answers as OpenSync does, and its sessions are brought over page by page", async () => {
	const made = await world(0);
	const other = createSetup();
	try {
		const up = await other.up();
		const id = "b0000000-0000-4000-8000-00000000000a";
		const folder = join(other.home, "long");
		mkdirSync(folder);
		const lines = Array.from({ length: 1_100 }, (_, at) =>
			JSON.stringify({
				type: "user",
				uuid: `u${at}`,
				sessionId: id,
				version: "2.1.37",
				timestamp: new Date(STARTED + at * 1000).toISOString(),
				message: { role: "user", content: `said ${at}` },
			}),
		);
		writeFileSync(join(folder, `${id}.jsonl`), lines.join("\n"));
		await other.cli("import", "--claude-code", "--from-dir", folder);
		const { stdout } = await other.cli("config", "get", "apiKey", "--show-key", "--json");
		const from = ["--opensync-url", up.siteUrl, "--opensync-key", JSON.parse(stdout).apiKey as string];
		expect(await importJson(made, ...from)).toMatchObject({ sessions: 1, added: 1_100, errors: [] });
		expect((await listed(made))[0]).toMatchObject({
			sessionId: id,
			source: "claude-code",
			title: "said 0",
			startedAt: STARTED,
			entryCount: 1_100,
		});
		expect((await made.setup.cli("export", id)).stdout).toBe((await other.cli("export", id)).stdout);
	} finally {
		await other.dispose();
	}
}, 60_000);

test("faults in passing and requests for fewer are waited out", async () => {
	const made = await world(4);
	const { hosted } = made;
	hosted.failNext({ kind: "status", status: 503 }, 1, "/sync/sessions/list");
	hosted.failNext({ kind: "cut" }, 1, "/api/sessions");
	hosted.failNext({ kind: "status", status: 429, headers: { "Retry-After": "1" } }, 1, "/api/sessions/get");
	hosted.failNext({ kind: "malformed" }, 1, "/api/sessions/get");
	hosted.failNext({ kind: "lostReply" }, 1, "/api/sessions/get");
	expect(await importJson(made)).toMatchObject({ code: 0, sessions: 4, added: 16, errors: [] });
}, 60_000);

test("a service that goes away in the middle ends the import, and is not waited for session by session", async () => {
	const made = await world(40);
	made.hosted.setFault((request) => (request.path === "/api/sessions/get" ? { kind: "slow", ms: 50 } : null));
	const first = startTalking(made.args, made.setup.env);
	await waitFor(() => made.hosted.to("/api/sessions/get").length > 12, "a third of them");
	await made.hosted.down();
	expect(await first.ended).toBe(1);
	expect(first.output()).toContain("does not answer");
	expect(first.output()).toContain("What was imported stays; run the import again to go on.");
	await made.hosted.up();
	made.hosted.setFault(null);
	expect(await importJson(made)).toMatchObject({ code: 0, errors: [] });
	expect(await listed(made)).toHaveLength(40);
}, 60_000);

test("a session that cannot be read is named and the rest goes on; the next import brings it", async () => {
	const made = await world(3);
	const broken = made.hosted.session("session-1")?.id;
	made.hosted.setFault((request) =>
		request.query.id === broken
			? { kind: "status", status: 404, body: { error: "Session not found" } }
			: null,
	);
	const failed = await made.setup.cli(...made.args);
	expect(failed.code).toBe(1);
	expect(failed.stdout).toContain("2 sessions, 8 messages: 8 added");
	expect(failed.stderr).toContain("session session-1: ");
	expect(failed.stderr).toContain("answered with status 404: Session not found.");
	made.hosted.setFault(null);
	expect(await importJson(made)).toMatchObject({ code: 0, sessions: 1, added: 4, unchanged: 2 });
}, 60_000);

test("more sessions than one list gives are all brought", async () => {
	const made = await world(1_100, 0);
	const { stdout } = await made.setup.cli(...made.args, "--dry-run", "--json");
	expect(JSON.parse(stdout).sessions).toHaveLength(1_100);
	expect(made.hosted.to("/api/sessions").map(({ query }) => query.limit)).toEqual(["1000", "2000"]);
	expect(made.hosted.to("/api/sessions/get")).toEqual([]);
}, 60_000);

test("a wrong key, a wrong address and a service that is away are one sentence each", async () => {
	const made = await world(1);
	const wrongKey = await made.setup.cli(...made.args, "--opensync-key", "osk_wrong00000000");
	expect([wrongKey.code, wrongKey.stderr.trim()]).toEqual([
		1,
		`${new URL(made.hosted.siteUrl).host} does not take this API key: Invalid API key.`,
	]);
	const up = JSON.parse((await made.setup.cli("status", "--json")).stdout);
	expect(up).toBeDefined();
	const notOurs = await made.setup.cli(...made.args, "--opensync-url", "not an address");
	expect(notOurs.code).toBe(2);
	made.hosted.setFault(() => ({ kind: "status", status: 404, body: "No matching routes found" }));
	const wrongPlace = await made.setup.cli(...made.args);
	expect([wrongPlace.code, wrongPlace.stderr.trim()]).toEqual([
		1,
		`What answers at ${new URL(made.hosted.siteUrl).host} is not OpenSync: check the address.`,
	]);
}, 60_000);

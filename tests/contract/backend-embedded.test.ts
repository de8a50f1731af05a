/** The port over the stock client on the embedded server, which runs in a process of its own and is killed and started again. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { checkBackend } from "../../src/backend/check.ts";
import { createConvexBackend } from "../../src/backend/convex-backend.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Backend } from "../../src/sync/ports.ts";
import { createSessionSync } from "../../src/sync/session-sync.ts";
import { createSetup, type Setup, type Up } from "../support/cli.ts";
import { FakeSession } from "../support/fake-session.ts";
import { DESCRIPTION } from "../support/sync-harness.ts";
import { waitFor } from "../support/wait-for.ts";
import { backendContract } from "./backend.contract.ts";

let setup: Setup;
let up: Up;
let apiKey: string;
let backend: Backend;

async function makeKey(...args: string[]): Promise<{ key: string; id: string }> {
	const { stdout, stderr, code } = await setup.cli("keys", "create", "--json", ...args);
	if (code !== 0) throw new Error(stderr);
	return JSON.parse(stdout) as { key: string; id: string };
}

beforeAll(async () => {
	setup = createSetup();
	up = await setup.up();
	apiKey = (await makeKey()).key;
	backend = createConvexBackend({ convexUrl: up.url, siteUrl: up.siteUrl, apiKey });
}, 60_000);

afterAll(async () => {
	await backend?.close();
	await setup?.dispose();
});

backendContract("the embedded backend", () => backend);

const connect = (key: string, more: Partial<Parameters<typeof createConvexBackend>[0]> = {}): Backend =>
	createConvexBackend({ convexUrl: up.url, siteUrl: up.siteUrl, apiKey: key, deadlineMs: 3000, ...more });

const rejected = (work: Promise<unknown>) => work.then(() => null).catch((error: unknown) => error);
const OPEN = { ...DESCRIPTION, header: null };

test("a wrong key is signed out, with a reason", async () => {
	const wrong = connect("osk_wrongwrongwrongwrongwrongwrong12");
	expect(await rejected(wrong.openSession({ ...OPEN, sessionId: "w" }))).toMatchObject({ kind: "signedOut" });
	expect(wrong.connection()).toMatchObject({ kind: "signedOut" });
	await wrong.close();
});

test("a key that is revoked while connected stops working at its next call", async () => {
	const { key, id } = await makeKey();
	const connected = connect(key);
	await connected.openSession({ ...OPEN, sessionId: "revoked-1" });
	expect((await setup.cli("keys", "revoke", id)).code).toBe(0);
	expect(await rejected(connected.openSession({ ...OPEN, sessionId: "revoked-2" }))).toMatchObject({
		kind: "signedOut",
		code: "key_revoked",
	});
	await connected.close();
});

test("a key without the scope is signed out by name", async () => {
	const { key } = await makeKey("--scopes", "read");
	const reader = connect(key);
	expect(await rejected(reader.openSession({ ...OPEN, sessionId: "r" }))).toMatchObject({
		kind: "signedOut",
		code: "scope_missing",
	});
	await reader.close();
});

test("the check tells each case apart in one sentence", async () => {
	const options = { convexUrl: up.url, siteUrl: up.siteUrl, apiKey };
	expect(await checkBackend(options)).toMatchObject({
		kind: "ok",
		name: "pi-opensync",
		scopes: ["read", "write", "control"],
	});
	const { key, id } = await makeKey();
	await setup.cli("keys", "revoke", id);
	const reader = await makeKey("--scopes", "read");
	const kinds = await Promise.all(
		[
			{ ...options, apiKey: "" },
			{ ...options, apiKey: "sk-something" },
			{ ...options, apiKey: "osk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
			{ ...options, apiKey: key },
			{ ...options, apiKey: reader.key },
			{ ...options, convexUrl: "nonsense", siteUrl: "" },
			{ ...options, convexUrl: "http://127.0.0.1:1", siteUrl: "" },
			{ ...options, siteUrl: up.url },
		].map(checkBackend),
	);
	// A backend need not tell a revoked key from an unknown one; the sentence then names both.
	const revoked = kinds[3] as (typeof kinds)[0];
	expect(revoked.kind === "revoked" || ("message" in revoked && revoked.message.includes("revoked"))).toBe(
		true,
	);
	kinds.splice(3, 1);
	expect(kinds.map(({ kind }) => kind)).toEqual([
		"noKey",
		"wrongKey",
		"wrongKey",
		"noScope",
		"badUrl",
		"unreachable",
		"notOurs",
	]);
	for (const one of kinds) expect("message" in one && /^[^\n]{10,200}\.$/.test(one.message)).toBe(true);
});

test("no call hangs where nobody answers, and closing ends what waits", async () => {
	const nowhere = createConvexBackend({ convexUrl: "http://127.0.0.1:9", apiKey, deadlineMs: 300 });
	expect(await rejected(nowhere.endStream("x"))).toMatchObject({ kind: "unreachable" });
	const waiting = rejected(nowhere.append({ sessionId: "x", entries: [] }));
	await nowhere.close();
	expect(await waiting).toMatchObject({ kind: "unreachable" });
});

test("a backend that is killed in mid-stream and started again has every entry once, and says what happened", async () => {
	const own = connect(apiKey, { deadlineMs: 1000 });
	const session = new FakeSession("killed-1");
	const sync = createSessionSync({
		backend: own,
		source: session,
		describe: () => DESCRIPTION,
		clock: systemClock,
		terminalId: "terminal-killed",
		streaming: { mode: "always", intervalMs: 0 },
		presence: { label: "test" },
	});
	session.user("question");
	sync.wake();
	expect(await sync.flush(10_000)).toBe(true);
	sync.beginRun(Date.now());
	sync.op(["m", "assistant"]);
	for (let index = 0; index < 50; index += 1) {
		sync.op(["t", 0, `word ${index} `]);
		if (index === 20) await up.stop("SIGKILL");
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
	sync.op(["e"]);
	sync.messageDone();
	session.assistant("the answer");
	sync.endRun();
	sync.wake();
	await waitFor(() => sync.state().link === "offline", "being offline");
	up = await setup.up({ port: up.port, sitePort: up.sitePort });
	await waitFor(() => sync.state().link === "live" && sync.state().queued === 0, "being live again", 40_000);
	const after = connect(apiKey, { deadlineMs: 10_000 });
	expect(await after.openSession({ ...OPEN, sessionId: "killed-1" })).toEqual({
		lastSeq: 2,
		lastEntryId: "00000002",
		entryCount: 2,
		leafId: "00000002",
	});
	await sync.dispose();
	await own.close();
	await after.close();
}, 90_000);

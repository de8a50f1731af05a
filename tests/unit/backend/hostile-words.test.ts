/** What a server says of itself is shown in a terminal: none of it may be taken for the terminal's own codes. */
import { expect, test } from "bun:test";
import { checkBackend } from "../../../src/backend/check.ts";
import { createOpenSyncClient } from "../../../src/backend/opensync-client.ts";
import { exchangeKey } from "../../../src/backend/token-exchange.ts";
import { DEFAULTS } from "../../../src/config/options.ts";
import { statusLines } from "../../../src/extension/status-command.ts";
import { BACKEND_NAME, PROTOCOL_VERSION } from "../../../src/protocol/version.ts";

/** Writes to the clipboard, renames the window, clears the screen. */
const HOSTILE = "no\u001b]52;c;cm0gLXJm\u0007 \u001b]0;owned\u0007way\u001b[2J\u009b31m\nand more";
const expectPlain = (value: unknown): void => {
	for (const code of ["\\u001b", "\\u0007", "\u009b"]) expect(JSON.stringify(value)).not.toContain(code);
};
const KEY = "osk_abcdefghijklmnop";

const answering = (status: number, body: unknown) => async () =>
	new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });

test("why a key is refused is told without terminal codes, and in a line", async () => {
	const refused = await exchangeKey(answering(401, { error: HOSTILE }), "http://b", KEY, 1_000);
	expect(refused).toMatchObject({ kind: "refused", message: "no way and more" });
	const ill = await exchangeKey(answering(500, { error: HOSTILE.repeat(1_000) }), "http://b", KEY, 1_000);
	expect(ill).toMatchObject({ kind: "unreachable", message: expect.stringMatching(/^[ -~…]{1,400}$/) });
});

test("the name of a key's owner is told without terminal codes", async () => {
	const check = await checkBackend({
		convexUrl: "http://127.0.0.1:3210",
		apiKey: KEY,
		fetch: (url) =>
			answering(
				200,
				url.endsWith("/health")
					? { name: BACKEND_NAME, version: PROTOCOL_VERSION, features: [] }
					: { token: "t", expiresAt: 1, scopes: ["write"], userName: HOSTILE },
			)(),
	});
	expect(check).toMatchObject({ kind: "ok", userName: "no way and more" });
	expectPlain(check);
});

test("what a hosted OpenSync refuses is told without terminal codes", async () => {
	const client = (status: number, body: unknown) =>
		createOpenSyncClient({ siteUrl: "http://o", apiKey: KEY, version: "0", fetch: answering(status, body) });
	const outcomes = [
		await client(401, { error: HOSTILE }).check(),
		await client(422, { error: HOSTILE }).check(),
		await client(200, { errors: [HOSTILE] }).check(),
		await client(503, { error: HOSTILE }).check(),
	];
	for (const outcome of outcomes)
		expect(outcome).toMatchObject({ reason: expect.stringContaining("no way") });
	expectPlain(outcomes);
});

test("the status shows no terminal codes of those who are here", () => {
	const present = [
		{ clientId: "c", kind: "terminal", sessionId: "s", watching: true, label: HOSTILE },
	] as never;
	const state = { link: "live", queued: 0, sentCount: 0, parked: [], hidden: {}, reason: null, present };
	const lines = statusLines({
		condition: { kind: "syncing", state } as never,
		settings: { ...DEFAULTS, apiKey: KEY },
		sessionId: "s",
		inFile: true,
		isReplica: false,
		lastFailure: null,
	});
	expectPlain(lines);
	expect(lines.find((line) => line.includes("here too"))).toContain("no way and more");
});

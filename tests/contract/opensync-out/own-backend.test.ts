/** The same client and the same record against our own backend, which answers OpenSync's calls. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOpenSyncClient } from "../../../src/backend/opensync-client.ts";
import { createOpenSyncJournal } from "../../../src/backend/opensync-journal.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import type { OpenSyncMessage } from "../../../src/protocol/opensync.ts";
import { createRecordSync } from "../../../src/sync/record-sync.ts";
import { createSetup, type Setup, type Up } from "../../support/cli.ts";
import { FakeSession } from "../../support/fake-session.ts";
import { RECORD_PLACE, textsOf } from "../../support/record-setup.ts";

let setup: Setup;
let up: Up;
let apiKey: string;
let folder: string;

beforeAll(async () => {
	setup = createSetup();
	up = await setup.up();
	const { stdout } = await setup.cli("keys", "create", "--json");
	apiKey = (JSON.parse(stdout) as { key: string }).key;
	folder = await mkdtemp(join(tmpdir(), "opensync-record-"));
}, 60_000);
afterAll(async () => {
	await setup?.dispose();
	await rm(folder, { recursive: true, force: true });
});

const client = (key = apiKey) => createOpenSyncClient({ siteUrl: up.siteUrl, apiKey: key, version: "0.0.0" });

test("what it takes is done, what it refuses is for good, and a wrong key closes the place", async () => {
	const message: OpenSyncMessage = {
		sessionExternalId: "s-1",
		externalId: "m-1",
		role: "user",
		source: "pi",
		parts: [{ type: "text", content: "hi" }],
	};
	expect(await client().check()).toEqual({ kind: "ok" });
	expect(await client().postMessage(message)).toEqual({ kind: "ok" });
	expect(await client().postMessage({ ...message, externalId: "" })).toMatchObject({ kind: "refused" });
	expect(await client("osk_wrongwrongwrongwrongwrongwrong12").postMessage(message)).toMatchObject({
		kind: "closed",
		why: "signedOut",
	});
});

test("a session is recorded whole, and a record begun anew finds it there", async () => {
	const session = new FakeSession("03c3fd30-6f96-763f-8fd2-1efdf7dda47f");
	session.user("how do tides work?");
	session.assistant("The moon pulls.");
	const options = (recordsDir: string) => ({
		destination: client(),
		journal: createOpenSyncJournal({
			recordsDir,
			siteUrl: up.siteUrl,
			sessionId: session.sessionId,
			file: null,
		}),
		source: session,
		place: () => RECORD_PLACE,
		kept: { toolCalls: true, thinking: true },
		clock: systemClock,
	});
	const first = createRecordSync(options(folder));
	expect(await first.flush(20_000)).toBe(true);
	expect(first.state()).toMatchObject({ link: "recording", sentCount: 2, parked: [] });
	await first.dispose();

	session.user("and at night?");
	const again = createRecordSync(options(join(folder, "lost")));
	expect(await again.flush(20_000)).toBe(true);
	expect(again.state()).toMatchObject({ sentCount: 1, parked: [] });
	await again.dispose();

	const ask = async (path: string) =>
		await (await fetch(`${up.siteUrl}${path}`, { headers: { Authorization: `Bearer ${apiKey}` } })).json();
	const { sessions } = (await ask("/api/sessions")) as { sessions: Record<string, unknown>[] };
	const stored = sessions.find(({ externalId }) => externalId === session.sessionId);
	expect(stored).toMatchObject({ title: "how do tides work?", projectPath: "/p", messageCount: 3 });
	const { messages } = (await ask(`/api/sessions/get?id=${stored?.id}`)) as {
		messages: { parts: { type: string; content: unknown }[]; createdAt: number }[];
	};
	expect(messages.flatMap(({ parts }) => textsOf(parts))).toEqual([
		"how do tides work?",
		"The moon pulls.",
		"and at night?",
	]);
	expect(messages.map(({ createdAt }) => createdAt)).toEqual(
		session.list.map(({ timestamp }) => Date.parse(timestamp)),
	);
});

/** The end of a sync, where the backend does not play along. */
import { expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/options.ts";
import { openSync } from "../../../src/extension/open-sync.ts";
import type { LiveBackend } from "../../../src/sync/ports.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeSession } from "../../support/fake-session.ts";
import { DESCRIPTION } from "../../support/sync-harness.ts";
import { waitFor } from "../../support/wait-for.ts";

test("a backend that stands still is left without its goodbye", async () => {
	const calls: string[] = [];
	const never = (name: string) => () => {
		calls.push(name);
		return new Promise<never>(() => {});
	};
	const backend = {
		url: "http://127.0.0.1:3210",
		connection: () => ({ kind: "connected" }),
		onConnection: () => () => {},
		onPresence: () => () => {},
		beat: never("beat"),
		leave: never("leave"),
		openSession: never("openSession"),
		close: async () => void calls.push("close"),
	} as unknown as LiveBackend;
	const clock = new FakeClock();
	const opened = await openSync({
		settings: { ...DEFAULTS, apiKey: "osk_abcdefghijklmnop" },
		destinations: { live: true, records: [] },
		recordThinking: false,
		file: null,
		cwd: "/p",
		source: new FakeSession(),
		describe: () => DESCRIPTION,
		describeParent: () => DESCRIPTION,
		parent: async () => null,
		clock,
		terminalId: "terminal-1",
		log: () => {},
		shared: null,
		backend,
	});
	await waitFor(() => calls.includes("beat"));
	const closing = opened.close();
	await clock.advance(10_000);
	await closing;
	expect(calls).toContain("close");
});

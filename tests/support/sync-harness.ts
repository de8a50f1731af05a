/** A session sync over fakes, and the way to let it come to rest. */
import type { SessionSync, SessionSyncOptions } from "../../src/sync/contract.ts";
import { createSessionSync } from "../../src/sync/session-sync.ts";
import { FakeBackend, type FakeStore } from "./fake-backend.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { FakeSession } from "./fake-session.ts";

export const DESCRIPTION = {
	source: "pi",
	projectPath: "/p",
	projectName: "p",
	machine: "here",
	startedAt: 1,
};

export type Harness = {
	backend: FakeBackend;
	store: FakeStore;
	clock: FakeClock;
	session: FakeSession;
	sync: SessionSync;
	/** Lets all there is to do be done, timers up to `ms` included. */
	rest(ms?: number): Promise<void>;
};

export function harness(
	options: Partial<SessionSyncOptions> & { backend?: FakeBackend; session?: FakeSession } = {},
): Harness {
	const { session = new FakeSession(), backend = new FakeBackend(), ...more } = options;
	const clock = (options.clock as FakeClock | undefined) ?? new FakeClock();
	let streams = 0;
	const sync = createSessionSync({
		source: session,
		describe: () => DESCRIPTION,
		terminalId: "terminal-a",
		streaming: { mode: "always", intervalMs: 0 },
		newId: () => {
			streams += 1;
			return `stream-${session.sessionId}-${streams}`;
		},
		...more,
		backend,
		clock,
	});
	return {
		backend,
		store: backend.store,
		clock,
		session,
		sync,
		async rest(ms = 60) {
			await clock.advance(ms);
			await settle();
		},
	};
}

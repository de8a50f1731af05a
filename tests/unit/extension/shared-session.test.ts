import { expect, test } from "bun:test";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { FakeLiveStore } from "../../support/fake-live-backend.ts";
import { FakeSession } from "../../support/fake-session.ts";
import { ModelTerminal } from "../../support/model-terminal.ts";

const SESSION = "session-1";

test("a prompt that waits for the lock while its session ends touches nothing afterwards, and leaves no lock", async () => {
	const clock = new FakeClock();
	const store = new FakeLiveStore(clock);
	const before = new FakeSession(SESSION);
	before.user("before");
	const terminal = new ModelTerminal("a", store, SESSION, before.list, false);
	await clock.advance(700);
	let answer = (): void => {};
	const gate = new Promise<void>((resolve) => {
		answer = resolve;
	});
	terminal.backend.delay = (call) => (call === "acquireLock" ? gate : Promise.resolve());
	terminal.type("too late");
	await settle(5);
	const ending = terminal.shared.stop();
	let touched = 0;
	terminal.session.refreshContext = () => {
		touched += 1;
	};
	answer();
	await ending;
	await clock.advance(10_000);
	expect(touched).toBe(0);
	expect(store.held(SESSION)).toBeNull();
	await terminal.sync.dispose();
});

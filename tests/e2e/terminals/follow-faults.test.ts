/** Two real Pis at one session when something dies: the terminal that runs, the backend, both at once. */
import { afterEach, describe, expect, test } from "bun:test";
import { readSession } from "../../support/pi-terminal.ts";
import {
	conversation,
	count,
	footer,
	isWorking,
	SharedSetup,
	VERSION_PAIRS,
} from "../../support/shared-setup.ts";

const SLOW = 120_000;

describe.each([...VERSION_PAIRS])("losses, Pi %s and Pi %s", (...versions) => {
	let shared: SharedSetup;
	afterEach(() => shared?.tearDown());

	test(
		"S0-13 a terminal that dies in mid-run is gone from the other's screen soon, and the other goes on",
		async () => {
			shared = await SharedSetup.start(versions);
			const { a, live } = shared;
			const b = await shared.join();
			await a.submit("you will die");
			(await live.model.next()).text("As I was saying");
			await b.waitForText("As I was saying");
			await b.submit("said before the death");
			await a.waitForText("Steering: said before the death");
			process.kill(await a.pid(), "SIGKILL");
			shared.forget(a);
			// The lock expires 10 s after its last renewal.
			await b.waitFor((screen) => !isWorking(screen), "the end of the spinner", 30_000);
			await b.waitFor((screen) => !footer(screen).includes("is working"), "nobody at work");
			// What was taken and never run is with its author again.
			await b.clearEditor("said before the death");
			await b.submit("who is there?");
			const request = await live.model.next();
			expect(conversation(request).slice(-2)).toEqual(["user: you will die", "user: who is there?"]);
			request.text("Only me.").finish();
			await b.waitForText("Only me.");
			await b.waitFor((screen) => !isWorking(screen), "the end of the run");
			const shown = await b.screen();
			for (const text of ["you will die", "who is there?", "Only me."]) expect(count(shown, text)).toBe(1);
			// The file of the one that died is taken up again, with what was said meanwhile.
			const again = await live.terminal({ more: ["--session", shared.file], height: 200 });
			await again.waitForText("Only me.");
			await again.waitFor((screen) => footer(screen).includes("with"), "the other terminal");
			await again.submit("I am back");
			const back = await live.model.next();
			expect(conversation(back).slice(-3)).toEqual([
				"user: who is there?",
				"assistant: Only me.",
				"user: I am back",
			]);
			back.text("Welcome back.").finish();
			await b.waitForText("Welcome back.");
			await again.waitForText("Welcome back.");
			await again.waitFor((screen) => !isWorking(screen), "the end of the run");
			await shared.settled(b, again);
			expect(readSession(shared.fileOf(b)).entries).toEqual(readSession(shared.file).entries);
		},
		SLOW,
	);

	test(
		"a backend that is killed in mid-run and comes back finds both level again",
		async () => {
			shared = await SharedSetup.start(versions);
			const { a, live } = shared;
			const b = await shared.join();
			// Entries of 0.87.1 do not say how long a tool took: who draws it from there cannot know.
			// And who draws anew while the other does not has lost its notices of the outage, a long one of two lines.
			shared.ignored = /^ (Took |OpenSync: |and is sent when the backend is back)/;
			await a.submit("through the outage");
			const first = await live.model.next();
			first.text("Before the outage, ");
			await b.waitForText("Before the outage,");
			await live.stack.kill();
			first.text("during it, ").tool("bash", { command: "echo unseen" }).finish();
			await a.waitForText("\n unseen");
			const second = await live.model.next();
			for (const terminal of [a, b])
				await terminal.waitFor((screen) => footer(screen).includes("offline"), "offline");
			// What is typed in the follower meanwhile waits, and is one prompt when somebody answers again.
			await b.submit("typed while offline");
			await b.waitForText("Steering: typed while offline");
			await live.stack.up();
			second.text("and after it.");
			await b.waitForText("and after it.", 40_000);
			await a.waitForText("Steering: typed while offline");
			second.finish();
			const third = await live.model.next();
			expect(conversation(third).slice(-2)).toEqual([
				"assistant: and after it.",
				"user: typed while offline",
			]);
			third.text("Online.").finish();
			const shown = await shared.expectLevel();
			const once = [
				"through the outage",
				"Before the outage, during it,",
				"\n unseen",
				"and after it.",
				"typed while",
			];
			for (const text of once) expect(count(shown, text)).toBe(1);
			await shared.exchange(b, "on from the other", "On and on.");
		},
		SLOW,
	);
});

/** Two real Pis at one session, on both versions and mixed: what is typed and said in one shows in the other. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { editorText, type PiTerminal, readSession } from "../../support/pi-terminal.ts";
import {
	conversation,
	count,
	footer,
	isWorking,
	SharedSetup,
	systemMessages,
	transcript,
	VERSION_PAIRS,
} from "../../support/shared-setup.ts";

const SLOW = 120_000;

describe.each([...VERSION_PAIRS])("two terminals, Pi %s and Pi %s", (...versions) => {
	let shared: SharedSetup;
	let a: PiTerminal;
	let b: PiTerminal;

	beforeAll(async () => {
		shared = await SharedSetup.start(versions);
		a = shared.a;
		b = await shared.join();
	}, SLOW);
	beforeEach(() => shared.calm(), SLOW);
	afterAll(() => shared?.tearDown());

	test(
		"S0-1 a prompt that is typed in one shows in both, whichever it is, and runs where it was typed",
		async () => {
			await a.submit("typed in A");
			await b.waitForText("typed in A");
			(await shared.live.model.next()).text("Answered in A.").finish();
			await shared.expectLevel();

			await b.submit("typed in B");
			await a.waitForText("typed in B");
			const request = await shared.live.model.next();
			expect(conversation(request)).toEqual([
				"user: first prompt",
				"assistant: Answer one.",
				"user: typed in A",
				"assistant: Answered in A.",
				"user: typed in B",
			]);
			if (versions[0] === versions[1]) expect(systemMessages(request)).toBe(1);
			expect(footer(await a.screen())).toContain("working");
			expect(footer(await b.screen())).not.toContain("working");
			request.text("Answered in B.").finish();
			const shown = await shared.expectLevel();
			for (const text of ["typed in A", "Answered in A.", "typed in B", "Answered in B."])
				expect(count(shown, text)).toBe(1);
		},
		SLOW,
	);

	test(
		"S0-2 thinking and text show in both while they are being said",
		async () => {
			for (const [speaker, other] of [
				[a, b],
				[b, a],
			] as const) {
				await speaker.submit("say it slowly");
				const request = await shared.live.model.next();
				const steps = [
					[() => request.thinking("I will think "), "I will think"],
					[() => request.thinking("about it. "), "about it."],
					[() => request.text("Slowly "), "Slowly"],
					[() => request.text("and **boldly** "), "and boldly"],
					[() => request.text("said.\n\n- a list\n"), "- a list"],
					[() => request.text("- of two"), "- of two"],
				] as const;
				for (const [step, end] of steps) {
					step();
					for (const terminal of [speaker, other])
						await terminal.waitFor((screen) => transcript(screen).endsWith(end), `"${end}" at the end`);
					await shared.expectSameScreens();
					expect(isWorking(await other.screen())).toBe(true);
				}
				request.finish();
				await shared.expectLevel();
			}
		},
		SLOW,
	);

	test(
		"S0-3 tool calls, their growing output, results and failures show in both",
		async () => {
			await a.submit("use tools");
			const gate = `${shared.live.home.root}/gate-${crypto.randomUUID()}`;
			const command = `echo alpha; until [ -e ${gate} ]; do sleep 0.05; done; echo omega`;
			(await shared.live.model.next())
				.text("Using them.")
				.tool("bash", { command })
				.tool("read", { path: "README.md" })
				.finish();
			for (const terminal of [a, b]) await terminal.waitForText("\n alpha");
			await shared.expectSameScreens();
			expect(transcript(await b.screen())).not.toContain("\n omega");
			await Bun.write(gate, "");
			const after = await shared.live.model.next();
			await b.waitForText("\n omega");
			await shared.expectSameScreens();
			after.tool("bash", { command: "echo broken; exit 3" }).finish();
			const last = await shared.live.model.next();
			await shared.expectSameScreens();
			last.text("Tools are done.").finish();
			const shown = await shared.expectLevel();
			expect(shown).toContain("exited with code 3");

			await b.submit("and a tool in B");
			const again = `until [ -e ${gate}-b ]; do sleep 0.05; done`;
			(await shared.live.model.next()).tool("bash", { command: `echo from B; ${again}` }).finish();
			for (const terminal of [a, b]) await terminal.waitForText("\n from B");
			await Bun.write(`${gate}-b`, "");
			const request = await shared.live.model.next();
			expect(conversation(request).filter((line) => line.startsWith("toolResult"))).toHaveLength(4);
			request.text("B is done.").finish();
			await shared.expectLevel();
		},
		SLOW,
	);

	test(
		"S0-5 two prompts at the same time are one run",
		async () => {
			await a.type("at once from A");
			await b.type("at once from B");
			await a.waitFor((screen) => editorText(screen).includes("at once from A"), "the typed line");
			await b.waitFor((screen) => editorText(screen).includes("at once from B"), "the typed line");
			await Promise.all([a.press("Enter"), b.press("Enter")]);
			const first = await shared.live.model.next();
			// Whoever was second is queued before the answer is over, and is in the same run.
			for (const terminal of [a, b])
				await terminal.waitFor(
					(screen) => /Steering: at once from/.test(screen),
					"the second prompt as queued",
				);
			first.text("One at a time.").finish();
			const second = await shared.live.model.next();
			const said = conversation(second).slice(-3);
			expect(said[1]).toBe("assistant: One at a time.");
			expect([said[0], said[2]].sort()).toEqual(["user: at once from A", "user: at once from B"]);
			second.text("Now the other.").finish();
			const shown = await shared.expectLevel();
			expect(count(shown, "at once from A")).toBe(1);
			expect(count(shown, "at once from B")).toBe(1);
		},
		SLOW,
	);

	test(
		"S0-6 a prompt that is typed during the other's run steers that run",
		async () => {
			await a.submit("begin something");
			const first = await shared.live.model.next();
			first.text("I am at it. ");
			await b.waitForText("I am at it.");
			await b.submit("go another way");
			for (const terminal of [a, b]) await terminal.waitForText("Steering: go another way");
			await shared.expectSameScreens();
			first.tool("bash", { command: "echo step" }).finish();
			const second = await shared.live.model.next();
			expect(conversation(second).slice(-2)).toEqual(["toolResult: step\n", "user: go another way"]);
			for (const terminal of [a, b])
				await terminal.waitFor((screen) => !screen.includes("Steering:"), "an empty queue");
			second.text("The other way it is.").finish();
			const shown = await shared.expectLevel();
			expect(count(shown, "go another way")).toBe(1);
		},
		SLOW,
	);

	test(
		"S0-7 a follow-up waits for the end of the run, and what is queued goes back to its author on Escape",
		async () => {
			await a.submit("a long task");
			const first = await shared.live.model.next();
			first.text("Working on it. ");
			await b.waitForText("Working on it.");
			await b.type("and afterwards this");
			await b.waitFor((screen) => editorText(screen).includes("and afterwards this"), "the typed line");
			await b.press("M-Enter");
			for (const terminal of [a, b]) await terminal.waitForText("Follow-up: and afterwards this");
			first.tool("bash", { command: "echo middle" }).finish();
			const second = await shared.live.model.next();
			expect(conversation(second).at(-1)).toBe("toolResult: middle\n");
			for (const terminal of [a, b]) await terminal.waitForText("Follow-up: and afterwards this");
			second.text("The task is over.").finish();
			const third = await shared.live.model.next();
			expect(conversation(third).slice(-2)).toEqual([
				"assistant: The task is over.",
				"user: and afterwards this",
			]);
			third.text("Afterwards is now. ");
			await b.waitForText("Afterwards is now.");

			await b.submit("B wants this");
			for (const terminal of [a, b]) await terminal.waitForText("Steering: B wants this");
			await a.submit("A wants that");
			for (const terminal of [a, b]) await terminal.waitForText("Steering: A wants that");
			await a.press("Escape");
			await a.clearEditor("A wants that");
			await b.clearEditor("B wants this");
			const shown = await shared.expectLevel();
			expect(shown).not.toContain("B wants this");
			expect(shown).not.toContain("A wants that");
		},
		SLOW,
	);

	test(
		"S0-8 Escape in the other terminal ends the run, and is not taken from lists or from idle terminals",
		async () => {
			await a.submit("to be stopped from B");
			(await shared.live.model.next()).text("As far as it came");
			await b.waitForText("As far as it came");
			// A list of completions is open: Escape closes it and no more.
			await b.type("/opensync:");
			await b.waitForText("opensync:status");
			await b.press("Escape");
			await b.waitFor((screen) => !/^\W*opensync:status/m.test(footer(screen)), "the list to close");
			expect(isWorking(await b.screen())).toBe(true);
			await b.press("C-u");
			await b.press("Escape");
			const shown = await shared.expectLevel();
			expect(shown).toContain("Operation aborted");
			expect(JSON.stringify(readSession(shared.file).entries.at(-1))).toContain('"aborted"');

			// Nothing runs: Escape is for this terminal alone.
			await b.press("Escape");
			await shared.exchange(a, "still alive?", "Alive as ever.");
		},
		SLOW,
	);

	test(
		"S0-9 the same prompt twice is two prompts, each shown once and run once",
		async () => {
			await a.submit("twice the same");
			const first = await shared.live.model.next();
			first.text("Wait. ");
			await b.waitForText("Wait.");
			await b.submit("again and again");
			await b.waitFor((screen) => count(screen, "Steering: again and again") === 1, "one queued prompt");
			await b.submit("again and again");
			for (const terminal of [a, b])
				await terminal.waitFor(
					(screen) => count(screen, "Steering: again and again") === 2,
					"two queued prompts",
				);
			first.finish();
			const requests = [await shared.live.model.next()];
			requests[0]?.text("Once. ").finish();
			requests.push(await shared.live.model.next());
			requests[1]?.text("Twice. ").finish();
			const shown = await shared.expectLevel();
			expect(count(shown, "again and again")).toBe(2);
			expect(
				conversation(requests[1] as never).filter((line) => line === "user: again and again"),
			).toHaveLength(2);
		},
		SLOW,
	);
});

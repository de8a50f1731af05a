/** Two real Pis at one session: what changes it besides prompts, and what happens to runs. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { editorText, type PiTerminal, readSession } from "../../support/pi-terminal.ts";
import {
	conversation,
	count,
	footer,
	SharedSetup,
	systemMessages,
	VERSION_PAIRS,
} from "../../support/shared-setup.ts";
import { waitFor } from "../../support/wait-for.ts";

const SLOW = 120_000;

describe.each([...VERSION_PAIRS])("changes at two terminals, Pi %s and Pi %s", (...versions) => {
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

	const inFile = (terminal: PiTerminal, type: string) =>
		readSession(shared.fileOf(terminal)).entries.filter((entry) => entry.type === type);
	const inBoth = async (type: string, text: string) => {
		for (const terminal of [a, b])
			await waitFor(
				() => inFile(terminal, type).some((one) => JSON.stringify(one).includes(text)),
				`${type} ${text}`,
			);
		await shared.expectSameFiles();
	};

	test(
		"S0-12 a prompt runs with the model and the thinking level that its author's terminal has",
		async () => {
			await b.submit("/test:model scripted-2");
			for (const terminal of [b, a])
				await terminal.waitFor((screen) => footer(screen).includes("scripted-2"), "the model");
			await b.press("S-Tab");
			await waitFor(() => inFile(a, "thinking_level_change").length > 1, "the level in A's file");
			const level = String(inFile(a, "thinking_level_change").at(-1)?.thinkingLevel);
			for (const terminal of [b, a])
				await terminal.waitFor(
					(screen) => footer(screen).includes(`scripted-2 • ${level}`),
					"the thinking level",
				);
			await b.submit("with which model?");
			const request = await shared.live.model.next();
			expect(request.context.model).toBe("scripted-2");
			request.text("With the second.").finish();
			await shared.expectLevel();
			expect((await shared.exchange(a, "and from A?", "The second too.")).context.model).toBe("scripted-2");
			await a.submit("/test:model scripted-1");
			await b.waitFor((screen) => footer(screen).includes("scripted-1"), "the first model");
		},
		SLOW,
	);

	test(
		"names, labels and custom entries reach the other terminal from either",
		async () => {
			for (const [index, terminal] of [a, b].entries()) {
				await terminal.submit(`/name Session name ${index}`);
				await inBoth("session_info", `Session name ${index}`);
				await terminal.submit(`/test:label label ${index}`);
				await inBoth("label", `label ${index}`);
				await terminal.submit(`/test:custom data ${index}`);
				await inBoth("custom", `data ${index}`);
				await inBoth("custom_message", `custom: data ${index}`);
				for (const one of [a, b]) {
					await one.waitForText(`custom: data ${index}`);
					await one.waitFor(
						(screen) => footer(screen).includes(`Session name ${index}`),
						"the name in the footer",
					);
				}
			}
			const request = await shared.exchange(b, "after the changes", "All there.");
			expect(conversation(request).slice(-3)).toEqual([
				"user: custom: data 0",
				"user: custom: data 1",
				"user: after the changes",
			]);
		},
		SLOW,
	);

	test(
		"what an extension of a follower says during a run elsewhere comes after that run, for everybody",
		async () => {
			await a.submit("a run in A");
			const request = await shared.live.model.next();
			request.text("I am saying ");
			await b.waitForText("I am saying");
			await b.submit("/test:custom said meanwhile");
			await waitFor(
				() => inFile(b, "custom").some((one) => JSON.stringify(one).includes("said meanwhile")),
				"it",
			);
			request.text("something.").finish();
			await inBoth("custom_message", "custom: said meanwhile");
			const shown = await shared.expectLevel();
			expect(count(shown, "custom: said meanwhile")).toBe(1);
			expect(shown.indexOf("I am saying something.")).toBeLessThan(shown.indexOf("custom: said meanwhile"));
			const next = await shared.exchange(b, "what was said?", "That.");
			expect(conversation(next).slice(-3)).toEqual([
				"assistant: I am saying something.",
				"user: custom: said meanwhile",
				"user: what was said?",
			]);
		},
		SLOW,
	);

	test(
		"S0-20 each terminal writes its own file alone",
		async () => {
			const pid = await a.pid();
			const before = await Bun.file(shared.file).text();
			const replicaBefore = await Bun.file(shared.fileOf(b)).text();
			expect(replicaBefore).toBe(before);
			process.kill(pid, "SIGSTOP");
			try {
				await b.submit("while A sleeps");
				(await shared.live.model.next()).text("A sleeps.").finish();
				await b.waitForText("A sleeps.");
				await waitFor(
					async () => (await Bun.file(shared.fileOf(b)).text()).includes("A sleeps."),
					"the answer in B's file",
				);
				expect(await Bun.file(shared.file).text()).toBe(before);
			} finally {
				process.kill(pid, "SIGCONT");
			}
			await a.waitForText("A sleeps.");
			await shared.expectLevel();
		},
		SLOW,
	);

	test(
		"an error that is tried again shows in both, with the retry, and one that stays shows too",
		async () => {
			await a.submit("fail at first");
			(await shared.live.model.next()).text("I try").fail("503 overloaded_error: service unavailable");
			for (const terminal of [a, b]) await terminal.waitForText("Retrying (1/");
			(await shared.live.model.next()).text("Second attempt worked.").finish();
			for (const terminal of [a, b]) {
				await terminal.waitForText("Second attempt worked.");
				await terminal.waitFor((screen) => !screen.includes("Retrying"), "the end of the retry");
			}
			await shared.expectLevel();
			await b.submit("fail for good");
			(await shared.live.model.next()).text("No").fail("400 invalid request: nothing helps");
			const shown = await shared.expectLevel();
			expect(shown).toContain("nothing helps");
			const request = await shared.exchange(a, "after the failures", "Fine again.");
			expect(conversation(request).slice(-2)[0]).not.toContain("I try");
		},
		SLOW,
	);

	test(
		"the retry of the other terminal's run ends with Escape",
		async () => {
			await a.submit("fail and be stopped");
			(await shared.live.model.next()).text("I try").fail("503 overloaded_error: service unavailable");
			for (const terminal of [a, b]) await terminal.waitForText("Retrying (1/");
			await b.press("Escape");
			await shared.expectLevel();
			await shared.exchange(b, "after the stop", "Going on.");
		},
		SLOW,
	);

	test(
		"a queued prompt can be taken back until the running terminal has accepted it",
		async () => {
			await a.submit("take your time");
			const first = await shared.live.model.next();
			first.text("Taking it. ");
			await b.waitForText("Taking it.");
			// The running terminal is as if its connection was cut: it accepts nothing.
			process.kill(await a.pid(), "SIGSTOP");
			try {
				await b.submit("a word too many");
				await b.waitForText("Steering: a word too many");
				await b.press("M-Up");
				await b.clearEditor("a word too many");
				await b.waitFor((screen) => !screen.includes("Steering:"), "an empty queue");
			} finally {
				process.kill(await a.pid(), "SIGCONT");
			}
			await b.submit("never mind this");
			for (const terminal of [a, b]) await terminal.waitForText("Steering: never mind this");
			// A has accepted it: it is in A's queue, where only A can take it out.
			await b.press("M-Up");
			await b.waitFor((screen) => editorText(screen).trim() === "", "an empty editor");
			first.finish();
			const second = await shared.live.model.next();
			expect(conversation(second).at(-1)).toBe("user: never mind this");
			second.text("Minded anyway.").finish();
			const shown = await shared.expectLevel();
			expect(count(shown, "never mind this")).toBe(1);
			expect(shown).not.toContain("a word too many");
		},
		SLOW,
	);

	test(
		"a move in the tree of one terminal moves the other, and the next run goes on from there",
		async () => {
			await shared.exchange(a, "the last on this branch", "Before the move.");
			await a.submit("!echo a leaf to be left");
			await inBoth("message", "a leaf to be left\\n");
			await a.submit("/test:tree");
			for (const terminal of [a, b])
				await terminal.waitFor(
					(screen) => !screen.includes("echo a leaf to be left"),
					"the left branch to go",
				);
			const request = await shared.exchange(b, "go on from the answer", "From the answer.");
			expect(conversation(request).slice(-2)).toEqual([
				"assistant: Before the move.",
				"user: go on from the answer",
			]);
		},
		SLOW,
	);

	test(
		"the summary of a branch that was left shows in both",
		async () => {
			await b.submit("!echo to be summed up");
			await inBoth("message", "to be summed up\\n");
			await b.submit("/test:tree summary");
			(await shared.live.model.next()).text("What was tried on the branch.").finish();
			await inBoth("branch_summary", "What was tried on the branch.");
			await shared.expectLevel();
			const request = await shared.exchange(a, "after the summary", "Summed up.");
			expect(JSON.stringify(request.context.messages)).toContain("What was tried on the branch.");
		},
		SLOW,
	);

	test(
		"a compaction in one terminal shows in the other, and the next run has what is left",
		async () => {
			await b.submit("/compact");
			await a.waitForText("Compacting");
			for (let round = 0; round < 15 && inFile(b, "compaction").length === 0; round += 1)
				(await shared.live.model.next(1_000).catch(() => null))
					?.text("All that was said, summed up.")
					.finish();
			await inBoth("compaction", "All that was said, summed up.");
			await shared.settled(a, b);
			for (const terminal of [a, b])
				await terminal.waitFor((screen) => /\[compaction\]|Compacted from/.test(screen), "the compaction");
			const request = await shared.exchange(a, "after the compaction", "Light again.");
			const said = JSON.stringify(request.context.messages);
			expect(said).toContain("All that was said, summed up.");
			expect(said).not.toContain("with which model?");
			if (versions[0] === versions[1]) expect(systemMessages(request)).toBe(1);
		},
		SLOW,
	);

	test(
		"S0-16 a slash command and a ! command run where they are typed, on what the other terminal has said so far",
		async () => {
			await a.submit("!echo from the shell of A");
			await inBoth("message", "from the shell of A\\n");
			for (const terminal of [a, b]) await terminal.waitForText("\n from the shell of A");
			await b.submit("!echo from the shell of B");
			await inBoth("message", "from the shell of B\\n");
			for (const terminal of [a, b]) await terminal.waitForText("\n from the shell of B");
			await a.submit("a long answer, please");
			const request = await shared.live.model.next();
			request.text("The last word is ").text("zebra");
			await b.waitForText("zebra");
			request.finish();
			// No wait in between: the command waits for what the run still has to write.
			await b.submit("/test:custom after the run");
			await inBoth("custom", "after the run");
			const next = await shared.exchange(b, "what was the last word?", "It was zebra.");
			expect(conversation(next)).toContain("assistant: The last word is zebra");
			expect(conversation(next)).toContain("user: custom: after the run");
		},
		SLOW,
	);

	test(
		"a name that is given during the other's run stands in the same place in every file",
		async () => {
			for (const [round, [runner, namer]] of [[a, b] as const, [b, a] as const].entries()) {
				await runner.submit("a run with a name in it");
				const request = await shared.live.model.next();
				request.text(`Half ${round} of`);
				await namer.waitForText(`Half ${round} of`);
				await namer.submit(`/name Named in between ${round}`);
				await waitFor(
					() => JSON.stringify(inFile(namer, "session_info")).includes(`between ${round}`),
					"the name",
				);
				request.text(` the answer ${round}.`).finish();
				await inBoth("session_info", `Named in between ${round}`);
				for (const terminal of [a, b]) await terminal.waitForText(`answer ${round}.`);
				await shared.settled(a, b);
				await shared.expectSameFiles();
			}
			const next = await shared.exchange(b, "is all of it there?", "All of it.");
			expect(conversation(next).filter((line) => line === "assistant: Half 1 of the answer 1.")).toHaveLength(
				1,
			);
		},
		SLOW,
	);
});

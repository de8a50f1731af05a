/** A real Pi in a terminal, and somebody outside our code who sees its session arrive. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { LiveSetup } from "../../support/live-setup.ts";
import { type PiTerminal, readSession, sessionFiles } from "../../support/pi-terminal.ts";
import { PI_VERSIONS } from "../../support/pi-versions.ts";
import type { WatchedSession } from "../../support/session-observer.ts";

const SLOW = 120_000;

describe.each([...PI_VERSIONS])("a session of Pi %s", (version) => {
	let live: LiveSetup;
	let terminal: PiTerminal;
	let seen: WatchedSession;
	let sessionId: string;

	beforeAll(async () => {
		live = await LiveSetup.start(version);
		terminal = await live.terminal();
	}, SLOW);
	afterAll(() => live?.tearDown());

	/** The session file's entries are what the backend holds, JSON for JSON, in order. */
	async function expectFileStored(): Promise<void> {
		const file = sessionFiles(live.home).at(-1) as string;
		const { header, entries } = readSession(file);
		expect(header.id).toBe(sessionId);
		await live.observer.until("every line of the session file", () => seen.entries.length >= entries.length);
		expect(seen.json).toEqual(entries);
		expect(seen.entries.map((entry) => entry.seq)).toEqual(entries.map((_, index) => index + 1));
	}

	test(
		"shows the prompt, then the answer while it is being said, then the entries",
		async () => {
			await terminal.submit("please say something long");
			const request = await live.model.next();
			sessionId = (await live.observer.session()).sessionId;
			seen = live.observer.watch(sessionId);
			await live.observer.until("the prompt", () =>
				seen.byRole("user").some((entry) => entry.json?.includes("something long")),
			);
			request.thinking("I should say ").thinking("something.");
			await live.observer.until("the thinking", () => seen.said("h") === "I should say something.");
			request.text("One ");
			await live.observer.until("the first word", () => seen.text === "One ");
			request.text("two ");
			await live.observer.until("the second word", () => seen.text === "One two ");
			expect(seen.byRole("assistant")).toHaveLength(0);
			expect(live.observer.sessions.find((row) => row.sessionId === sessionId)?.status).toBe("running");
			request.text("three.").finish({ input: 100, output: 7 });
			await live.observer.until("the stored answer", () => seen.byRole("assistant").length === 1);
			await live.observer.until("the end of the run", () => !seen.streaming);
			await expectFileStored();
			const row = await live.observer.session((one) => one.sessionId === sessionId && one.status === "idle");
			expect(row).toMatchObject({ title: "please say something long", tokens: { input: 100, output: 7 } });
			await terminal.waitForText("opensync: synced");
		},
		SLOW,
	);

	test(
		"shows tools with their output as it grows, and settles it with their results",
		async () => {
			await terminal.submit("run two tools");
			const request = await live.model.next();
			request
				.text("Running.")
				.tool("bash", { command: "echo alpha; sleep 0.4; echo beta; sleep 0.4; echo omega" })
				.tool("read", { path: "README.md" })
				.finish();
			await live.observer.until(
				"the growing output",
				() => seen.said("o").includes("alpha\n") && !seen.said("o").includes("omega"),
			);
			expect(seen.ops.filter((op) => op[0] === "x").map((op) => op[2])).toEqual(["bash", "read"]);
			(await live.model.next()).text("Both done.").finish();
			await live.observer.until("both results", () => seen.byRole("toolResult").length === 2);
			await live.observer.until("the end of the run", () => !seen.streaming);
			expect(seen.said("o")).toContain("omega");
			await expectFileStored();
		},
		SLOW,
	);

	test(
		"takes in what no run made: name, label, model, ! command, custom entries, tree moves",
		async () => {
			await terminal.submit("/name A fine session");
			await live.observer.until("the name", () =>
				live.observer.sessions.some((row) => row.title === "A fine session"),
			);
			await terminal.submit("/test:label keep this");
			await live.observer.until("the label", () => seen.entries.some((entry) => entry.type === "label"));
			await terminal.submit("!echo from the shell");
			await live.observer.until("the command's output", () =>
				seen.entries.some((entry) => entry.json?.includes("bashExecution")),
			);
			await terminal.submit("/test:custom some data");
			await live.observer.until("the custom message", () =>
				seen.entries.some((entry) => entry.type === "custom_message"),
			);
			await terminal.submit("/test:model scripted-2");
			await live.observer.until(
				"the model change",
				() => seen.entries.filter((entry) => entry.type === "model_change").length > 1,
			);
			await expectFileStored();

			const leafBefore = live.observer.sessions.find((row) => row.sessionId === sessionId)?.leafId;
			await terminal.submit("/test:tree");
			await live.observer.until(
				"the moved leaf",
				() => live.observer.sessions.find((row) => row.sessionId === sessionId)?.leafId !== leafBefore,
			);
			await expectFileStored();
		},
		SLOW,
	);

	test(
		"takes in a compaction and a run after it",
		async () => {
			await terminal.submit("/compact");
			// Pi asks twice when the cut falls into a turn.
			const isCompacted = () => seen.entries.some((entry) => entry.type === "compaction");
			for (let round = 0; round < 15 && !isCompacted(); round += 1) {
				const request = await live.model.next(1_000).catch(() => null);
				request?.text("A summary of what was said.").finish();
			}
			expect(isCompacted(), await terminal.screen()).toBe(true);
			await terminal.submit("go on after that");
			(await live.model.next()).text("Going on.").finish();
			await live.observer.until("the answer", () =>
				seen.entries.some((entry) => entry.json?.includes("Going on.")),
			);
			await live.observer.until("the end of the run", () => !seen.streaming);
			await expectFileStored();
		},
		SLOW,
	);

	test(
		"takes in the summary of a branch that was left",
		async () => {
			await terminal.submit("!echo to be left behind");
			await live.observer.until("the command", () =>
				seen.entries.some((entry) => entry.json?.includes("to be left behind")),
			);
			await terminal.submit("/test:tree summary");
			(await live.model.next()).text("What was tried on the branch.").finish();
			await live.observer.until("the summary", () =>
				seen.entries.some((entry) => entry.type === "branch_summary"),
			);
			await expectFileStored();
		},
		SLOW,
	);

	test(
		"takes in an answer that was stopped with Escape, as far as it came",
		async () => {
			await terminal.submit("say something and be stopped");
			(await live.model.next()).text("This is as far as it");
			await terminal.waitForText("This is as far as it");
			await terminal.press("Escape");
			await live.observer.until("the aborted answer", () =>
				seen.entries.some((entry) => entry.json?.includes('"aborted"')),
			);
			await live.observer.until("the end of the run", () => !seen.streaming);
			await expectFileStored();
		},
		SLOW,
	);

	test(
		"has ended when Pi was left",
		async () => {
			await terminal.quit();
			await live.observer.session((row) => row.sessionId === sessionId && row.status === "ended");
			await expectFileStored();
		},
		SLOW,
	);
});

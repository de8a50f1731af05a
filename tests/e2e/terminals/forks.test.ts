/** Forks as Pi makes them: typed into a real terminal, seen by a stock client. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { LiveSetup } from "../../support/live-setup.ts";
import { type PiTerminal, readSession, sessionFiles } from "../../support/pi-terminal.ts";
import { PI_VERSIONS } from "../../support/pi-versions.ts";

const SLOW = 120_000;

describe.each([...PI_VERSIONS])("a fork in Pi %s", (version) => {
	let live: LiveSetup;
	let terminal: PiTerminal;

	beforeAll(async () => {
		live = await LiveSetup.start(version);
	}, SLOW);
	beforeEach(() => live.model.dropRequests());
	afterAll(() => live?.tearDown());

	async function say(prompt: string, answer: string, usage = { input: 100, output: 10 }): Promise<void> {
		await terminal.submit(prompt);
		(await live.model.next()).text(answer).finish(usage);
		await terminal.waitForText(answer);
		await live.observer.until("the end of the run", () => live.observer.sessions[0]?.status === "idle");
	}

	const fileOf = (sessionId: string) =>
		sessionFiles(live.home).find((path) => path.includes(sessionId)) as string;
	const row = (sessionId: string) => live.observer.sessions.find((one) => one.sessionId === sessionId);

	test(
		"has its lineage, holds its own entries alone, reads whole, and counts no token twice",
		async () => {
			terminal = await live.terminal();
			await say("first prompt", "The first answer.");
			await say("second prompt", "The second answer.");
			const parent = await live.observer.session();
			const parentLines = readSession(fileOf(parent.sessionId)).entries;

			await terminal.submit("/clone");
			await terminal.waitFor(
				(screen) => /clone|fork/i.test(screen.slice(screen.lastIndexOf("second answer"))),
				"the clone",
			);
			await say("a prompt in the fork", "An answer in the fork.", { input: 5, output: 3 });

			const fork = await live.observer.session((one) => one.sessionId !== parent.sessionId);
			const lines = readSession(fileOf(fork.sessionId));
			const own = live.observer.watch(fork.sessionId);
			await live.observer.until("the fork's answer", () =>
				own.entries.some((entry) => entry.json?.includes("An answer in the fork.")),
			);
			expect(fork.lineage).toEqual({
				parentSessionId: parent.sessionId,
				forkEntryId: parentLines.at(-1)?.id ?? null,
			});
			expect(own.entries.length).toBe(lines.entries.length - parentLines.length);
			const { file, stored } = await live.compare(fork.sessionId);
			expect(stored).toEqual(file);
			expect(row(fork.sessionId)?.tokens).toMatchObject({ input: 5, output: 3 });
			expect(row(parent.sessionId)?.tokens).toMatchObject({ input: 200, output: 20 });
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"made with /fork from an earlier prompt shares what came before it",
		async () => {
			terminal = await live.terminal();
			await say("keep this prompt", "A kept answer.");
			await say("fork from this one", "An answer that is left.");
			const parent = await live.observer.session((one) => one.title === "keep this prompt");
			await terminal.submit("/fork");
			await terminal.waitFor((screen) => screen.includes("Fork"), "the choice of prompts");
			await terminal.press("Enter");
			// The list of prompts shows that text too.
			await terminal.waitForText("Forked to new session");
			await terminal.clearEditor("fork from this one");
			await say("another way", "Another answer.", { input: 5, output: 3 });
			const fork = await live.observer.session(
				(one) => (one.lineage as { parentSessionId?: string } | null)?.parentSessionId === parent.sessionId,
			);
			const { file, stored } = await live.compare(fork.sessionId);
			expect(stored).toEqual(file);
			expect(JSON.stringify(stored)).toContain("A kept answer.");
			expect(JSON.stringify(stored)).not.toContain("An answer that is left.");
			expect(row(fork.sessionId)?.tokens).toMatchObject({ input: 5, output: 3 });
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"whose parent was never synced brings the parent along first",
		async () => {
			terminal = await live.terminal({ more: ["--no-opensync"] });
			await terminal.submit("nobody saw this");
			(await live.model.next()).text("Unseen answer.").finish();
			await terminal.waitForText("Unseen answer.");
			await terminal.quit();
			const parentFile = sessionFiles(live.home).find((path) =>
				readSession(path).entries.some((entry) => JSON.stringify(entry).includes("nobody saw this")),
			) as string;
			const parentId = readSession(parentFile).header.id as string;
			expect(row(parentId)).toBeUndefined();

			terminal = await live.terminal({ more: ["--fork", parentFile] });
			await say("seen in the fork", "Seen answer.", { input: 7, output: 2 });
			const fork = await live.observer.session(
				(one) => (one.lineage as { parentSessionId?: string } | null)?.parentSessionId === parentId,
			);
			await live.observer.session((one) => one.sessionId === parentId);
			const { file, stored } = await live.compare(fork.sessionId);
			expect(stored).toEqual(file);
			expect(row(fork.sessionId)?.tokens).toMatchObject({ input: 7, output: 2 });
			expect(row(parentId)?.tokens).toMatchObject({ input: 100, output: 10 });
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"left by /new is ended, and the new session stands for itself",
		async () => {
			terminal = await live.terminal();
			await say("before the new session", "Old answer.");
			const before = await live.observer.session((one) => one.title === "before the new session");
			await terminal.submit("/new");
			await terminal.waitForText("New session started");
			await say("in the new session", "New answer.");
			const after = await live.observer.session((one) => one.title === "in the new session");
			expect(after.lineage).toBeNull();
			await live.observer.session((one) => one.sessionId === before.sessionId && one.status === "ended");
			for (const { sessionId } of [before, after]) {
				const { file, stored } = await live.compare(sessionId);
				expect(stored).toEqual(file);
			}
			await terminal.quit();
		},
		SLOW,
	);
});

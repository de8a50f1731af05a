/** The backend fails in every way a person can meet: Pi must not notice, and nothing may be lost. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LiveSetup } from "../../support/live-setup.ts";
import { type PiTerminal, readSession, sessionFiles } from "../../support/pi-terminal.ts";
import { PI_VERSIONS } from "../../support/pi-versions.ts";

const SLOW = 180_000;
const NOTICE = "does not answer";

describe.each([...PI_VERSIONS])("Pi %s", (version) => {
	let live: LiveSetup;

	beforeAll(async () => {
		live = await LiveSetup.start(version);
	}, SLOW);
	afterAll(() => live?.tearDown());

	const count = (text: string, part: string) => text.split(part).length - 1;

	async function expectStoredOnce(sessionId: string): Promise<void> {
		const { file, stored } = await live.compare(sessionId);
		expect(stored).toEqual(file);
	}

	test(
		"goes on while the backend is killed in mid-stream, and afterwards every entry is there once",
		async () => {
			const terminal = await live.terminal();
			await terminal.submit("a long answer please");
			const request = await live.model.next();
			request.text("It begins, ");
			const { sessionId } = await live.observer.session((row) => row.title === "a long answer please");
			const seen = live.observer.watch(sessionId);
			await live.observer.until("the first words", () => seen.text.includes("It begins"));

			await live.stack.kill();
			request.text("goes on in the dark, ");
			await terminal.waitForText("goes on in the dark,");
			await terminal.waitForText("opensync: offline");
			request.text("and ends.").finish();
			await terminal.waitForText("and ends.");
			await terminal.submit("still there?");
			(await live.model.next()).text("Still here, unheard.").finish();
			await terminal.waitForText("Still here, unheard.");
			await terminal.waitForText(NOTICE);

			await live.stack.up();
			await terminal.waitForText("opensync: synced", 60_000);
			await expectStoredOnce(sessionId);
			const screen = await terminal.scrollback();
			expect(count(screen, NOTICE)).toBeLessThanOrEqual(1);

			await terminal.submit("and now?");
			const last = await live.model.next();
			last.text("Heard again");
			await live.observer.until("deltas after the restart", () => seen.text.includes("Heard again"), 30_000);
			last.text(".").finish();
			await live.observer.until("the last answer", () =>
				seen.entries.some((entry) => entry.json?.includes("Heard again.")),
			);
			await terminal.quit();
			await expectStoredOnce(sessionId);
		},
		SLOW,
	);

	test(
		"that was killed itself is caught up by its next start",
		async () => {
			await live.stack.stop();
			const terminal = await live.terminal();
			await terminal.submit("said while nobody listened");
			(await live.model.next()).text("An answer into the void.").finish();
			await terminal.waitForText("An answer into the void.");
			process.kill(await terminal.pid(), "SIGKILL");
			const file = sessionFiles(live.home).find((path) =>
				JSON.stringify(readSession(path)).includes("nobody listened"),
			) as string;
			const sessionId = readSession(file).header.id as string;

			await live.stack.up();
			const again = await live.terminal({ more: ["--session", file] });
			await live.observer.session((row) => row.sessionId === sessionId);
			await expectStoredOnce(sessionId);
			await again.quit();
		},
		SLOW,
	);

	test(
		"starts and works as ever while no backend is there, says so once, and syncs when one comes",
		async () => {
			await live.stack.stop();
			const terminal = await live.terminal();
			await terminal.waitForText("opensync: offline");
			await terminal.waitForText(NOTICE);
			for (const word of ["one", "two", "three"]) {
				await terminal.submit(`prompt ${word}`);
				(await live.model.next()).text(`Answer ${word}.`).finish();
				await terminal.waitForText(`Answer ${word}.`);
			}
			expect(count(await terminal.screen(), NOTICE)).toBe(1);
			await live.stack.up();
			await terminal.waitForText("opensync: synced", 60_000);
			const { sessionId } = await live.observer.session((row) => row.title === "prompt one");
			await expectStoredOnce(sessionId);
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"with a wrong key says so once, and works",
		async () => {
			const terminal = await live.terminal({
				env: { PI_OPENSYNC_API_KEY: "osk_thiskeydoesnotexist0000000000000" },
			});
			await terminal.waitForText("opensync: signed out");
			await terminal.submit("does it work?");
			(await live.model.next()).text("It does.").finish();
			const screen = await terminal.waitForText("It does.");
			expect(count(screen, "OpenSync: signed out")).toBe(1);
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"without any set-up says once how to start, and stays off",
		async () => {
			const empty = join(live.home.root, "empty-home");
			await mkdir(empty, { recursive: true });
			const terminal = await live.terminal({ env: { HOME: empty, XDG_CONFIG_HOME: join(empty, ".config") } });
			await terminal.waitForText("opensync: not set up");
			await terminal.waitForText("/opensync:config");
			await terminal.submit("/new");
			await terminal.waitForText("New session started");
			await terminal.submit("does it work?");
			(await live.model.next()).text("It does.").finish();
			const screen = await terminal.waitForText("It does.");
			expect(count(screen, "no API key yet")).toBeLessThanOrEqual(1);
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"with a settings file that is no JSON works, and both a notice and the doctor say what is wrong",
		async () => {
			const broken = join(live.home.root, "broken-home");
			await mkdir(join(broken, ".config", "pi-opensync-plugin"), { recursive: true });
			await writeFile(join(broken, ".config", "pi-opensync-plugin", "config.json"), "{ not json");
			const terminal: PiTerminal = await live.terminal({
				env: { HOME: broken, XDG_CONFIG_HOME: join(broken, ".config") },
			});
			const isSaid = (screen: string) => /is not a\s+JSON\s+object/.test(screen);
			await terminal.waitFor(isSaid, "what is wrong with the settings");
			await terminal.submit("/opensync:doctor");
			await terminal.waitFor((screen) => /✗ The settings file/.test(screen), "the doctor");
			await terminal.quit();
		},
		SLOW,
	);
});

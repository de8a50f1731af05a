/** The commands of a person in Pi: settings that take effect at once, status, doctor, the page's address. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { LiveSetup } from "../../support/live-setup.ts";
import type { PiTerminal } from "../../support/pi-terminal.ts";
import { PI_VERSIONS } from "../../support/pi-versions.ts";
import { SessionObserver } from "../../support/session-observer.ts";
import { Stack } from "../../support/stack.ts";

const SLOW = 180_000;

describe.each([...PI_VERSIONS])("in Pi %s", (version) => {
	let live: LiveSetup;
	let terminal: PiTerminal;
	let other: Stack;
	let otherKey: string;

	beforeAll(async () => {
		live = await LiveSetup.start(version);
		other = await Stack.start(live.home, "other-data");
		otherKey = JSON.parse(
			(await other.cli("keys", "create", "--name", "second", "--data", other.ready.dataDir, "--json")).stdout,
		).key;
		terminal = await live.terminal();
	}, SLOW);
	afterAll(async () => {
		await other?.stop();
		await live?.tearDown();
	});

	const configFile = () => join(live.home.home, ".config", "pi-opensync-plugin", "config.json");
	const config = async () => (await Bun.file(configFile()).json()) as Record<string, unknown>;

	async function openConfig(): Promise<void> {
		await terminal.submit("/opensync:config");
		await terminal.waitForText("Backend URL");
	}

	/** Replaces the value of the row that is selected. */
	async function retype(value: string): Promise<void> {
		await terminal.press("Enter");
		await terminal.waitForText("Enter takes it");
		await terminal.press("C-u");
		await terminal.type(value);
		await terminal.press("Enter");
		await terminal.waitForText("Auto sync");
	}

	test(
		"the status tells where the session goes, and never the key",
		async () => {
			await terminal.submit("hello");
			(await live.model.next()).text("Hello yourself.").finish();
			await terminal.waitForText("Hello yourself.");
			await terminal.waitForText("opensync: synced");
			await terminal.submit("/opensync:status");
			const screen = await terminal.waitForText("here too");
			expect(screen).toContain(live.stack.url);
			expect(screen).toMatch(/state\s+synced/);
			expect(screen).toMatch(/entries\s+\d+ stored, 0 queued/);
			expect(screen).not.toContain(await live.stack.apiKey());
		},
		SLOW,
	);

	test(
		"the doctor finds all well",
		async () => {
			await terminal.submit("/opensync:doctor");
			const screen = await terminal.waitForText("the key is good");
			expect(screen).not.toContain("✗");
		},
		SLOW,
	);

	test(
		"the page's address comes with a code that signs in once",
		async () => {
			await terminal.submit("/opensync:open");
			const screen = await terminal.waitForText("#code=");
			const code = /#code=([\w-]+)/.exec(screen)?.[1];
			const redeem = () =>
				fetch(`${live.stack.siteUrl}/auth/code`, {
					method: "POST",
					headers: { "Content-Type": "application/json" },
					body: JSON.stringify({ code }),
				});
			expect(((await (await redeem()).json()) as { key?: string }).key).toMatch(/^osk_/);
			expect((await redeem()).ok).toBe(false);
		},
		SLOW,
	);

	test(
		"a toggle is saved, and a bad key is not without being asked",
		async () => {
			await openConfig();
			await terminal.press("Down", "Down");
			await terminal.press("Down", "Down");
			await terminal.press("Enter");
			await terminal.waitFor((screen) => /Thinking\s+off/.test(screen), "thinking off");
			await terminal.press("Escape");
			await terminal.waitForText("OpenSync: saved");
			expect((await config()).syncThinking).toBe(false);
			expect(statSync(configFile()).mode & 0o777).toBe(0o600);

			const before = await config();
			await openConfig();
			await terminal.press("Down");
			await retype("osk_thiskeyisnotknownanywhere000000");
			expect(await terminal.screen()).not.toContain("osk_thiskeyisnotknownanywhere000000");
			await terminal.press("Escape");
			await terminal.waitForText("save all the same?");
			await terminal.press("Down");
			await terminal.press("Enter");
			await terminal.waitForText("nothing was saved");
			expect(await config()).toEqual(before);
		},
		SLOW,
	);

	test(
		"changes are given up with Ctrl-C, and a narrow terminal draws the list all the same",
		async () => {
			const before = await config();
			await terminal.resize(34, 30);
			await openConfig();
			await terminal.press("Down", "Down", "Enter");
			await terminal.waitFor((screen) => /Auto sync\s+off/.test(screen), "auto sync off");
			await terminal.press("C-c");
			await terminal.waitFor((screen) => !screen.includes("Auto sync"), "the closed list");
			await terminal.resize(110, 36);
			await terminal.waitForText("opensync: synced");
			expect(await config()).toEqual(before);
		},
		SLOW,
	);

	test(
		"another backend takes effect without a restart: the session goes there, whole",
		async () => {
			await openConfig();
			await retype(other.url);
			await terminal.press("Down");
			await retype(otherKey);
			await terminal.press("Escape");
			await terminal.waitForText("answers, and the key is");
			await terminal.waitForText("opensync: synced");
			expect(await config()).toMatchObject({ convexUrl: other.url, apiKey: otherKey });
			await terminal.submit("said to the other one");
			(await live.model.next()).text("Heard by the other.").finish();
			await terminal.waitForText("Heard by the other.");

			const there = await SessionObserver.connect(other.url, other.siteUrl, otherKey);
			try {
				const { sessionId } = await there.session((row) => row.title === "hello");
				const seen = there.watch(sessionId);
				await there.until("the last answer", () =>
					seen.entries.some((entry) => entry.json?.includes("Heard by the other.")),
				);
				expect(seen.byRole("user")).toHaveLength(2);
				const here = await live.observer.wholeSession(sessionId);
				expect(JSON.stringify(here)).not.toContain("Heard by the other.");
			} finally {
				await there.close();
			}
		},
		SLOW,
	);

	test(
		"who else is at the session shows in the footer",
		async () => {
			const there = await SessionObserver.connect(other.url, other.siteUrl, otherKey);
			try {
				const { sessionId } = await there.session((row) => row.title === "hello");
				await there.beHere(sessionId, "a page");
				await terminal.waitForText("with a page");
			} finally {
				await there.leave();
				await there.close();
			}
			await terminal.waitFor((screen) => !screen.includes("with a page"), "the page to be gone");
		},
		SLOW,
	);
});

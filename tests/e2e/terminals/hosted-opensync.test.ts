/** A hosted OpenSync as the only destination, and beside our own backend; real Pi, as people have set it up. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HOSTED_KEY, type HostedOpenSync, startHostedOpenSync } from "../../support/hosted-opensync.ts";
import { LiveSetup } from "../../support/live-setup.ts";
import {
	makePiHome,
	type PiHome,
	PiTerminal,
	piArguments,
	readSession,
	removePiHome,
	runPi,
	sessionFiles,
} from "../../support/pi-terminal.ts";
import { BUN, PI_VERSIONS, type PiVersion, preparePi } from "../../support/pi-versions.ts";
import { textsOf } from "../../support/record-setup.ts";
import { ScriptedModel } from "../../support/scripted-model.ts";
import { ROOT } from "../../support/source-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

const SLOW = 180_000;

describe.each([...PI_VERSIONS])("only a hosted OpenSync, in Pi %s", (version) => {
	let pi: PiVersion;
	let home: PiHome;
	let model: ScriptedModel;
	let hosted: HostedOpenSync;
	const terminals: PiTerminal[] = [];

	beforeAll(async () => {
		pi = await preparePi(version);
		model = await ScriptedModel.start();
		home = await makePiHome(model.env);
		hosted = await startHostedOpenSync();
		// As pi-opensync-plugin writes it.
		await mkdir(join(home.home, ".config", "pi-opensync-plugin"), { recursive: true });
		await writeFile(
			join(home.home, ".config", "pi-opensync-plugin", "config.json"),
			JSON.stringify({
				apiKey: HOSTED_KEY,
				autoSync: true,
				convexUrl: hosted.convexUrl,
				debug: false,
				syncThinking: false,
				syncToolCalls: true,
			}),
		);
	}, SLOW);
	afterAll(async () => {
		for (const terminal of terminals) await terminal.stop();
		await hosted?.stop();
		await model?.stop();
		await removePiHome(home);
	});

	async function start(more: string[] = []): Promise<PiTerminal> {
		const terminal = await PiTerminal.start(pi, home, { args: piArguments({ more }) });
		terminals.push(terminal);
		return terminal;
	}

	async function say(terminal: PiTerminal, prompt: string, answer: string): Promise<void> {
		await terminal.submit(prompt);
		(await model.next()).thinking("hidden thought").text(answer).finish();
		await terminal.waitForText(answer);
	}

	const titled = (title: string) => hosted.store.sessions.find((one) => one.title === title);
	const textsIn = (title: string) =>
		hosted.messagesOf(titled(title)?.externalId ?? "").flatMap(({ parts }) => textsOf(parts));
	/** Every message of the newest session's file is there once, with its own date. */
	async function expectRecorded(sessionId: string): Promise<void> {
		const file = sessionFiles(home).find((path) => path.includes(sessionId)) as string;
		const said = readSession(file).entries.filter(
			({ type, message }) =>
				type === "message" && ["user", "assistant"].includes(String((message as { role: string }).role)),
		);
		await waitFor(() => hosted.messagesOf(sessionId).length >= said.length);
		expect(hosted.messagesOf(sessionId).map(({ externalId, createdAt }) => [externalId, createdAt])).toEqual(
			said.map(({ id, timestamp }) => [`pi:${sessionId}:${id}`, Date.parse(String(timestamp))]),
		);
	}

	test(
		"records a session by the plugin's own settings, and says so",
		async () => {
			const terminal = await start();
			await terminal.waitForText(`opensync: recorded at ${new URL(hosted.siteUrl).host}`);
			await say(terminal, "how do tides work?", "The moon pulls.");
			await waitFor(() => textsIn("how do tides work?").includes("The moon pulls."));
			await waitFor(() => (titled("how do tides work?")?.promptTokens ?? 0) > 0);
			const session = titled("how do tides work?");
			expect(session).toMatchObject({
				source: "pi",
				projectName: "proj",
				promptTokens: 100,
				completionTokens: 10,
			});
			expect(session?.searchableText).toContain("The moon pulls.");
			await expectRecorded(session?.externalId ?? "");
			expect(JSON.stringify(hosted.requests)).not.toContain("hidden thought");
			const screen = await terminal.screen();
			expect(screen).not.toContain("does not answer");
			expect(screen).not.toContain(HOSTED_KEY);
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"status and doctor know about it, and never show the key",
		async () => {
			const terminal = await start();
			await terminal.waitForText("opensync: recorded at");
			await terminal.submit("/opensync:status");
			await terminal.waitForText("OpenSync keeps a record and nothing live");
			await terminal.submit("/opensync:doctor");
			const screen = await terminal.waitForText("answers and takes the key");
			expect(screen).not.toContain("✗");
			expect(screen).not.toContain(HOSTED_KEY);
			await terminal.submit("/opensync:attach");
			await terminal.waitForText("which shares nothing live");
			await terminal.submit("/opensync:open");
			await terminal.waitForText("a sign-in of its own");
			await terminal.submit("/opensync:sync");
			await terminal.waitForText("nothing was missing");
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"the command line's status and doctor know about it too",
		async () => {
			const cli = async (...args: string[]) => {
				const child = Bun.spawn([BUN, join(ROOT, "src", "cli", "main.ts"), ...args], {
					cwd: ROOT,
					env: home.env,
					stdin: "ignore",
					stdout: "pipe",
					stderr: "pipe",
				});
				return { stdout: await new Response(child.stdout).text(), code: await child.exited };
			};
			const status = await cli("status", "--json");
			expect(status.code).toBe(0);
			expect(JSON.parse(status.stdout)).toMatchObject({
				ok: true,
				records: [{ url: hosted.siteUrl, waiting: 0 }],
			});
			expect((await cli("status")).stdout).toContain(
				"answers and takes the key. Nothing waits to be recorded.",
			);
			const doctor = await cli("doctor", "--json");
			const { findings } = JSON.parse(doctor.stdout) as {
				findings: { check: string; ok: boolean; message: string }[];
			};
			expect(findings.find(({ check }) => check === "backend")).toMatchObject({
				ok: true,
				message: expect.stringContaining("It keeps a record only."),
			});
			expect(status.stdout + doctor.stdout).not.toContain(HOSTED_KEY);
			await hosted.down();
			expect((await cli("status")).code).toBe(1);
			await hosted.up();
		},
		SLOW,
	);

	test(
		"a fork bears its parent's mark and repeats what it shares",
		async () => {
			const terminal = await start();
			await terminal.waitForText("opensync: recorded at");
			await say(terminal, "a prompt to fork", "The shared answer.");
			await waitFor(() => textsIn("a prompt to fork").length === 2);
			const parent = titled("a prompt to fork");
			await terminal.submit("/clone");
			await terminal.waitFor(
				(screen) => /clone|fork/i.test(screen.slice(screen.lastIndexOf("shared answer"))),
				"the clone",
			);
			await say(terminal, "only in the fork", "The fork's answer.");
			const title = `[Fork::${parent?.externalId.slice(0, 8)}] a prompt to fork`;
			await waitFor(() => textsIn(title).includes("The fork's answer."));
			expect(textsIn(title)).toEqual([
				"a prompt to fork",
				"The shared answer.",
				"only in the fork",
				"The fork's answer.",
			]);
			expect(textsIn("a prompt to fork")).toEqual(["a prompt to fork", "The shared answer."]);
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"while it is away Pi goes on, and everything arrives when it is back",
		async () => {
			const terminal = await start();
			await terminal.waitForText("opensync: recorded at");
			await hosted.down();
			await say(terminal, "said in the dark", "Answered in the dark.");
			await terminal.waitFor((screen) => /opensync: offline, \d+ queued/.test(screen), "the queue");
			await hosted.up();
			await waitFor(() => textsIn("said in the dark").length === 2, "what was unsent", 40_000);
			await terminal.waitForText("opensync: recorded at");
			await expectRecorded(titled("said in the dark")?.externalId ?? "");
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"a Pi that was killed with something unsent: the next start of any Pi sends it",
		async () => {
			const terminal = await start();
			await terminal.waitForText("opensync: recorded at");
			await hosted.down();
			await say(terminal, "never sent by its own Pi", "Nor was this.");
			await terminal.waitFor((screen) => /opensync: offline, \d+ queued/.test(screen), "the queue");
			process.kill(await terminal.pid(), "SIGKILL");
			await hosted.up();
			const next = await start();
			await waitFor(() => textsIn("never sent by its own Pi").length === 2, "what was unsent", 40_000);
			await expectRecorded(titled("never sent by its own Pi")?.externalId ?? "");
			await next.quit();
			const records = join(home.home, ".local", "share", "pi-opensync", "records");
			for (const name of readdirSync(records, { recursive: true, encoding: "utf8" })) {
				const mode = statSync(join(records, name)).mode & 0o077;
				expect([name, mode]).toEqual([name, 0]);
			}
		},
		SLOW,
	);

	test(
		"print mode records too, and prints nothing of ours",
		async () => {
			const running = runPi(pi, home, piArguments({ more: ["-p", "say it"] }));
			(await model.next()).text("Said.").finish();
			const { stdout, stderr } = await running;
			expect(stdout.trim()).toBe("Said.");
			expect(stderr).not.toMatch(/opensync/i);
			await waitFor(() => textsIn("say it").includes("Said."));
		},
		SLOW,
	);

	test(
		"print mode records at its very first start too, when nothing is known of the address yet",
		async () => {
			const fresh = join(home.root, "fresh-data");
			const env = { XDG_DATA_HOME: fresh };
			const running = runPi(pi, home, piArguments({ more: ["-p", "the very first"] }), env);
			(await model.next()).text("Said at once.").finish();
			const { stdout, stderr } = await running;
			expect(stdout.trim()).toBe("Said at once.");
			expect(stderr).not.toMatch(/opensync/i);
			await waitFor(() => textsIn("the very first").includes("Said at once."));
		},
		SLOW,
	);

	test(
		"the plugin's environment variables do as well as its file",
		async () => {
			const empty = join(home.root, "env-home");
			await mkdir(empty, { recursive: true });
			const terminal = await PiTerminal.start(pi, home, {
				args: piArguments(),
				env: {
					HOME: empty,
					XDG_CONFIG_HOME: join(empty, ".config"),
					XDG_DATA_HOME: join(empty, ".local", "share"),
					PI_OPENSYNC_CONVEX_URL: hosted.convexUrl,
					PI_OPENSYNC_API_KEY: HOSTED_KEY,
					PI_OPENSYNC_AUTO_SYNC: "true",
					PI_OPENSYNC_TOOL_CALLS: "false",
					PI_OPENSYNC_THINKING: "true",
					PI_OPENSYNC_DEBUG: "false",
				},
			});
			terminals.push(terminal);
			await terminal.waitForText("opensync: recorded at");
			await terminal.submit("set by the environment");
			(await model.next()).thinking("a thought").tool("bash", { command: "echo unwanted" }).finish();
			(await model.next()).text("Heard.").finish();
			await waitFor(() => textsIn("set by the environment").includes("Heard."));
			expect(textsIn("set by the environment")).toEqual([
				"set by the environment",
				"<thinking>\na thought\n</thinking>",
				"Heard.",
			]);
			const { externalId } = titled("set by the environment") as { externalId: string };
			expect(JSON.stringify(hosted.messagesOf(externalId))).not.toContain("unwanted");
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"a start without a network knows that it is an OpenSync, and starts no backend",
		async () => {
			await hosted.down();
			const terminal = await start();
			await say(terminal, "offline from the start", "Noted.");
			await terminal.waitFor((screen) => /opensync: offline, \d+ queued/.test(screen), "the queue");
			expect(existsSync(join(home.home, ".local", "share", "pi-opensync", "backend"))).toBe(false);
			const hosts = readFileSync(
				join(home.home, ".local", "share", "pi-opensync", "records", "hosts.json"),
				"utf8",
			);
			expect(JSON.parse(hosts)).toEqual({ [hosted.convexUrl]: hosted.siteUrl });
			await hosted.up();
			await waitFor(() => textsIn("offline from the start").length === 2, "what was unsent", 40_000);
			await terminal.quit();
		},
		SLOW,
	);
});

describe.each([...PI_VERSIONS])("our backend and a hosted OpenSync at once, in Pi %s", (version) => {
	let live: LiveSetup;
	let hosted: HostedOpenSync;

	beforeAll(async () => {
		hosted = await startHostedOpenSync();
		live = await LiveSetup.start(version, {
			PI_OPENSYNC_OPENSYNC_URL: hosted.siteUrl,
			PI_OPENSYNC_OPENSYNC_KEY: HOSTED_KEY,
		});
	}, SLOW);
	afterAll(async () => {
		await live?.tearDown();
		await hosted?.stop();
	});

	const texts = () => hosted.store.messages.flatMap(({ parts }) => textsOf(parts));

	test(
		"each gets the session whole, no secret leaves the machine, and one that is away does not hold up the other",
		async () => {
			const terminal = await live.terminal();
			await terminal.waitForText("opensync: synced · recorded");
			const token = `ghp_${"a1B2c3D4e5F6".repeat(3)}`;
			await terminal.submit(`remember ${token}`);
			(await live.model.next()).tool("bash", { command: "echo from-the-tool" }).finish();
			(await live.model.next()).text("Remembered.").finish();
			await terminal.waitForText("Remembered.");
			await waitFor(() => texts().includes("Remembered."));
			const session = await live.observer.session();
			const { file, stored } = await live.compare(session.sessionId);
			expect(stored).toEqual(file);
			expect(JSON.stringify(hosted.requests)).not.toContain(token);
			const call = hosted.store.messages
				.flatMap(({ parts }) => parts)
				.find(({ type }) => type === "tool-call");
			expect(call?.content).toMatchObject({ toolName: "bash", args: { command: "echo from-the-tool" } });
			const result = hosted.store.messages
				.flatMap(({ parts }) => parts)
				.find(({ type }) => type === "tool-result");
			expect(result?.content).toMatchObject({ result: expect.stringContaining("from-the-tool") });

			await hosted.down();
			await terminal.submit("while OpenSync is away");
			(await live.model.next()).text("Our backend has it.").finish();
			await terminal.waitForText("Our backend has it.");
			await terminal.waitFor(
				(screen) => /opensync: synced · 127\.0\.0\.1:\d+ offline/.test(screen),
				"the record's state",
			);
			expect((await live.compare(session.sessionId)).stored).toHaveLength(
				readSession(sessionFiles(live.home)[0] as string).entries.length,
			);
			await hosted.up();

			await live.stack.stop();
			await terminal.submit("while our backend is away");
			(await live.model.next()).text("OpenSync has it.").finish();
			await waitFor(() => texts().includes("OpenSync has it."), "what was unsent", 40_000);
			expect(texts()).toContain("Our backend has it.");
			await live.stack.up();
			await terminal.waitFor((screen) => screen.includes("opensync: synced · recorded"), "both", 60_000);
			const both = await live.compare(session.sessionId);
			expect(both.stored).toEqual(both.file);
			expect(new Set(hosted.store.messages.map(({ externalId }) => externalId)).size).toBe(
				hosted.store.messages.length,
			);

			const { stdout } = await live.stack.cli("status", "--json");
			expect(JSON.parse(stdout)).toMatchObject({ ok: true, records: [{ ok: true, waiting: 0 }] });
			expect(stdout).not.toContain(HOSTED_KEY);
			const doctor = await live.stack.cli("doctor");
			expect(doctor.stdout).toContain("ok    OpenSync: The OpenSync at");
			const config = await live.stack.cli("config", "get");
			expect(config.stdout).not.toContain(HOSTED_KEY);
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"the second destination is set in Pi's own list of settings, tested, and in force at once",
		async () => {
			const terminal = await live.terminal({
				env: { PI_OPENSYNC_OPENSYNC_URL: "", PI_OPENSYNC_OPENSYNC_KEY: "" },
			});
			await terminal.waitFor((screen) => /opensync: synced(?! ·)/.test(screen), "no record");
			const retype = async (value: string) => {
				await terminal.press("Enter");
				await terminal.waitForText("Enter takes it");
				await terminal.press("C-u");
				await terminal.type(value);
				await terminal.press("Enter");
				await terminal.waitForText("Auto sync");
			};
			await terminal.submit("/opensync:config");
			await terminal.waitFor((screen) => /OpenSync URL\s+none/.test(screen), "the list");
			await terminal.press(...Array.from({ length: 7 }, () => "Down"));
			await retype(hosted.siteUrl);
			await terminal.press("Down");
			await retype(HOSTED_KEY);
			expect(await terminal.screen()).not.toContain(HOSTED_KEY);
			await terminal.press("Escape");
			await terminal.waitForText("answers and takes the key");
			await terminal.waitForText("opensync: synced · recorded");
			await terminal.submit("now to both");
			(await live.model.next()).text("To both.").finish();
			await waitFor(() => texts().includes("To both."));
			await live.observer.session((row) => row.title === "now to both");
			await terminal.quit();
		},
		SLOW,
	);
});

/** Pi without a terminal, without a session file, and with the sync switched off. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { LiveSetup } from "../../support/live-setup.ts";
import { piArguments, readSession, runPi, sessionFiles } from "../../support/pi-terminal.ts";
import { BUN, NODE, PI_VERSIONS } from "../../support/pi-versions.ts";

const SLOW = 120_000;

describe.each([...PI_VERSIONS])("Pi %s", (version) => {
	let live: LiveSetup;

	beforeAll(async () => {
		live = await LiveSetup.start(version);
	}, SLOW);
	afterAll(() => live?.tearDown());

	const titled = (title: string) => live.observer.session((row) => row.title === title);

	async function answer(text: string): Promise<void> {
		(await live.model.next()).text(text).finish();
	}

	test(
		"in print mode prints the answer and nothing of ours, and has sent all when it ends",
		async () => {
			const running = runPi(live.pi, live.home, piArguments({ more: ["-p", "print mode prompt"] }));
			await answer("The printed answer.");
			const { stdout, stderr, code } = await running;
			expect({ stdout: stdout.trim(), code }).toEqual({ stdout: "The printed answer.", code: 0 });
			expect(stderr).not.toMatch(/opensync/i);
			const { sessionId } = await titled("print mode prompt");
			const { file, stored } = await live.compare(sessionId, 2_000);
			expect(stored).toEqual(file);
		},
		SLOW,
	);

	test(
		"in print mode with --no-session has sent all when it ends, for nothing else keeps it",
		async () => {
			const before = sessionFiles(live.home).length;
			const running = runPi(
				live.pi,
				live.home,
				piArguments({ more: ["--no-session", "-p", "kept nowhere else"] }),
			);
			await answer("Kept on the backend.");
			expect((await running).code).toBe(0);
			expect(sessionFiles(live.home)).toHaveLength(before);
			const { sessionId } = await titled("kept nowhere else");
			const whole = await live.observer.wholeSession(sessionId);
			expect(whole.map((entry) => entry.type)).toContain("message");
			expect(JSON.stringify(whole)).toContain("Kept on the backend.");
		},
		SLOW,
	);

	test(
		"in print mode ends soon when no backend is there",
		async () => {
			const env = { PI_OPENSYNC_CONVEX_URL: "http://127.0.0.1:9" };
			const running = runPi(live.pi, live.home, piArguments({ more: ["-p", "nobody listens"] }), env);
			await answer("Said anyway.");
			const { stdout, stderr, code } = await running;
			expect({ stdout: stdout.trim(), code }).toEqual({ stdout: "Said anyway.", code: 0 });
			expect(stderr).not.toMatch(/opensync|unhandled/i);
		},
		SLOW,
	);

	test(
		"under Bun syncs as under Node",
		async () => {
			const more = ["-p", "said under Bun"];
			const running = runPi(live.pi, live.home, piArguments({ more }), {}, BUN);
			await answer("Heard under Bun.");
			const { stdout, code } = await running;
			expect({ stdout: stdout.trim(), code }).toEqual({ stdout: "Heard under Bun.", code: 0 });
			const { sessionId } = await titled("said under Bun");
			const { file, stored } = await live.compare(sessionId, 2_000);
			expect(stored).toEqual(file);
		},
		SLOW,
	);

	test(
		"in json mode prints its own events alone",
		async () => {
			const running = runPi(
				live.pi,
				live.home,
				piArguments({ more: ["--mode", "json", "json mode prompt"] }),
			);
			await answer("The json answer.");
			const { stdout, code } = await running;
			expect(code).toBe(0);
			const types = stdout
				.trim()
				.split("\n")
				.map((line) => JSON.parse(line).type as string);
			expect(types.filter((type) => !/^(session|agent|turn|message)(_|$)/.test(type))).toEqual([]);
			await titled("json mode prompt");
		},
		SLOW,
	);

	test(
		"in rpc mode syncs, tells its state as a status, and answers our commands",
		async () => {
			const child = Bun.spawn([NODE, live.pi.cli, ...piArguments({ more: ["--mode", "rpc"] })], {
				cwd: live.home.cwd,
				env: live.home.env,
				stdin: "pipe",
				stdout: "pipe",
				stderr: "pipe",
			});
			const lines: Record<string, unknown>[] = [];
			const reading = readLines(child.stdout, (line) => lines.push(JSON.parse(line)));
			const send = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`);
			send({ id: "1", type: "prompt", message: "rpc mode prompt" });
			await answer("The rpc answer.");
			const { sessionId } = await titled("rpc mode prompt");
			await live.observer.session((row) => row.sessionId === sessionId && row.status === "idle");
			const told = (find: (line: Record<string, unknown>) => boolean, what: string) =>
				live.observer.until(what, () => lines.some(find));
			await told(
				(line) => line.method === "setStatus" && line.statusText === "opensync: synced",
				"the status",
			);
			send({ id: "2", type: "prompt", message: "/opensync:status" });
			await told(
				(line) => line.method === "notify" && String(line.message).includes(sessionId),
				"the status report",
			);
			child.stdin.end();
			expect(await child.exited).toBe(0);
			await reading;
			const { file, stored } = await live.compare(sessionId, 2_000);
			expect(stored).toEqual(file);
		},
		SLOW,
	);

	test(
		"started with --no-opensync sends nothing until it is asked to",
		async () => {
			const terminal = await live.terminal({ more: ["--no-opensync"] });
			await terminal.submit("private at first");
			await answer("Not sent.");
			await terminal.waitForText("Not sent.");
			expect(await terminal.screen()).not.toContain("opensync:");
			expect(live.observer.sessions.some((row) => row.title === "private at first")).toBe(false);
			await terminal.submit("/opensync:sync");
			await terminal.waitForText("entries compared");
			const { sessionId } = await titled("private at first");
			const { file, stored } = await live.compare(sessionId);
			expect(stored).toEqual(file);
			await terminal.quit();
		},
		SLOW,
	);

	test(
		"reloaded in mid-session goes on as the same session",
		async () => {
			const terminal = await live.terminal();
			await terminal.submit("before the reload");
			await answer("Before.");
			const { sessionId } = await titled("before the reload");
			await terminal.waitForText("Before.");
			await terminal.submit("/reload");
			await terminal.waitForText("Reloaded");
			await terminal.submit("after the reload");
			await answer("After.");
			await terminal.waitForText("After.");
			const { file, stored } = await live.compare(sessionId);
			expect(stored).toEqual(file);
			expect(readSession(sessionFiles(live.home).at(-1) as string).header.id).toBe(sessionId);
			await terminal.waitForText("opensync: synced");
			await terminal.quit();
		},
		SLOW,
	);
});

async function readLines(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
	const decoder = new TextDecoder();
	let rest = "";
	for await (const part of stream) {
		const lines = (rest + decoder.decode(part, { stream: true })).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines) if (line !== "") take(line);
	}
}

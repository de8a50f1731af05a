/** Pi where the network, the disk or the backend is not as it should be: it must not notice. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { startHostedOpenSync } from "../../support/hosted-opensync.ts";
import { LiveSetup } from "../../support/live-setup.ts";
import {
	makePiHome,
	PiTerminal,
	piArguments,
	readSession,
	removePiHome,
	runPi,
	sessionFiles,
} from "../../support/pi-terminal.ts";
import { PI_VERSIONS } from "../../support/pi-versions.ts";
import { waitFor } from "../../support/wait-for.ts";

const SLOW = 120_000;
const KEY = "osk_adverse000000000000000000000001";

/** Accepts connections, keeps what was said first, and answers nothing. */
async function startSilent(): Promise<{ server: Server; url: string; heard: string[] }> {
	const heard: string[] = [];
	const server = createServer((socket) => {
		socket.on("error", () => {});
		socket.once("data", (data) => heard.push(String(data).split("\r\n", 1)[0] ?? ""));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return { server, heard, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe.each([...PI_VERSIONS])("Pi %s", (version) => {
	let live: LiveSetup;

	beforeAll(async () => {
		live = await LiveSetup.start(version);
	}, SLOW);
	afterAll(() => live?.tearDown());

	async function answer(text: string): Promise<void> {
		(await live.model.next()).text(text).finish();
	}

	test(
		"what goes to a backend of this machine passes no proxy that the environment names",
		async () => {
			const proxy = await startSilent();
			const running = runPi(live.pi, live.home, piArguments({ more: ["-p", "not for the proxy"] }), {
				HTTP_PROXY: proxy.url,
				HTTPS_PROXY: proxy.url,
			});
			await answer("Said past it.");
			expect((await running).code).toBe(0);
			const { sessionId } = await live.observer.session((row) => row.title === "not for the proxy");
			const { file, stored } = await live.compare(sessionId, 2_000);
			expect(stored).toEqual(file);
			expect(proxy.heard).toEqual([]);
			proxy.server.close();
		},
		SLOW,
	);

	test(
		"a backend that takes connections and never answers leaves print mode as it is",
		async () => {
			const silent = await startSilent();
			const running = runPi(live.pi, live.home, piArguments({ more: ["-p", "is anybody there?"] }), {
				PI_OPENSYNC_CONVEX_URL: silent.url,
				PI_OPENSYNC_SITE_URL: silent.url,
				PI_OPENSYNC_API_KEY: KEY,
			});
			await answer("Nobody but me.");
			const { stdout, stderr, code } = await running;
			expect({ stdout: stdout.trim(), stderr, code }).toEqual({
				stdout: "Nobody but me.",
				stderr: "",
				code: 0,
			});
			expect(silent.heard.length).toBeGreaterThan(0);
			silent.server.close();
		},
		SLOW,
	);

	test(
		"a data folder that cannot be made neither ends Pi nor keeps a session from being recorded",
		async () => {
			const hosted = await startHostedOpenSync();
			const home = await makePiHome({
				...live.model.env,
				PI_OPENSYNC_CONVEX_URL: hosted.convexUrl,
				PI_OPENSYNC_API_KEY: hosted.key,
				PI_OPENSYNC_DEBUG: "true",
			});
			const share = join(home.home, ".local", "share");
			await mkdir(share, { recursive: true });
			await writeFile(join(share, "pi-opensync"), "a file where the folder should be");
			const terminal = await PiTerminal.start(live.pi, home);
			await terminal.waitForText(`recorded at ${new URL(hosted.siteUrl).host}`);
			await terminal.submit("written nowhere");
			await answer("Recorded all the same.");
			const said = () => JSON.stringify(hosted.requests.map(({ body }) => body));
			await waitFor(() => said().includes("Recorded all the same."));
			expect(await terminal.alive()).toBe(true);
			await terminal.quit();
			await terminal.stop();
			await hosted.stop();
			await removePiHome(home);
		},
		SLOW,
	);

	test(
		"a session whose sync was switched on late is its terminal's all the same: a second Pi writes no second file of it",
		async () => {
			const first = await live.terminal({ more: ["--no-opensync"] });
			await first.submit("told late");
			await answer("Not sent at first.");
			await first.waitForText("Not sent at first.");
			await first.submit("/opensync:sync");
			await first.waitForText("compared");
			const { sessionId } = await live.observer.session((row) => row.title === "told late");
			const path = () => sessionFiles(live.home).find((one) => one.includes(sessionId)) as string;
			const second = await live.terminal({ more: ["--session", path()] });
			await second.waitForText("second view");
			await second.submit("from the second");
			await answer("Said in the second.");
			await first.waitForText("Said in the second.");
			await waitFor(() => JSON.stringify(readSession(path())).includes("Said in the second."));
			const ids = readSession(path()).entries.map(({ id }) => id);
			expect(new Set(ids).size).toBe(ids.length);
			await second.quit();
			await first.quit();
		},
		SLOW,
	);
});

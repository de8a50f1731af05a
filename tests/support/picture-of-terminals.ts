/**
 * Makes docs/two-terminals.png: two real Pis on two machines by name, one of which runs a session and the
 * other follows it, in the midst of an answer while a tool runs. Run by hand:
 *
 *   bun tests/support/picture-of-terminals.ts [target.png]
 *
 * Needs Linux, root (for host names that are not this machine's), tmux and Chromium. No test depends on it.
 */
import { execFile } from "node:child_process";
import { copyFile, mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { paneHtml } from "./ansi-html.ts";
import { openBrowser } from "./browser.ts";
import {
	makePiHome,
	type PiHome,
	PiTerminal,
	piArguments,
	removePiHome,
	sessionFiles,
} from "./pi-terminal.ts";
import { type PiVersion, preparePi } from "./pi-versions.ts";
import { ScriptedModel } from "./scripted-model.ts";
import { ROOT } from "./source-tree.ts";
import { Stack } from "./stack.ts";
import { waitFor } from "./wait-for.ts";

const run = promisify(execFile);

const SIZE = { width: 72, height: 28 };
const TEST_SCRIPT = `printf '✓ a week begins on Monday\\n✓ a leap year has 366 days\\n✓ 1 January may be in week 53\\n'
while [ ! -e done ]; do sleep 0.1; done
`;

/** One machine: a host name, a home, a project `demo` below it, and one terminal at most. */
class NamedMachine {
	readonly name: string;
	readonly home: PiHome;
	#terminal: PiTerminal | null = null;

	private constructor(name: string, home: PiHome) {
		this.name = name;
		this.home = home;
	}

	static async make(name: string, env: Record<string, string>): Promise<NamedMachine> {
		const made = await makePiHome({ ...env, COLORTERM: "truecolor" });
		const home = { ...made, cwd: join(made.home, "demo") };
		await rename(made.cwd, home.cwd);
		await writeFile(join(home.cwd, "test.sh"), TEST_SCRIPT);
		await writeFile(join(home.agent, "settings.json"), JSON.stringify({ quietStartup: true }));
		return new NamedMachine(name, home);
	}

	/** Starts Pi under this machine's name. */
	async start(pi: PiVersion, more: string[] = []): Promise<PiTerminal> {
		const cli = join(this.home.root, "pi-under-another-name.mjs");
		await writeFile(cli, underName(this.name, pi.cli));
		this.#terminal = await PiTerminal.start({ ...pi, cli }, this.home, {
			...SIZE,
			args: piArguments({ more }),
		});
		return this.#terminal;
	}

	/** What its terminal shows, with colours as SGR codes. */
	async pane(): Promise<string> {
		const folder = join(this.home.root, "tmux");
		const [own] = await readdir(folder);
		const [socket] = await readdir(join(folder, own as string));
		const at = ["-S", join(folder, own as string, socket as string)];
		return (await run("tmux", [...at, "capture-pane", "-e", "-p", "-N", "-t", "pi"])).stdout;
	}

	async stop(): Promise<void> {
		await this.#terminal?.stop();
		await removePiHome(this.home);
	}
}

/** A script that becomes that Pi, in a namespace with its own host name. */
const underName = (name: string, cli: string): string => `
const inside = ["sh", "-c", 'hostname "$0" && exec "$@"', ${JSON.stringify(name)}];
const pi = [process.execPath, ${JSON.stringify(cli)}, ...process.argv.slice(2)];
process.execve("/usr/bin/env", ["env", "unshare", "--uts", ...inside, ...pi], process.env);
`;

/** Both panes at the same moment of the same run. */
async function panes(): Promise<{ name: string; pane: string }[]> {
	const pi = await preparePi("0.87.1");
	const model = await ScriptedModel.start();
	const [laptop, desktop] = await Promise.all([
		NamedMachine.make("laptop", model.env),
		NamedMachine.make("desktop", model.env),
	]);
	const stack = await Stack.start(laptop.home);
	try {
		await shareSettings(laptop.home, desktop.home);
		const a = await laptop.start(pi);
		await a.submit("Which day does a week begin on here?");
		(await model.next()).text("On **Sunday**: `week.ts` takes the default of the locale.").finish();
		await a.waitForText("locale.");
		const file = await waitFor(() => sessionFiles(laptop.home)[0], "a session file");
		await a.waitForText("synced");
		const id = /_([0-9a-f-]+)\.jsonl$/.exec(file)?.[1] as string;
		const b = await desktop.start(pi, ["--opensync-attach", id]);
		await b.waitForText("with laptop");
		await a.submit("Make it Monday, and run the tests.");
		const answer = await model.next();
		answer.thinking("The locale decides now. ISO weeks begin on Monday, so I set it in one place.");
		answer
			.text("`week.ts` now begins its weeks on Monday. The tests:")
			.tool("bash", { command: "sh test.sh" });
		answer.finish();
		for (const terminal of [a, b]) await terminal.waitForText("week 53");
		await b.submit("And say so in the README.");
		for (const terminal of [a, b]) await terminal.waitForText("Steering: And say so");
		await a.waitForText("with desktop");
		for (const terminal of [a, b]) await terminal.waitForText("Elapsed 4.");
		return [
			{ name: "laptop", pane: await laptop.pane() },
			{ name: "desktop", pane: await desktop.pane() },
		];
	} finally {
		await writeFile(join(laptop.home.cwd, "done"), "");
		await Promise.allSettled([laptop.stop(), desktop.stop(), model.stop(), stack.stop()]);
	}
}

/** The other machine is signed in at the same backend. */
async function shareSettings(from: PiHome, to: PiHome): Promise<void> {
	const path = [".config", "pi-opensync-plugin", "config.json"];
	const target = join(to.home, ...path);
	await mkdir(dirname(target), { recursive: true });
	await copyFile(join(from.home, ...path), target);
}

const STYLE = `
body { zoom: 1.5; margin: 0; padding: 16px; display: inline-flex; gap: 16px; background: #0d0f12; }
figure { margin: 0; border: 1px solid #2c3139; border-radius: 6px; overflow: hidden; background: #16181d; }
figcaption { font: 12px sans-serif; color: #9aa3ad; background: #21252b; padding: 6px 10px; }
pre { margin: 8px 10px; font: 13px/15px "DejaVu Sans Mono", monospace; color: #d4d4d4; width: ${SIZE.width}ch; overflow: hidden; }
`;

async function photograph(views: { name: string; pane: string }[], target: string): Promise<void> {
	const figures = views.map(
		({ name, pane }) => `<figure><figcaption>${name}</figcaption><pre>${paneHtml(pane)}</pre></figure>`,
	);
	const browser = await openBrowser({ width: 2000, height: 1000 });
	try {
		const page = await browser.context.newPage();
		await page.setContent(`<style>${STYLE}</style>${figures.join("")}`);
		await page.locator("body").screenshot({ path: target });
	} finally {
		await browser.close();
	}
}

await photograph(await panes(), process.argv[2] ?? join(ROOT, "docs", "two-terminals.png"));
// A deadline that the backend's start has set would hold the process.
process.exit(0);

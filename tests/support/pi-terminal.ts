/**
 * A real Pi in a terminal of its own. Every terminal has its own tmux server, home, settings and Pi
 * folder below one temporary folder; nothing of whoever runs the test is read, and `stop` ends it all.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { NODE, type PiVersion } from "./pi-versions.ts";
import { SCRIPTED_PROVIDER } from "./scripted-model.ts";
import { ROOT } from "./source-tree.ts";

const run = promisify(execFile);

export const EXTENSION = join(ROOT, "src", "extension", "index.ts");

/** Folders of one simulated machine user; several terminals may share it. */
export type PiHome = { root: string; home: string; agent: string; cwd: string; env: Record<string, string> };

export async function makePiHome(env: Record<string, string> = {}): Promise<PiHome> {
	const root = await mkdtemp(join(tmpdir(), "opensync-pi-"));
	const home = join(root, "home");
	const agent = join(root, "agent");
	const cwd = join(root, "proj");
	for (const folder of [home, agent, cwd, join(root, "tmux")]) await mkdir(folder, { recursive: true });
	await writeFile(join(cwd, "README.md"), "# proj\nhello world\nline three\n");
	return {
		root,
		home,
		agent,
		cwd,
		env: {
			PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH ?? ""}`,
			HOME: home,
			TERM: "xterm-256color",
			LANG: "C.UTF-8",
			PI_OFFLINE: "1",
			PI_CODING_AGENT_DIR: agent,
			XDG_CONFIG_HOME: join(home, ".config"),
			XDG_DATA_HOME: join(home, ".local", "share"),
			...env,
		},
	};
}

export const removePiHome = (home: PiHome): Promise<void> => rm(home.root, { recursive: true, force: true });

/** Arguments for a Pi with the scripted model, and with our extension unless it is left out. */
export function piArguments(options: { extension?: boolean; more?: string[] } = {}): string[] {
	const extension = options.extension === false ? [] : ["-e", EXTENSION];
	return [
		"-e",
		SCRIPTED_PROVIDER,
		...extension,
		"--provider",
		"scripted",
		"--model",
		"scripted-1",
		...(options.more ?? []),
	];
}

/** Runs Pi to its end without a terminal: print and json mode. @param runtime default: Node. */
export async function runPi(
	pi: PiVersion,
	home: PiHome,
	args: string[],
	env: Record<string, string> = {},
	runtime = NODE,
) {
	const child = Bun.spawn([runtime, pi.cli, ...args], {
		cwd: home.cwd,
		env: { ...home.env, ...env },
		stdin: "ignore",
		stdout: "pipe",
		stderr: "pipe",
	});
	const [stdout, stderr, code] = await Promise.all([
		new Response(child.stdout).text(),
		new Response(child.stderr).text(),
		child.exited,
	]);
	return { stdout, stderr, code };
}

export class PiTerminal {
	readonly home: PiHome;
	readonly #socket: string;
	readonly #env: Record<string, string>;
	/** Whether Pi has taken a line: while it starts, it leaves what was sent in the editor. */
	#hasSent = false;

	private constructor(home: PiHome, socket: string) {
		this.home = home;
		this.#socket = socket;
		this.#env = { PATH: process.env.PATH ?? "", HOME: home.home, TMUX_TMPDIR: join(home.root, "tmux") };
	}

	/** Starts Pi and waits until its editor is drawn. */
	static async start(
		pi: PiVersion,
		home: PiHome,
		options: { args?: string[]; env?: Record<string, string>; width?: number; height?: number } = {},
	): Promise<PiTerminal> {
		const { args = piArguments(), env = {} } = options;
		const { width = 110, height = 36 } = options;
		const socket = `opensync-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
		const terminal = new PiTerminal(home, socket);
		const script = join(home.root, `${socket}.sh`);
		const exports = Object.entries({ ...home.env, ...env }).map(
			([name, value]) => `export ${name}=${quote(value)}`,
		);
		// Pi is the shell's child, not the pane's own process: that one tmux wakes whenever it is stopped.
		const command = [NODE, pi.cli, ...args].map(quote).join(" ");
		await writeFile(script, [...exports, `cd ${quote(home.cwd)}`, command].join("\n"));
		await terminal.#tmux(
			"new-session",
			"-d",
			"-s",
			"pi",
			"-x",
			String(width),
			"-y",
			String(height),
			`sh ${quote(script)}`,
		);
		await terminal.#tmux("set-option", "-g", "remain-on-exit", "on");
		await terminal.waitFor((screen) => screen.includes("scripted-1"), "Pi's footer", 30_000);
		return terminal;
	}

	/** What the terminal shows, without colours. */
	async screen(): Promise<string> {
		return (await this.#tmux("capture-pane", "-p", "-t", "pi")).replace(/\s+$/gm, "");
	}

	/** All that stands above the screen too, where Pi does not draw full screen. */
	async scrollback(): Promise<string> {
		return (await this.#tmux("capture-pane", "-p", "-t", "pi", "-S", "-2000")).replace(/\s+$/gm, "");
	}

	/** Types text as it is. */
	async type(text: string): Promise<void> {
		await this.#tmux("send-keys", "-t", "pi", "-l", text);
	}

	/** Presses keys by tmux's names: Enter, Escape, Down, C-c. */
	async press(...keys: string[]): Promise<void> {
		await this.#tmux("send-keys", "-t", "pi", ...keys);
	}

	/** Types a line, sees it in the editor, and sends it; again while Pi says that it is still starting. */
	async submit(line: string): Promise<void> {
		await this.type(line);
		const seen = line.slice(-40);
		await this.waitFor((screen) => editorText(screen).includes(seen), `the typed line "${seen}"`);
		const until = Date.now() + 15_000;
		for (;;) {
			await this.press("Enter");
			// A screen that tmux was just drawing can lack the line, or the whole editor: only what lasts counts.
			let looks = 0;
			const isGone = (screen: string) => {
				looks = editorText(screen).includes(seen) ? 0 : looks + 1;
				return looks >= (hasEditor(screen) ? 2 : 5);
			};
			if (Date.now() > until) return void (await this.waitFor(isGone, `"${seen}" to be sent`));
			if (await this.waitFor(isGone, "", this.#hasSent ? 1_500 : 250).catch(() => null)) break;
		}
		this.#hasSent = true;
	}

	/** Types a line that is to be refused with `refusal` and given back, and sends it until it is. */
	async submitRefused(line: string, refusal: string): Promise<void> {
		await this.type(line);
		const isRefused = (screen: string) => screen.includes(refusal) && editorText(screen).includes(line);
		const until = Date.now() + 15_000;
		for (;;) {
			await this.press("Enter");
			if (await this.waitFor(isRefused, "", 1_000).catch(() => null)) return;
			if (Date.now() > until) return void (await this.waitFor(isRefused, `"${line}" to be refused`));
		}
	}

	/** Empties the editor of what Pi put there, once it has. */
	async clearEditor(expected: string): Promise<void> {
		await this.waitFor((screen) => editorText(screen).includes(expected), `"${expected}" in the editor`);
		await this.press("C-u");
		await this.waitFor((screen) => !editorText(screen).includes(expected), "an empty editor");
	}

	/** Waits until the screen is as wanted; on failure the error shows the screen. */
	async waitFor(wanted: (screen: string) => boolean, what: string, deadlineMs = 15_000): Promise<string> {
		const until = Date.now() + deadlineMs;
		for (;;) {
			const screen = await this.screen();
			if (wanted(screen)) return screen;
			if (Date.now() > until) throw new Error(`Waited ${deadlineMs} ms for ${what}. The screen:\n${screen}`);
			await Bun.sleep(40);
		}
	}

	waitForText(text: string, deadlineMs?: number): Promise<string> {
		return this.waitFor((screen) => screen.includes(text), `"${text}"`, deadlineMs);
	}

	async resize(width: number, height: number): Promise<void> {
		await this.#tmux("resize-window", "-t", "pi", "-x", String(width), "-y", String(height));
	}

	/** Whether Pi still runs. */
	async alive(): Promise<boolean> {
		return (await this.#tmux("list-panes", "-t", "pi", "-F", "#{pane_dead}").catch(() => "1")).trim() === "0";
	}

	/** Pi's process id. */
	async pid(): Promise<number> {
		const shell = (await this.#tmux("list-panes", "-t", "pi", "-F", "#{pane_pid}")).trim();
		const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid="]);
		const pids = stdout.split("\n").map((line) => line.trim().split(/\s+/));
		return Number(pids.find(([, parent]) => parent === shell)?.[0]);
	}

	/** Leaves Pi as a person would, and waits for its end. */
	async quit(): Promise<void> {
		await this.submit("/quit");
		const until = Date.now() + 15_000;
		while (await this.alive()) {
			if (Date.now() > until) throw new Error(`Pi did not quit. The screen:\n${await this.screen()}`);
			await Bun.sleep(40);
		}
	}

	async stop(): Promise<void> {
		await this.#tmux("kill-server").catch(() => "");
	}

	async #tmux(...args: string[]): Promise<string> {
		const { stdout } = await run("tmux", ["-L", this.#socket, "-f", "/dev/null", ...args], {
			env: this.#env,
			encoding: "utf8",
		});
		return stdout;
	}
}

/** What stands in the editor, which is the lowest framed part of the screen. Empty when none is drawn. */
export function editorText(screen: string): string {
	const [top, bottom] = editorFrame(screen);
	return top === undefined || bottom === undefined
		? ""
		: screen
				.split("\n")
				.slice(top + 1, bottom)
				.join("\n");
}

const hasEditor = (screen: string): boolean => editorFrame(screen).length === 2;

/** The lines with the editor's upper and lower edge; fewer where they are not drawn. */
function editorFrame(screen: string): number[] {
	return screen
		.split("\n")
		.flatMap((line, index) => (/─{20}$/.test(line) ? [index] : []))
		.slice(-2);
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The session files of a home, oldest first. */
export function sessionFiles(home: PiHome): string[] {
	const folder = join(home.agent, "sessions");
	if (!existsSync(folder)) return [];
	return readdirSync(folder, { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(".jsonl"))
		.sort()
		.map((name) => join(folder, name));
}

export type SessionLines = {
	header: Record<string, unknown>;
	entries: (Record<string, unknown> & { id: string; type: string })[];
};

export function readSession(file: string): SessionLines {
	const [header, ...entries] = readFileSync(file, "utf8")
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line));
	return { header, entries };
}

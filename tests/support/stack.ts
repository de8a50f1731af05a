/**
 * The embedded backend in a process of its own, started as a person starts it, on free ports and a data
 * folder of the test. It makes the first key and writes the settings of the home it is given, so a Pi in
 * that home is signed in.
 */
import { createServer } from "node:net";
import { join } from "node:path";
import type { PiHome } from "./pi-terminal.ts";
import { BUN } from "./pi-versions.ts";
import { ROOT } from "./source-tree.ts";

const MAIN = join(ROOT, "src", "cli", "main.ts");
const START_MS = 60_000;

type Ready = { url: string; siteUrl: string; dashboardUrl: string; dataDir: string; pid: number };

export class Stack {
	readonly port: number;
	readonly #home: PiHome;
	readonly #dataDir: string;
	#child: Bun.Subprocess<"ignore", "pipe", "pipe"> | null = null;
	#ready: Ready | null = null;

	private constructor(home: PiHome, port: number, dataDir: string) {
		this.#home = home;
		this.port = port;
		this.#dataDir = dataDir;
	}

	static async start(home: PiHome, name = "data"): Promise<Stack> {
		const stack = new Stack(home, await twoPorts(), join(home.root, name));
		await stack.up();
		return stack;
	}

	get ready(): Ready {
		if (!this.#ready) throw new Error("The stack is not up.");
		return this.#ready;
	}

	get url(): string {
		return `http://127.0.0.1:${this.port}`;
	}

	get siteUrl(): string {
		return `http://127.0.0.1:${this.port + 1}`;
	}

	/** The key that `up` wrote to the settings. */
	async apiKey(): Promise<string> {
		const file = join(this.#home.home, ".config", "pi-opensync-plugin", "config.json");
		return ((await Bun.file(file).json()) as { apiKey: string }).apiKey;
	}

	/** Starts the process, on the same ports and data every time. */
	async up(): Promise<void> {
		const args = ["--port", String(this.port), "--site-port", String(this.port + 1), "--data", this.#dataDir];
		const child = Bun.spawn([BUN, MAIN, "up", "--json", "--no-open", "--no-demo", "--no-import", ...args], {
			cwd: ROOT,
			env: this.#home.env,
			stdin: "ignore",
			stdout: "pipe",
			stderr: "pipe",
		});
		this.#child = child;
		const line = await Promise.race([firstLine(child.stdout), Bun.sleep(START_MS).then(() => null)]);
		if (!line) {
			child.kill("SIGKILL");
			throw new Error(`The backend did not start: ${await new Response(child.stderr).text()}`);
		}
		this.#ready = JSON.parse(line) as Ready;
	}

	/** As when the machine loses power: no goodbye. */
	async kill(): Promise<void> {
		this.#child?.kill("SIGKILL");
		await this.#child?.exited;
		this.#child = null;
	}

	/** Ends it as Ctrl-C does; gives its exit code. */
	async stop(): Promise<number> {
		const child = this.#child;
		this.#child = null;
		if (!child) return 0;
		child.kill("SIGTERM");
		const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
		const code = await child.exited;
		clearTimeout(killer);
		return code;
	}

	/** Runs a verb of the command line in the same home. */
	async cli(...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
		const child = Bun.spawn([BUN, MAIN, ...args], {
			cwd: ROOT,
			env: this.#home.env,
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
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string | null> {
	const reader = stream.getReader();
	const decoder = new TextDecoder();
	let text = "";
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return null;
		text += decoder.decode(value, { stream: true });
		const end = text.indexOf("\n");
		if (end === -1) continue;
		reader.releaseLock();
		return text.slice(0, end);
	}
}

/** Two free ports next to each other: the page's is the API's plus one, as everywhere by default. */
async function twoPorts(): Promise<number> {
	for (let attempt = 0; attempt < 50; attempt += 1) {
		const port = 20_000 + Math.floor(Math.random() * 20_000);
		if ((await isFree(port)) && (await isFree(port + 1))) return port;
	}
	throw new Error("No two neighbouring ports are free.");
}

function isFree(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once("error", () => resolve(false));
		server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
	});
}

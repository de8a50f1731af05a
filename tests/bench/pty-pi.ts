/**
 * A real Pi on a pseudo-terminal of the benchmark's own, read byte by byte. Pi draws in frames (synchronised
 * output); what a frame holds counts as seen when the frame's end has been read, by the monotonic clock.
 * Only text that is drawn once can be timed: of what is drawn again the first time counts.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../support/source-tree.ts";
import { monotonicNow, msBetween } from "./monotonic.ts";

const NODE = join(ROOT, "node_modules", ".bin", "node");
const PI = join(ROOT, "node_modules", "@earendil-works", "pi-coding-agent", "dist", "bundle", "cli.js");
const PROVIDER = join(import.meta.dir, "follow-provider.ts");
const FRAME_END = "\x1b[?2026l";
const FRAME_START = "\x1b[?2026h";
const WAIT_MS = 60_000;

/** What the provider logged: its calls, and when it had said each word of an answer. */
export type Said = { pid: number; prompt: string } & (
	| { kind: "called"; at: bigint }
	| { kind: "said"; saidAt: bigint[] }
);

export type PtyOptions = {
	env: Record<string, string>;
	cwd: string;
	extensions?: readonly string[];
	args?: readonly string[];
};

const COLUMNS = 110;
const ROWS = 36;

/** Text as it stands on the screen: without colours, cursor moves and links. */
const plain = (text: string): string =>
	// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal codes are made of them.
	text.replace(/\x1b\[[0-9;?<>=]*[A-Za-z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)/g, "");

export class PtyPi {
	readonly pid: number;
	readonly #child: Bun.Subprocess;
	readonly #folder: string;
	readonly #log: string;
	/** Before the process was made. */
	readonly spawnedAt: bigint;
	readonly #decoder = new TextDecoder();
	readonly #waiting = new Set<(text: string, at: bigint) => void>();
	/** When each word was first seen, by its text. */
	readonly seen = new Map<string, bigint>();
	#rest = "";
	#last = "";
	#watched = true;
	#drawnAt = 0n;

	/** Starts Pi; its screen is watched from the first byte. */
	constructor(options: PtyOptions) {
		const { env, cwd, extensions = [], args = [] } = options;
		this.#folder = mkdtempSync(join(tmpdir(), "pi-opensync-pty-"));
		this.#log = join(this.#folder, "said.jsonl");
		const more = [PROVIDER, ...extensions].flatMap((path) => ["-e", path]);
		this.spawnedAt = monotonicNow();
		this.#child = Bun.spawn([NODE, PI, ...more, "--provider", "bench", "--model", "bench-1", ...args], {
			cwd,
			env: { ...env, TERM: "xterm-256color", LANG: "C.UTF-8", FOLLOW_LOG: this.#log },
			terminal: {
				cols: COLUMNS,
				rows: ROWS,
				data: (_terminal, bytes) => {
					if (this.#watched) this.#take(bytes);
				},
			},
		});
		this.pid = this.#child.pid;
	}

	/** From now on its screen is drawn and thrown away. */
	unwatch(): void {
		this.#watched = false;
	}

	/** When a frame with that text is first drawn from now on. */
	async sees(text: string, mostMs = WAIT_MS): Promise<bigint> {
		return await new Promise((resolve, reject) => {
			const look = (frame: string, at: bigint) => {
				if (!frame.includes(text)) return;
				stop();
				resolve(at);
			};
			const late = setTimeout(() => {
				stop();
				reject(new Error(`No frame with "${text}" within ${mostMs} ms. The last one:\n${this.#last}`));
			}, mostMs);
			const stop = () => {
				clearTimeout(late);
				this.#waiting.delete(look);
			};
			this.#waiting.add(look);
		});
	}

	/** Waits until nothing has been drawn for a while: Pi refuses prompts while it still starts. */
	async quiet(forMs = 500, mostMs = 5000): Promise<void> {
		const until = Date.now() + mostMs;
		while (Date.now() < until && msBetween(this.#drawnAt, monotonicNow()) < forMs) await Bun.sleep(20);
	}

	/** Types text and waits until the editor shows it. */
	async type(text: string): Promise<void> {
		const shown = this.sees(text);
		this.#child.terminal?.write(text);
		await shown;
	}

	/** Presses Enter; gives when. */
	enter(): bigint {
		const at = monotonicNow();
		this.#child.terminal?.write("\r");
		return at;
	}

	async submit(text: string): Promise<bigint> {
		await this.type(text);
		return this.enter();
	}

	/** What the provider of this Pi has logged so far. */
	said(): Said[] {
		if (!existsSync(this.#log)) return [];
		return readFileSync(this.#log, "utf8")
			.split("\n")
			.filter((line) => line !== "")
			.map((line) => {
				const value = JSON.parse(line) as { at?: string; saidAt?: string[] };
				return { ...value, at: BigInt(value.at ?? 0), saidAt: value.saidAt?.map(BigInt) } as unknown as Said;
			});
	}

	/** What the provider logged of a prompt, once it has. */
	async logged<Kind extends Said["kind"]>(
		kind: Kind,
		prompt: string,
	): Promise<Extract<Said, { kind: Kind }>> {
		const until = Date.now() + WAIT_MS;
		for (;;) {
			const found = this.said().find((line) => line.kind === kind && line.prompt.includes(prompt));
			if (found) return found as Extract<Said, { kind: Kind }>;
			if (Date.now() > until) throw new Error(`The provider has not ${kind} "${prompt}".\n${this.#last}`);
			await Bun.sleep(20);
		}
	}

	async end(): Promise<void> {
		this.#child.kill("SIGTERM");
		const killer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
		await this.#child.exited;
		clearTimeout(killer);
		this.#child.terminal?.close();
		rmSync(this.#folder, { recursive: true, force: true });
	}

	#take(bytes: Uint8Array): void {
		const at = monotonicNow();
		this.#drawnAt = at;
		this.#rest += this.#decoder.decode(bytes, { stream: true });
		const ended = this.#rest.lastIndexOf(FRAME_END);
		const cut =
			ended >= 0 ? ended + FRAME_END.length : this.#rest.includes(FRAME_START) ? 0 : this.#rest.length;
		if (cut === 0) return;
		const text = plain(this.#rest.slice(0, cut));
		this.#rest = this.#rest.slice(cut);
		if (text.trim() !== "") this.#last = text;
		for (const [word] of text.matchAll(/\b[A-Z]\d{4}\b/g)) if (!this.seen.has(word)) this.seen.set(word, at);
		for (const look of [...this.#waiting]) look(text, at);
	}
}

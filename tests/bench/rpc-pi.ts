/** A real Pi in rpc mode for the benchmark: prompts in, settled out. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { ROOT } from "../support/source-tree.ts";

const NODE = join(ROOT, "node_modules", ".bin", "node");
const PI = join(ROOT, "node_modules", "@earendil-works", "pi-coding-agent", "dist", "bundle", "cli.js");
const PROVIDER = join(ROOT, "tests", "bench", "bench-provider.ts");

/** What the provider logged of one answer. */
export type Said = {
	/** From Pi taking the prompt to the provider call. */ inputToProviderMs: number;
	saidAt: bigint[];
};

export class RpcPi {
	readonly pid: number;
	readonly #child: ChildProcessByStdio<Writable, Readable, null>;
	readonly #log: string;
	readonly #folder: string;
	#buffer = "";
	readonly #waiting: { fits: (line: string) => boolean; take: (line: string) => void }[] = [];
	/** From the start of the process to its first answer, ms. */
	readyMs = 0;

	constructor(extensions: readonly string[], env: Record<string, string>) {
		this.#folder = mkdtempSync(join(tmpdir(), "pi-opensync-rpc-"));
		this.#log = join(this.#folder, "said.jsonl");
		const more = [PROVIDER, ...extensions].flatMap((path) => ["-e", path]);
		this.#child = spawn(NODE, [PI, "--mode", "rpc", ...more, "--provider", "bench", "--model", "bench-1"], {
			cwd: this.#folder,
			env: { ...env, BENCH_LOG: this.#log },
			stdio: ["pipe", "pipe", "ignore"],
		});
		this.pid = this.#child.pid as number;
		this.#child.stdout.on("data", (part: Buffer) => this.#take(part.toString("utf8")));
	}

	static async start(extensions: readonly string[], env: Record<string, string>): Promise<RpcPi> {
		const started = performance.now();
		const pi = new RpcPi(extensions, env);
		await pi.state();
		pi.readyMs = performance.now() - started;
		return pi;
	}

	async state(): Promise<{ sessionId: string }> {
		const answer = this.#next((line) => line.includes('"command":"get_state"'));
		this.#send({ type: "get_state" });
		return (JSON.parse(await answer) as { data: { sessionId: string } }).data;
	}

	/** Sends a prompt and waits until Pi has settled; gives what the provider said. */
	async prompt(message: string): Promise<Said> {
		const settled = this.#next((line) => line.includes('"type":"agent_settled"'));
		this.#send({ type: "prompt", message });
		await settled;
		const last = readFileSync(this.#log, "utf8").trimEnd().split("\n").at(-1) as string;
		const { inputToProviderMs, saidAt } = JSON.parse(last) as { inputToProviderMs: number; saidAt: string[] };
		return { inputToProviderMs, saidAt: saidAt.map(BigInt) };
	}

	async end(): Promise<void> {
		const closed = new Promise((resolve) => this.#child.on("close", resolve));
		this.#child.stdin.end();
		await closed;
		rmSync(this.#folder, { recursive: true, force: true });
	}

	#send(command: object): void {
		this.#child.stdin.write(`${JSON.stringify(command)}\n`);
	}

	#next(fits: (line: string) => boolean): Promise<string> {
		return new Promise((take) => this.#waiting.push({ fits, take }));
	}

	#take(text: string): void {
		const lines = (this.#buffer + text).split("\n");
		this.#buffer = lines.pop() ?? "";
		for (const line of lines) {
			const at = this.#waiting.findIndex((one) => one.fits(line));
			if (at >= 0) this.#waiting.splice(at, 1)[0]?.take(line);
		}
	}
}

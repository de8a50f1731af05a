/** The command line as a real process, on a set-up of its own: home, settings, data, ports. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { freePorts } from "./free-ports.ts";
import { ROOT } from "./source-tree.ts";

const BUN = join(ROOT, "node_modules", ".bin", "bun");
const MAIN = join(ROOT, "src", "cli", "main.ts");
const READY_MOST_MS = 60_000;

export type Setup = {
	home: string;
	dataDir: string;
	env: Record<string, string>;
	/** Ends what was started here and removes the folder. */
	dispose(): Promise<void>;
	cli(...args: string[]): Promise<CliResult>;
	/** Starts `up` on free ports (or the given ones) and waits until it is ready. */
	up(options?: UpOptions): Promise<Up>;
};

export type UpOptions = { port?: number; sitePort?: number; args?: string[] };
export type CliResult = { code: number | null; stdout: string; stderr: string };
export type Up = {
	url: string;
	siteUrl: string;
	dashboardUrl: string;
	dataDir: string;
	pid: number;
	port: number;
	sitePort: number;
	/** Ends it with a signal; gives the exit code. */
	stop(signal?: NodeJS.Signals): Promise<number | null>;
};

/** A fresh set-up; nothing of whoever runs the tests is in it. */
export function createSetup(extra: Record<string, string> = {}): Setup {
	const home = mkdtempSync(join(tmpdir(), "pi-opensync-setup-"));
	const dataDir = join(home, "data");
	const env: Record<string, string> = {
		PATH: process.env.PATH ?? "",
		HOME: home,
		XDG_CONFIG_HOME: join(home, ".config"),
		XDG_DATA_HOME: join(home, ".local", "share"),
		PI_CODING_AGENT_DIR: join(home, "agent"),
		PI_OFFLINE: "1",
		TERM: "dumb",
		...extra,
	};
	const running = new Set<ChildProcess>();
	return {
		home,
		dataDir,
		env,
		cli: (...args) => runCli(args, env),
		async up(options = {}) {
			const ports = await freePorts(2);
			const port = options.port ?? (ports[0] as number);
			const sitePort = options.sitePort ?? (ports[1] as number);
			const flags = [
				"--json",
				"--no-open",
				"--no-demo",
				"--no-import",
				"--port",
				String(port),
				"--site-port",
				String(sitePort),
				"--data",
				dataDir,
			];
			return await startUp([...flags, ...(options.args ?? [])], env, running, { port, sitePort });
		},
		async dispose() {
			await Promise.all([...running].map((child) => stopChild(child, "SIGKILL")));
			rmSync(home, { recursive: true, force: true });
		},
	};
}

export async function runCli(args: readonly string[], env: Record<string, string>): Promise<CliResult> {
	return await outputOf(spawn(BUN, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] }));
}

/** What a program says until its end. */
export async function outputOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<CliResult> {
	let stdout = "";
	let stderr = "";
	child.stdout.on("data", (part) => {
		stdout += part;
	});
	child.stderr.on("data", (part) => {
		stderr += part;
	});
	const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
	return { code, stdout, stderr };
}

async function startUp(
	args: string[],
	env: Record<string, string>,
	running: Set<ChildProcess>,
	ports: { port: number; sitePort: number },
): Promise<Up> {
	const child = spawn(BUN, [MAIN, "up", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
	running.add(child);
	child.on("close", () => running.delete(child));
	let stderr = "";
	child.stderr.on("data", (part) => {
		stderr += part;
	});
	const ready = await new Promise<Omit<Up, "stop" | "port" | "sitePort">>((resolve, reject) => {
		let stdout = "";
		const timer = setTimeout(
			() => reject(new Error(`up was not ready in time.\n${stdout}\n${stderr}`)),
			READY_MOST_MS,
		);
		child.stdout.on("data", (part) => {
			stdout += part;
			const [line, rest] = stdout.split("\n", 2);
			if (rest === undefined) return;
			clearTimeout(timer);
			resolve(JSON.parse(line as string));
		});
		child.on("close", (code) => {
			clearTimeout(timer);
			reject(new Error(`up ended with ${code}.\n${stdout}\n${stderr}`));
		});
	});
	return { ...ready, ...ports, stop: (signal = "SIGTERM") => stopChild(child, signal) };
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
	if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
	const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
	child.kill(signal);
	return await closed;
}

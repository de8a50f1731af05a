/** A labelled demo session: a real Pi with a scripted model, so that the first page is not empty. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { piEnvironment } from "../config/child-environment.ts";
import { DEFAULTS, type Settings } from "../config/options.ts";
import { DEMO_MODEL_FILE, EXTENSION_FILE, findPi } from "./project.ts";

/** What the scripted model has answers to. */
const PROMPTS = [
	"What is this page showing me?",
	"Read the README and tell me what to try first.",
	"What is a word's way here?",
	"Thank you.",
];
/** The demo's Pi leaves after this long, whatever it is doing. */
const MOST_MS = 5 * 60_000;

/** What ends with `stop` is killed when it has not ended after this long. */
const STOP_MOST_MS = 3000;

/**
 * Runs the demo against the backend of `settings`; how much it shows does not depend on what the person
 * sends elsewhere. Resolves when it has ended, by itself or with `stop`, and its folder is gone.
 */
export async function runDemo(
	settings: Settings,
	stop: AbortSignal,
	say: (line: string) => void,
): Promise<void> {
	const pi = findPi();
	if (!pi) return say("No sessions yet: start Pi with the extension, and they show up on the page.");
	if (stop.aborted) return;
	const home = mkdtempSync(join(tmpdir(), "pi-opensync-demo-"));
	const project = join(home, "demo-project");
	mkdirSync(project);
	writeFileSync(join(project, "README.md"), README);
	const child = spawn(
		pi.node,
		[
			pi.cli,
			"--mode",
			"rpc",
			"--no-extensions",
			"-e",
			EXTENSION_FILE,
			"-e",
			DEMO_MODEL_FILE,
			"--provider",
			"demo",
			"--model",
			"demo-1",
			"--name",
			"Demo session (scripted model)",
		],
		{
			cwd: project,
			env: piEnvironment(join(home, "agent"), { ...DEFAULTS, ...addressOf(settings), redaction: "off" }),
			stdio: ["pipe", "pipe", "ignore"],
		},
	);
	const ended = new Promise<void>((resolve) => {
		child.on("error", () => resolve());
		child.on("close", () => resolve());
	});
	const over = setTimeout(() => child.stdin.end(), MOST_MS);
	over.unref();
	const end = () => {
		child.kill("SIGTERM");
		setTimeout(() => child.kill("SIGKILL"), STOP_MOST_MS).unref();
	};
	stop.addEventListener("abort", end, { once: true });
	child.stdin.on("error", () => {});
	drive(child.stdout, (message) =>
		message === null ? child.stdin.end() : child.stdin.write(`${JSON.stringify(message)}\n`),
	);
	say(
		"No sessions yet: a demo session (real Pi, scripted model) runs for about a minute, so that the page has something to show.",
	);
	await ended;
	clearTimeout(over);
	stop.removeEventListener("abort", end);
	rmSync(home, { recursive: true, force: true });
}

const addressOf = ({ convexUrl, siteUrl, apiKey }: Settings) => ({ convexUrl, siteUrl, apiKey });

/** Sends the next prompt whenever Pi has settled, and ends after the last. */
function drive(output: NodeJS.ReadableStream, send: (message: object | null) => void): void {
	const waiting = PROMPTS.map((message) => ({ type: "prompt", message }));
	let buffer = "";
	output.on("data", (part: Buffer) => {
		buffer += part.toString("utf8");
		const lines = buffer.split("\n");
		buffer = lines.pop() ?? "";
		for (const line of lines)
			if (line.includes('"agent_settled"') || line.includes('"type":"agent_end"')) next();
	});
	let busy = false;
	const next = () => {
		if (busy) return;
		busy = true;
		setTimeout(() => {
			busy = false;
			send(waiting.shift() ?? null);
		}, 1500).unref();
	};
	next();
}

const README = `# Demo project

A folder for the demo session. Nothing here is yours.

Try first:
1. Start Pi with the extension and type a prompt.
2. Watch the answer arrive on the page, word by word.
3. Type /opensync:status in Pi.
`;

/** A verb of the command line that keeps running, read as it talks. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./source-tree.ts";
import { waitFor } from "./wait-for.ts";

export type Talking = {
	pid: number;
	/** Both streams, as they came. */
	output(): string;
	/** Resolves when it has said that. */
	says(words: string): Promise<void>;
	/** Ends it, unless it has ended; gives the exit code. */
	stop(signal: NodeJS.Signals): Promise<number | null>;
	/** Resolves with the exit code. */
	ended: Promise<number | null>;
};

/** @param program default: the command line with Bun. */
export function startTalking(
	args: readonly string[],
	env: Record<string, string>,
	program: readonly string[] = [
		join(ROOT, "node_modules", ".bin", "bun"),
		join(ROOT, "src", "cli", "main.ts"),
	],
): Talking {
	const [command, ...first] = program;
	const child = spawn(command as string, [...first, ...args], {
		cwd: ROOT,
		env,
		stdio: ["ignore", "pipe", "pipe"],
	});
	let text = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream.on("data", (part) => {
			text += part;
		});
	}
	let over = false;
	const ended = new Promise<number | null>((resolve) => {
		child.on("close", (code) => {
			over = true;
			resolve(code);
		});
	});
	return {
		pid: child.pid as number,
		output: () => text,
		ended,
		async says(words) {
			await waitFor(() => text.includes(words) || over, `"${words}"`, 30_000);
			if (!text.includes(words)) throw new Error(`It ended without saying "${words}":\n${text}`);
		},
		async stop(signal) {
			if (!over) child.kill(signal);
			return await ended;
		},
	};
}

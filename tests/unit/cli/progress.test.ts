import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "../../support/source-tree.ts";

/** A process with a bar on what it takes for a terminal. */
const PROGRAM = `
	Object.defineProperty(process.stderr, "isTTY", { value: true });
	const { createProgress } = await import(${JSON.stringify(join(ROOT, "src", "cli", "progress.ts"))});
	createProgress("Importing", 10, false).step(1);
	if (process.argv.includes("ends")) process.exit(3);
	setInterval(() => {}, 1000);
	console.log("ready");
`;

function start(...args: string[]) {
	const child = spawn(join(ROOT, "node_modules", ".bin", "bun"), ["-e", PROGRAM, ...args], {
		stdio: ["ignore", "pipe", "pipe"],
	});
	let screen = "";
	child.stderr.on("data", (part) => {
		screen += part;
	});
	const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
		child.on("close", (code, signal) => resolve([code, signal])),
	);
	const ready = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
	return { child, ended, ready, screen: () => screen };
}

const HIDE = "\u001b[?25l";
const SHOW = "\u001b[?25h";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
	test(`${signal} under a bar ends the process, and the terminal has its cursor again`, async () => {
		const { child, ended, ready, screen } = start();
		await ready;
		expect(screen()).toContain(HIDE);
		child.kill(signal);
		expect(await ended).toEqual([null, signal]);
		expect(screen().lastIndexOf(SHOW)).toBeGreaterThan(screen().lastIndexOf(HIDE));
	});
}

test("an exit under a bar gives the cursor back too", async () => {
	const { ended, screen } = start("ends");
	expect(await ended).toEqual([3, null]);
	expect(screen().lastIndexOf(SHOW)).toBeGreaterThan(screen().lastIndexOf(HIDE));
});

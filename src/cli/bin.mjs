#!/usr/bin/env node
/**
 * The installed command. With Bun where this package finds one that has Node's SQLite, else with the Node that
 * runs this file: then the built command line is used, for Node runs no TypeScript below node_modules.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const project = resolve(here, "../..");
const own = join(project, "node_modules", ".bin", "bun");
const bun = existsSync(own)
	? own
	: spawnSync("bun", ["-e", 'import "node:sqlite"'], { stdio: "ignore" }).status === 0
		? "bun"
		: null;
const built = join(project, "dist", "cli.js");
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (!bun && (major < 22 || (major === 22 && minor < 19))) {
	console.error(
		`Node ${process.versions.node} is too old: use Node 22.19 or newer, or Bun 1.4 or newer (npm i -g bun).`,
	);
	process.exit(1);
}
if (!bun && !existsSync(built)) {
	console.error(
		"This checkout is not built and there is no Bun: run `npm run build`, or use `npm run -s opensync -- …`.",
	);
	process.exit(1);
}
const [program, script] = bun ? [bun, join(here, "main.ts")] : [process.execPath, built];
const quiet = bun ? [] : ["--disable-warning=ExperimentalWarning"];
const child = spawn(program, [...quiet, script, ...process.argv.slice(2)], { stdio: "inherit" });
// A terminal tells Ctrl-C to the child itself; what is sent to us alone is passed on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
	process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
}
child.on("error", (error) => {
	console.error(`${program} could not be started: ${error.message}`);
	process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));

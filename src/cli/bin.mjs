#!/usr/bin/env node
/** The installed command: runs the command line with Bun where there is one, else with a Node that has what it needs. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const project = resolve(here, "../..");
const bun =
	["bun", "bun.exe"].map((name) => join(project, "node_modules", ".bin", name)).find(existsSync) ?? "bun";
const main = join(here, "main.ts");
const args = process.argv.slice(2);

let result = spawnSync(bun, [main, ...args], { stdio: "inherit" });
if (result.error) result = spawnSync("node", [main, ...args], { stdio: "inherit" });
if (result.error) {
	console.error(
		"Neither Bun nor a Node from 24 on was found: install Bun with `npm i -g bun`, then try again.",
	);
	process.exit(1);
}
process.exit(result.status ?? 1);

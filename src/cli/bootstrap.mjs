/**
 * What the npm scripts call on a bare checkout: plain Node >= 20 and nothing else. Brings the dependencies
 * from npm when they are missing or older than the lock file (Bun, and a Node that Pi runs on, among them),
 * then runs the script that was asked for with the runtime it needs.
 *
 *   node src/cli/bootstrap.mjs bun <file> [arguments]     with Bun
 *   node src/cli/bootstrap.mjs pi [arguments]             Pi of this checkout with the extension
 *   node src/cli/bootstrap.mjs run <program> [arguments]  a program of node_modules/.bin
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const MODULES = join(PROJECT, "node_modules");
const BIN = join(MODULES, ".bin");
const LOCK = join(PROJECT, "package-lock.json");
/** The lock file as it was when everything had been installed. */
const STAMP = join(MODULES, ".pi-opensync-installed");

function fail(message) {
	process.stderr.write(`${message}\n`);
	process.exit(1);
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20) fail(`Node ${major}.${minor} is too old: install Node 20 or newer, then try again.`);

function installed() {
	const lock = readFileSync(LOCK, "utf8");
	if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === lock) return true;
	if (!installedByHand(lock) || brokenProgram() !== null) return false;
	writeFileSync(STAMP, lock);
	return true;
}

/** Whether npm's own record of what it installed has every package of the lock file that this machine needs. */
function installedByHand(lock) {
	try {
		const record = JSON.parse(readFileSync(join(MODULES, ".package-lock.json"), "utf8")).packages;
		return Object.entries(JSON.parse(lock).packages).every(
			([path, { version, optional }]) =>
				path === "" || (path in record ? record[path].version === version : optional === true),
		);
	} catch {
		return false;
	}
}

/** A runtime whose package is there but not its program, as when install scripts are off; null when all work. */
function brokenProgram() {
	const works = (program) =>
		spawnSync(join(BIN, program), ["--version"], { stdio: "ignore", shell: process.platform === "win32" })
			.status === 0;
	return ["bun", "node"].find((program) => !works(program)) ?? null;
}

function install() {
	process.stderr.write("Installing dependencies from npm (once, about a minute)…\n");
	const quiet = process.stderr.isTTY ? [] : ["--no-progress"];
	const npm = process.env.npm_execpath;
	const args = ["ci", "--no-fund", "--no-audit", "--loglevel=error", ...quiet];
	const result = npm?.endsWith(".js")
		? spawnSync(process.execPath, [npm, ...args], { cwd: PROJECT, stdio: ["ignore", 2, 2] })
		: spawnSync("npm", args, {
				cwd: PROJECT,
				stdio: ["ignore", 2, 2],
				shell: process.platform === "win32",
			});
	if (result.status !== 0)
		fail("The dependencies could not be installed: check that npm reaches its registry, then try again.");
	const broken = brokenProgram();
	if (broken !== null) {
		rmSync(STAMP, { force: true });
		fail(
			`npm installed no working ${broken}: allow install scripts (npm config set ignore-scripts false), then try again.`,
		);
	}
	writeFileSync(STAMP, readFileSync(LOCK, "utf8"));
}

if (!installed()) install();

const [what, ...rest] = process.argv.slice(2);
const pi = join(MODULES, "@earendil-works", "pi-coding-agent", "dist", "bundle", "cli.js");
const commands = {
	bun: () => [join(BIN, "bun"), [resolve(PROJECT, rest[0] ?? ""), ...rest.slice(1)]],
	pi: () => [join(BIN, "node"), [pi, "-e", join(PROJECT, "src", "extension", "index.ts"), ...rest]],
	run: () => [join(BIN, rest[0] ?? ""), rest.slice(1)],
};
if (!what || !(what in commands)) fail("Usage: bootstrap.mjs bun|pi|run …");
const [program, args] = commands[what]();
// The shell's folder stays the working folder, so that relative paths mean what the person meant.
const cwd = what === "run" ? PROJECT : (process.env.INIT_CWD ?? process.cwd());
const child = spawn(program, args, {
	cwd,
	stdio: "inherit",
	env: { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH ?? ""}` },
	shell: process.platform === "win32",
});
// Ctrl-C reaches the child by itself; a signal to us alone is passed on. Either way its exit is ours.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
	process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
child.on("error", (error) => fail(`${program} could not be started: ${error.message}`));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));

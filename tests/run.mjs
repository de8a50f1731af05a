/**
 * Runs the tests by level and adds up. `node tests/run.mjs [--quick] [level…]`
 * Levels: types lint unit functions contract property fault e2e. Last line: `N passed, N failed`.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const BIN = join(ROOT, "node_modules", ".bin");
const LEVELS = ["types", "lint", "unit", "functions", "contract", "property", "fault", "e2e"];
const QUICK = ["types", "lint", "unit", "functions"];
/** A level that hangs fails after this long. */
const LEVEL_MOST_MS = 14 * 60_000;

const args = process.argv.slice(2);
const named = args.filter((arg) => !arg.startsWith("--"));
const unknown = named.filter((level) => !LEVELS.includes(level));
if (unknown.length > 0) {
	console.error(`There is no level ${unknown.join(", ")}. There are: ${LEVELS.join(", ")}.`);
	process.exit(2);
}
const levels = named.length > 0 ? named : args.includes("--quick") ? QUICK : LEVELS;

if (levels.includes("e2e") || levels.includes("fault")) ensurePrograms();

/** Chromium, tmux and, for two machines on one, `ip`: installed on Debian with root, named elsewhere. */
function ensurePrograms() {
	const has = (names) =>
		names.some((name) => spawnSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" }).status === 0);
	const wanted = [
		{ package: "tmux", programs: ["tmux"] },
		{ package: "iproute2", programs: ["ip"] },
		{ package: "chromium", programs: ["chromium", "chromium-browser", "google-chrome"] },
	].filter((one) => !has(one.programs));
	if (wanted.length === 0) return;
	const packages = wanted.map((one) => one.package);
	const debian = existsSync("/etc/debian_version") && process.getuid?.() === 0;
	if (!debian) {
		console.error(
			`The terminal, network and browser tests need ${packages.join(" and ")}: install ${packages.length > 1 ? "them" : "it"} with your package manager, then try again.`,
		);
		console.log("0 passed, 1 failed");
		process.exit(1);
	}
	console.log(`Installing ${packages.join(" and ")} …`);
	const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
	spawnSync("apt-get", ["update", "-qq"], { stdio: ["ignore", "ignore", "inherit"], env });
	const result = spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
		stdio: ["ignore", "ignore", "inherit"],
		env,
	});
	if (result.status !== 0) {
		console.error(`apt-get could not install ${packages.join(" and ")}.`);
		console.log("0 passed, 1 failed");
		process.exit(1);
	}
}

/** Runs a program, its output passed on as it comes. */
function run(program, programArgs) {
	return new Promise((done) => {
		const child = spawn(join(BIN, program), programArgs, {
			cwd: ROOT,
			stdio: ["ignore", "pipe", "pipe"],
			env: { ...process.env, FORCE_COLOR: "0" },
		});
		let output = "";
		const timer = setTimeout(() => child.kill("SIGKILL"), LEVEL_MOST_MS);
		for (const stream of [child.stdout, child.stderr]) {
			stream.on("data", (part) => {
				output += part;
				process.stdout.write(part);
			});
		}
		child.on("close", (code) => {
			clearTimeout(timer);
			done({ code, output });
		});
	});
}

/** Test files below a level's folder; `null` when the level is a check. */
function testFiles(level) {
	const folder = join(ROOT, "tests", level);
	if (!existsSync(folder)) return [];
	return readdirSync(folder, { recursive: true })
		.filter((name) => /\.test\.tsx?$/.test(name))
		.map((name) => `./tests/${level}/${name}`)
		.sort();
}

async function runLevel(level) {
	if (level === "types") return check(await run("tsc", ["--noEmit", "-p", "."]));
	if (level === "lint") return check(await run("biome", ["check", "."]));
	const files = testFiles(level);
	if (files.length === 0) return { passed: 0, failed: 0 };
	// One process a file where real programs run: a hanging one must not take the others along.
	if (level !== "e2e") return counted(await run("bun", ["test", "--timeout", "30000", ...files]));
	const total = { passed: 0, failed: 0 };
	for (const file of files) {
		const { passed, failed } = counted(await run("bun", ["test", "--timeout", "180000", file]));
		total.passed += passed;
		total.failed += failed;
	}
	return total;
}

const check = ({ code }) => (code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });

/** From the runner's own summary; a run that ends badly without a failed test counts as one. */
function counted({ code, output }) {
	const count = (word) =>
		Number([...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1] ?? 0);
	const passed = count("pass");
	const failed = count("fail");
	return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

const summary = [];
for (const level of levels) {
	console.log(`\n── ${level} ──`);
	const started = Date.now();
	const result = await runLevel(level);
	summary.push({ level, ...result, seconds: Math.round((Date.now() - started) / 1000) });
}
console.log("");
for (const { level, passed, failed, seconds } of summary)
	console.log(
		`${level.padEnd(10)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed  ${seconds} s`,
	);
const passed = summary.reduce((sum, one) => sum + one.passed, 0);
const failed = summary.reduce((sum, one) => sum + one.failed, 0);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

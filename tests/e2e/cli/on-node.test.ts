/** The command line without Bun: an installed package runs it with Node. */
import { afterEach, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSetup, type Setup } from "../../support/cli.ts";
import { startTalking } from "../../support/cli-process.ts";
import { ROOT } from "../../support/source-tree.ts";

const NODE = [join(ROOT, "node_modules", ".bin", "node"), join(ROOT, "src", "cli", "main.ts")];
const FILE = join(ROOT, "tests", "fixtures", "pi", "session-1.5.2-all-entry-types.jsonl");
const CLAUDE = join(ROOT, "tests", "fixtures", "agents", "claude-code", "projects");

const setups: Setup[] = [];
const folders: string[] = [];
afterEach(async () => {
	for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
	for (const setup of setups.splice(0)) await setup.dispose();
});

test("with Node every verb says what came of it and ends with code 0", async () => {
	const setup = createSetup();
	setups.push(setup);
	await setup.up();
	for (const [says, ...verb] of [
		["1 session,", "import", FILE],
		["there already", "import", FILE],
		["added", "import", "--claude-code", "--from-dir", CLAUDE],
		["Sessions ", "status"],
		["ok    backend", "doctor"],
		["SESSION", "sessions", "list"],
		["osk_", "keys", "list"],
		["#code=", "open", "--no-open"],
		["convexUrl", "config", "get"],
	] as const) {
		const run = startTalking(verb, setup.env, NODE);
		expect([verb, await run.ended, run.output()]).toEqual([verb, 0, expect.stringContaining(says)]);
	}
}, 90_000);

/** An installed command, built, with a `bun` on the path that has a module of its own for SQLite or none. */
function installedBeside(sqlite: boolean): { folder: string; path: string } {
	const folder = mkdtempSync(join(tmpdir(), "pi-opensync-bin-"));
	folders.push(folder);
	for (const name of [join("src", "cli"), "dist", "bin"]) mkdirSync(join(folder, name), { recursive: true });
	copyFileSync(join(ROOT, "src", "cli", "bin.mjs"), join(folder, "src", "cli", "bin.mjs"));
	writeFileSync(join(folder, "dist", "cli.js"), 'console.log("by Node", ...process.argv.slice(2));');
	const bun = `#!/bin/sh\ncase "$*" in *node:sqlite*) exit ${sqlite ? 0 : 1};; *main.ts*) echo "by Bun";; esac\n`;
	writeFileSync(join(folder, "bin", "bun"), bun, { mode: 0o755 });
	return { folder, path: `${join(folder, "bin")}:${process.env.PATH ?? ""}` };
}

test("a Bun that is too old for the engine is left alone where Node can do it", async () => {
	for (const [sqlite, says] of [
		[true, "by Bun"],
		[false, "by Node status"],
	] as const) {
		const { folder, path } = installedBeside(sqlite);
		const bin = join(folder, "src", "cli", "bin.mjs");
		const run = startTalking(["status"], { PATH: path, HOME: folder }, [NODE[0] as string, bin]);
		expect([await run.ended, run.output().trim()]).toEqual([0, says]);
	}
}, 30_000);

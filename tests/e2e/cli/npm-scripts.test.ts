/** What stands between a person and the command line: npm's scripts and the bootstrap, on a project of their own where that matters. */
import { afterEach, expect, test } from "bun:test";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSetup } from "../../support/cli.ts";
import { startTalking } from "../../support/cli-process.ts";
import { freePorts } from "../../support/free-ports.ts";
import { ROOT } from "../../support/source-tree.ts";

const NODE = join(ROOT, "node_modules", ".bin", "node");
const LOCK = { packages: { "": { version: "1.0.0" }, "node_modules/bun": { version: "1.2.3" } } };

const folders: string[] = [];
afterEach(() => {
	for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A project with the bootstrap, a lock file, and an `npm` that installs a `bun` which prints its arguments. */
function project(npm: { works: boolean; scripts: boolean } = { works: true, scripts: true }): string {
	const folder = mkdtempSync(join(tmpdir(), "pi-opensync-bootstrap-"));
	folders.push(folder);
	mkdirSync(join(folder, "src", "cli"), { recursive: true });
	copyFileSync(join(ROOT, "src", "cli", "bootstrap.mjs"), join(folder, "src", "cli", "bootstrap.mjs"));
	writeFileSync(join(folder, "package-lock.json"), JSON.stringify(LOCK));
	writeFileSync(
		join(folder, "npm.js"),
		`const { appendFileSync, mkdirSync, writeFileSync } = require("node:fs");
appendFileSync("npm.log", process.argv.slice(2).join(" ") + "\\n");
if (!${npm.works}) process.exit(1);
mkdirSync("node_modules/.bin", { recursive: true });
const bun = ${npm.scripts} ? '[ "$1" = --version ] && exit 0\\necho "bun $*"; exit 7' : "exit 1";
writeFileSync("node_modules/.bin/bun", "#!/bin/sh\\n" + bun + "\\n", { mode: 0o755 });
writeFileSync("node_modules/.bin/node", "#!/bin/sh\\n", { mode: 0o755 });
`,
	);
	return folder;
}

async function bootstrap(
	folder: string,
	...args: string[]
): Promise<{ code: number | null; output: string }> {
	const env = { PATH: process.env.PATH ?? "", HOME: folder, npm_execpath: join(folder, "npm.js") };
	const run = startTalking(args, env, [NODE, join(folder, "src", "cli", "bootstrap.mjs")]);
	return { code: await run.ended, output: run.output() };
}

const installs = (folder: string): number =>
	existsSync(join(folder, "npm.log"))
		? readFileSync(join(folder, "npm.log"), "utf8").trim().split("\n").length
		: 0;

test("a bare checkout installs once, again when the lock file changes, and passes arguments and exit code on", async () => {
	const folder = project();
	const first = await bootstrap(folder, "bun", "some/script.ts", "two words", "--flag");
	expect(first.code).toBe(7);
	expect(first.output).toContain("Installing dependencies");
	expect(first.output).toContain(`bun ${join(folder, "some", "script.ts")} two words --flag`);
	expect(readFileSync(join(folder, "npm.log"), "utf8")).toStartWith("ci ");
	const second = await bootstrap(folder, "bun", "some/script.ts");
	expect(second.output).not.toContain("Installing");
	expect(installs(folder)).toBe(1);
	writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ ...LOCK, newer: true }));
	await bootstrap(folder, "bun", "some/script.ts");
	expect(installs(folder)).toBe(2);
}, 60_000);

test("what a person has installed by hand is taken when it is what the lock file names", async () => {
	const folder = project();
	mkdirSync(join(folder, "node_modules", ".bin"), { recursive: true });
	for (const name of ["bun", "node"]) {
		writeFileSync(join(folder, "node_modules", ".bin", name), "#!/bin/sh\nexit 0\n");
		chmodSync(join(folder, "node_modules", ".bin", name), 0o755);
	}
	const record = (version: string) =>
		writeFileSync(
			join(folder, "node_modules", ".package-lock.json"),
			JSON.stringify({ packages: { "node_modules/bun": { version } } }),
		);
	record("1.2.3");
	expect(await bootstrap(folder, "bun", "x.ts")).toEqual({ code: 0, output: "" });
	expect(installs(folder)).toBe(0);
	record("1.2.2");
	rmSync(join(folder, "node_modules", ".pi-opensync-installed"));
	await bootstrap(folder, "bun", "x.ts");
	expect(installs(folder)).toBe(1);
}, 60_000);

test("an install that fails, or brings no working program, is one sentence and is tried again next time", async () => {
	for (const [npm, says] of [
		[{ works: false, scripts: true }, "could not be installed"],
		[{ works: true, scripts: false }, "allow install scripts"],
	] as const) {
		const folder = project(npm);
		const { code, output } = await bootstrap(folder, "bun", "x.ts");
		expect([code, output]).toEqual([1, expect.stringContaining(says)]);
		expect(output.trim().split("\n")).toHaveLength(2);
		await bootstrap(folder, "bun", "x.ts");
		expect(installs(folder)).toBe(2);
	}
}, 60_000);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
	test(`${signal} to npm itself ends the backend with code 0`, async () => {
		const setup = createSetup();
		try {
			const [port, sitePort] = await freePorts(2);
			const flags = ["--json", "--no-open", "--no-demo", "--data", setup.dataDir];
			const ports = ["--port", String(port), "--site-port", String(sitePort)];
			const npm = startTalking(["up", ...flags, ...ports], setup.env, ["npm", "run", "-s", "opensync", "--"]);
			await npm.says('"pid":');
			const { pid } = JSON.parse(
				npm
					.output()
					.split("\n")
					.find((line) => line.startsWith("{")) as string,
			);
			expect(await npm.stop(signal)).toBe(0);
			expect(() => process.kill(pid, 0)).toThrow("ESRCH");
		} finally {
			await setup.dispose();
		}
	}, 60_000);
}

test("relative paths mean what they mean in the shell that npm was called from", async () => {
	const setup = createSetup();
	try {
		const run = startTalking(["import", "nowhere.jsonl"], { ...setup.env, INIT_CWD: setup.home }, [
			NODE,
			join(ROOT, "src", "cli", "bootstrap.mjs"),
			"bun",
			"src/cli/main.ts",
		]);
		expect(await run.ended).toBe(1);
		writeFileSync(join(setup.home, "here.jsonl"), "");
		const found = startTalking(["import", "here.jsonl"], { ...setup.env, INIT_CWD: setup.home }, [
			NODE,
			join(ROOT, "src", "cli", "bootstrap.mjs"),
			"bun",
			"src/cli/main.ts",
		]);
		await found.ended;
		expect(run.output()).toContain("There is no file or folder nowhere.jsonl");
		expect(found.output()).not.toContain("There is no file");
	} finally {
		await setup.dispose();
	}
}, 60_000);

test("a level that the test command does not know is wrong usage", async () => {
	const run = startTalking(["dance"], { PATH: process.env.PATH ?? "" }, [
		NODE,
		join(ROOT, "tests", "run.mjs"),
	]);
	expect(await run.ended).toBe(2);
	expect(run.output()).toContain("There is no level dance");
}, 60_000);

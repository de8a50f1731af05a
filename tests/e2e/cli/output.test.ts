/** What becomes of the command line's output where its reader is slow, the disk is full, or the text is hostile. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CliResult, createSetup, outputOf, type Setup } from "../../support/cli.ts";
import { ROOT } from "../../support/source-tree.ts";

let setup: Setup;
beforeAll(async () => {
	setup = createSetup();
	await setup.up();
	const folder = join(setup.home, "sessions");
	mkdirSync(folder);
	for (let at = 0; at < 300; at += 1) writeFileSync(join(folder, `${at}.jsonl`), sessionFile(at));
	expect(await setup.cli("import", folder)).toMatchObject({ code: 0 });
}, 60_000);
afterAll(async () => await setup.dispose());

function sessionFile(at: number): string {
	const id = `${String(at).padStart(8, "0")}-0000-4000-8000-000000000000`;
	const header = { type: "session", version: 3, id, timestamp: "2026-01-01T00:00:00.000Z", cwd: "/x" };
	const content = `evil \u001b]0;renamed\u0007\u001b[2J title ${"word ".repeat(20)}`;
	const entry = {
		type: "message",
		id: `e${at}`,
		parentId: null,
		timestamp: "2026-01-01T00:00:01.000Z",
		message: { role: "user", content, timestamp: 1 },
	};
	return `${JSON.stringify(header)}\n${JSON.stringify(entry)}\n`;
}

/** The command line with its output going where a shell sends it. */
async function shell(command: string): Promise<CliResult> {
	const cli = `"${join(ROOT, "node_modules", ".bin", "bun")}" "${join(ROOT, "src", "cli", "main.ts")}"`;
	return await outputOf(
		spawn("sh", ["-c", command.replaceAll("CLI", cli)], {
			env: setup.env,
			stdio: ["ignore", "pipe", "pipe"],
		}),
	);
}

test("a reader that is slow to begin gets all of a long output", async () => {
	const { stdout } = await shell("CLI sessions list --limit 300 --json | { sleep 1; cat; }");
	expect(stdout.length).toBeGreaterThan(70_000);
	expect(JSON.parse(stdout)).toHaveLength(300);
}, 60_000);

test.skipIf(!existsSync("/dev/full"))(
	"output that cannot be written is a failure, and said; remarks that cannot be are none",
	async () => {
		for (const verb of ["sessions list", "export 00000001", "sessions list --json --limit 300"])
			expect([verb, await shell(`CLI ${verb} > /dev/full`)]).toEqual([
				verb,
				{
					code: 1,
					stdout: "",
					stderr: "The output could not be written (ENOSPC): check the free space where it goes.\n",
				},
			]);
		expect(await shell("CLI frobnicate 2> /dev/full")).toMatchObject({ code: 2 });
		expect(await shell("CLI sessions list --json 2> /dev/full")).toMatchObject({ code: 0 });
	},
	60_000,
);

test("a reader that ends early is no failure", async () => {
	const { stdout, stderr } = await shell(
		"{ CLI sessions list --limit 300 --json; echo $? >&2; } | head -c 10",
	);
	expect([stdout.length, stderr]).toEqual([10, "0\n"]);
}, 60_000);

test("what others wrote cannot steer the terminal", async () => {
	const lists = [
		await setup.cli("sessions", "list"),
		await setup.cli("export", "0000000"),
		await setup.cli("search", "evil"),
	];
	for (const { stdout, stderr } of lists) {
		expect(stdout + stderr).toContain("evil");
		for (const control of ["\u001b", "\u0007"]) expect(stdout + stderr).not.toContain(control);
	}
}, 60_000);

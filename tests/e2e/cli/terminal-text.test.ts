/** What others wrote is shown in a terminal as text: nothing in it is obeyed there. What goes elsewhere is whole. */
import { afterEach, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSetup, type Setup } from "../../support/cli.ts";
import { ROOT } from "../../support/source-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

const BUN = join(ROOT, "node_modules", ".bin", "bun");
const MAIN = join(ROOT, "src", "cli", "main.ts");
const HOSTILE = "before \u001b]52;c;b3duZWQ=\u0007damsonplum \u001b[2Jafter";

const setups: Setup[] = [];
afterEach(async () => {
	for (const setup of setups.splice(0)) await setup.dispose();
});

/** Runs a verb at a terminal; gives what that terminal was sent. */
async function atTerminal(setup: Setup, ...args: string[]): Promise<string> {
	let sent = "";
	const decoder = new TextDecoder();
	const child = Bun.spawn([BUN, MAIN, ...args], {
		env: { ...setup.env, TERM: "xterm-256color" },
		terminal: {
			cols: 120,
			rows: 40,
			data: (_terminal, part) => {
				sent += decoder.decode(part, { stream: true });
			},
		},
	});
	expect(await child.exited).toBe(0);
	await waitFor(() => sent.includes("after"), "the last of what was sent");
	child.terminal?.close();
	return sent;
}

test("an export and the names of keys are shown without what a terminal would obey", async () => {
	const setup = createSetup();
	setups.push(setup);
	await setup.up();
	const file = join(setup.home, "one.jsonl");
	const time = "2026-01-31T10:00:00.000Z";
	const message = { role: "user", content: HOSTILE, timestamp: Date.parse(time) };
	const lines = [
		{ type: "session", version: 3, id: "hostile", timestamp: time, cwd: "/p" },
		{ type: "message", id: "a1", parentId: null, timestamp: time, message },
	];
	writeFileSync(file, lines.map((line) => JSON.stringify(line)).join("\n"));
	expect((await setup.cli("import", file)).code).toBe(0);
	expect((await setup.cli("keys", "create", "--name", `key ${HOSTILE}`)).code).toBe(0);
	for (const verb of [
		["export", "hostile", "--format", "md"],
		["keys", "list"],
	]) {
		const shown = await atTerminal(setup, ...verb);
		expect(shown).toContain("before damsonplum after");
		expect(shown).not.toContain("\u001b");
	}
	const copy = join(setup.home, "copy.md");
	expect((await setup.cli("export", "hostile", "--format", "md", "--output", copy)).code).toBe(0);
	expect(readFileSync(copy, "utf8")).toContain(HOSTILE);
	expect((await setup.cli("export", "hostile", "--format", "md")).stdout).toContain(HOSTILE);
}, 60_000);

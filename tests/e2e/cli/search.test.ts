import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SearchHit } from "../../../src/protocol/search.ts";
import { createSetup, runCli, type Setup, type Up } from "../../support/cli.ts";
import { ROOT } from "../../support/source-tree.ts";
import { waitFor } from "../../support/wait-for.ts";

const LARGE = join(ROOT, "tests", "fixtures", "pi-session-large.jsonl");
const LARGE_ID = "d703a1a9-1b7b-4fb1-b512-c9738b1fe617";

let setup: Setup;
let up: Up;
beforeAll(async () => {
	setup = createSetup();
	up = await setup.up();
	await setup.cli("import", LARGE, zooFile(), "--json");
	const short = ["session_that_ends_with_this", "--project", "zoo"];
	await waitFor(async () => (await hits(...short)).length > 0, "the short session");
	await waitFor(async () => (await hits("mismatches")).length > 0, "the large session");
}, 60_000);
afterAll(async () => await setup.dispose());

async function hits(...args: string[]): Promise<SearchHit[]> {
	return JSON.parse((await setup.cli("search", ...args, "--json")).stdout) as SearchHit[];
}

/** A short session of another project, of long ago. */
function zooFile(): string {
	const at = (minute: number) => `2024-02-03T04:${String(minute).padStart(2, "0")}:00.000Z`;
	const message = (id: string, parentId: string | null, minute: number, role: string, text: string) => ({
		...{ type: "message", id, parentId, timestamp: at(minute) },
		message: { role, content: [{ type: "text", text }], timestamp: Date.parse(at(minute)) },
	});
	const lines = [
		{ type: "session", version: 3, id: "zoo-session", timestamp: at(0), cwd: "/home/dev/zoo" },
		message("00000001", null, 1, "user", "Where does the OKAPI\nsleep? \u001b[31mred"),
		message("00000002", "00000001", 2, "assistant", `${"Long before. ".repeat(60)} The okapi sleeps there.`),
		message("00000003", "00000002", 3, "user", "theme colours of the session_that_ends_with_this"),
	];
	const file = join(setup.home, "zoo.jsonl");
	writeFileSync(file, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
	return file;
}

test("hits say where and what, with the words told apart and nothing that a terminal would obey", async () => {
	const { code, stdout, stderr } = await setup.cli("search", "okapi", "sleep", "--project", "zoo");
	expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
	expect(stdout).toContain("Where does the OKAPI sleep?");
	expect(stdout).toContain("pi · zoo · zoo-session");
	expect(stdout).toContain("… before. Long before.");
	expect(stdout).toContain("The okapi sleeps there.");
	expect(stdout).not.toContain("\u001b");
	expect(stdout.trimEnd().split("\n")).toHaveLength(3);
	const coloured = await runCli(["search", "okapi", "sleep"], { ...setup.env, FORCE_COLOR: "1" });
	expect(coloured.stdout).toContain("\u001b[33mOKAPI\u001b[39m \u001b[33msleep\u001b[39m?");
}, 60_000);

test("hits are narrowed by project, kind, source, session and time, and counted", async () => {
	const sessionsOf = (found: SearchHit[]) => [...new Set(found.map(({ sessionId }) => sessionId))].sort();
	expect(sessionsOf(await hits("theme", "--limit", "300"))).toEqual([LARGE_ID, "zoo-session"].sort());
	expect(await hits("theme", "--limit", "3")).toHaveLength(3);
	expect((await hits("theme", "--limit", "150")).length).toBe(150);
	expect(sessionsOf(await hits("theme", "--project", "zoo"))).toEqual(["zoo-session"]);
	expect(sessionsOf(await hits("theme", "--before", "2024-12-31"))).toEqual(["zoo-session"]);
	expect(sessionsOf(await hits("theme", "--after", "2024-12-31", "--limit", "9"))).toEqual([LARGE_ID]);
	expect(await hits("theme", "--after", "1h")).toEqual([]);
	expect(await hits("theme", "--source", "codex")).toEqual([]);
	expect(sessionsOf(await hits("theme", "--session", "zoo-s"))).toEqual(["zoo-session"]);
	const kinds = new Set((await hits("theme", "--kind", "tool")).map(({ kind }) => kind));
	expect([...kinds]).toEqual(["tool"]);
}, 60_000);

test("whoever has all the words beside each other comes first", async () => {
	const [first] = await hits("theme", "colours", "of");
	expect(first?.sessionId).toBe("zoo-session");
	const snippets = (await hits("tool", "execution", "box")).map(({ snippet }) => snippet.text.toLowerCase());
	expect(snippets[0]).toContain("tool execution box");
}, 60_000);

test("finding nothing is no failure; wrong usage and a backend that is away are", async () => {
	expect(await setup.cli("search", "unheardof")).toMatchObject({ code: 0, stdout: "Nothing was found.\n" });
	expect(await hits("unheardof")).toEqual([]);
	for (const wrong of [
		["search"],
		["search", "x", "--kind", "song"],
		["search", "x", "--limit", "0"],
		["search", "x", "--after", "soon"],
	]) {
		const { code, stderr } = await setup.cli(...wrong);
		expect({ wrong, code, said: stderr !== "" }).toEqual({ wrong, code: 2, said: true });
	}
	const away = await setup.cli("search", "x", "--url", "http://127.0.0.1:9");
	expect(away.code).toBe(1);
	expect(away.stderr).toContain("does not answer");
	expect(up.url).not.toContain(":9/");
}, 60_000);

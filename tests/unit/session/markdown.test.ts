import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sessionMarkdown } from "../../../src/session/markdown.ts";
import { parseSessionFile } from "../../../src/session/session-file.ts";
import { branchPath, transcriptOf } from "../../../src/session/transcript.ts";
import { ROOT } from "../../support/source-tree.ts";

const message = (id: string, parentId: string | null, body: Record<string, unknown>) => ({
	type: "message",
	id,
	parentId,
	message: body,
});
const ENTRIES = [
	message("1", null, { role: "user", content: "List the files" }),
	message("2", "1", {
		role: "assistant",
		content: [
			{ type: "thinking", thinking: "hm\nok" },
			{ type: "text", text: "I will." },
			{ type: "toolCall", id: "c1", name: "bash", arguments: { command: "ls" } },
		],
	}),
	message("3", "2", {
		role: "toolResult",
		toolCallId: "c1",
		toolName: "bash",
		content: [{ type: "text", text: "a\n```\nb" }],
		isError: true,
	}),
	message("x", "1", { role: "assistant", content: [{ type: "text", text: "another branch" }] }),
	message("4", "3", { role: "bashExecution", command: "pwd", output: "/p\n" }),
	{ type: "compaction", id: "5", parentId: "4", summary: "short" },
	{ type: "custom_message", id: "6", parentId: "5", customType: "note", content: "hidden", display: false },
	{ type: "hologram", id: "7", parentId: "6" },
	message("8", "7", { role: "user", content: [{ type: "image", data: "AAAA", mimeType: "image/png" }] }),
];

test("the branch to the leaf is written, with results at their calls", () => {
	const text = sessionMarkdown({
		title: "My\nsession",
		project: "p",
		startedAt: 0,
		leafId: "8",
		entries: ENTRIES.map((one) => JSON.stringify(one)),
	});
	expect(text).toBe(`# My session

Project \`p\`.

## User

List the files

## Assistant

> hm
> ok

I will.

### Tool: bash

\`\`\`json
{
  "command": "ls"
}
\`\`\`

**Failed:**

\`\`\`\`
a
\`\`\`
b
\`\`\`\`

## Command

\`\`\`sh
pwd
\`\`\`

\`\`\`
/p
\`\`\`

## Summary of what came before

short

## User

*[image, image/png]*
`);
});

test("without a known leaf the last entry's branch is taken, and a loop ends", () => {
	expect(branchPath(ENTRIES, null).map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
	expect(branchPath(ENTRIES, "x").map(({ id }) => id)).toEqual(["1", "x"]);
	expect(
		branchPath(
			[
				{ id: "a", parentId: "b" },
				{ id: "b", parentId: "a" },
			],
			null,
		).map(({ id }) => id),
	).toEqual(["a", "b"]);
	expect(branchPath([], null)).toEqual([]);
});

test("a result without its call stands for itself", () => {
	const items = transcriptOf(ENTRIES.slice(2, 3));
	expect(items).toHaveLength(1);
	expect(transcriptOf(ENTRIES.slice(0, 3)).map(({ results }) => [...results.keys()])).toEqual([[], ["c1"]]);
});

test("a real session becomes a document, whatever is in it", () => {
	const file = parseSessionFile(readFileSync(join(ROOT, "tests/fixtures/pi-session-large.jsonl")));
	const text = sessionMarkdown({
		title: null,
		project: "p",
		startedAt: 1,
		leafId: null,
		entries: file.entries.map(({ json }) => json),
	});
	expect(text.startsWith("# Untitled session\n\nProject `p`, started 1970-01-01 00:00 UTC.")).toBe(true);
	expect(text.match(/^### Tool: /gm)?.length).toBeGreaterThan(100);
	expect(
		sessionMarkdown({ title: "x", project: "p", startedAt: 0, leafId: "gone", entries: ["{half", "7"] }),
	).toContain("# x");
});

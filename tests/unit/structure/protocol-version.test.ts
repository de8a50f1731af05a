import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { PROTOCOL_VERSION } from "../../../src/protocol/version.ts";
import { ROOT, sourceFiles } from "../../support/source-tree.ts";

/** One line a version: the hash of every validator and refusal code of that version. */
const HASHES: Record<number, string> = {
	1: "053093f34e82d3fc",
	2: "ab94ff125d38408d",
	3: "c160e7a74c9d960c",
	4: "6ddb4844839abf57",
};

test("a change of what crosses the wire needs a new protocol version", async () => {
	const shapes: Record<string, unknown> = {};
	for (const file of sourceFiles("src/protocol")) {
		const module = (await import(join(ROOT, file))) as Record<string, unknown>;
		for (const [name, value] of Object.entries(module)) {
			const json = (value as { json?: unknown } | null)?.json;
			if (/^v[A-Z]/.test(name) && json) shapes[name] = json;
			if (name === "REFUSAL_CODES") shapes[name] = Object.keys(value as object).sort();
		}
	}
	const sorted = Object.fromEntries(Object.entries(shapes).sort(([a], [b]) => (a < b ? -1 : 1)));
	const hash = createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
	expect(Object.keys(sorted).length).toBeGreaterThan(10);
	expect(hash).toBe(HASHES[PROTOCOL_VERSION] as string);
});

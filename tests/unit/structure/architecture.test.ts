import { expect, test } from "bun:test";
import { violationsIn } from "../../support/import-rules.ts";
import { importsOf, readSource, resolveImport, sourceFiles } from "../../support/source-tree.ts";

const FILES = [...sourceFiles("src"), ...sourceFiles("convex")];

test("imports follow the table of AGENTS.md", () => {
	const violations = FILES.flatMap((file) => violationsIn(file, readSource(file)));
	expect(violations).toEqual([]);
});

test("the import check fires on planted violations", () => {
	expect(violationsIn("src/session/x.ts", 'import { readFileSync } from "node:fs";')).toHaveLength(1);
	expect(violationsIn("src/engine/x.ts", 'import type { Entry } from "../protocol/entry.ts";')).toHaveLength(
		1,
	);
	expect(violationsIn("src/engine/x.ts", 'import { DatabaseSync } from "node:sqlite";')).toHaveLength(1);
	expect(violationsIn("src/dashboard/x.ts", 'export { y } from "../lib/node/y.ts";')).toHaveLength(1);
	expect(violationsIn("src/sync/x.ts", 'const p = await import("../backend/y.ts");')).toHaveLength(1);
	expect(violationsIn("src/sync/x.ts", '// import "node:fs"\nimport PQueue from "p-queue";')).toHaveLength(0);
});

test("imports have no cycle", () => {
	const edges = new Map(
		FILES.map((file) => [
			file,
			importsOf(readSource(file))
				.filter((one) => !one.typeOnly && !one.dynamic && one.specifier.startsWith("."))
				.map((one) => resolveImport(file, one.specifier)),
		]),
	);
	const done = new Set<string>();
	const path: string[] = [];
	const cycles: string[] = [];
	const visit = (file: string): void => {
		if (path.includes(file)) {
			cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
			return;
		}
		if (done.has(file) || !edges.has(file)) return;
		path.push(file);
		for (const next of edges.get(file) ?? []) visit(next);
		path.pop();
		done.add(file);
	};
	for (const file of FILES) visit(file);
	expect(cycles).toEqual([]);
});

test("relative imports in src name their file with its extension", () => {
	const bare = sourceFiles("src").flatMap((file) =>
		importsOf(readSource(file))
			.filter((one) => one.specifier.startsWith(".") && !/\.(ts|tsx|mjs|js|css|json)$/.test(one.specifier))
			.map((one) => `${file}: ${one.specifier}`),
	);
	expect(bare).toEqual([]);
});

test("process.env is read in src/config and nowhere else", () => {
	const readers = sourceFiles("src").filter(
		(file) =>
			!file.startsWith("src/config/") &&
			!file.endsWith(".mjs") &&
			/process\.env\b/.test(stripComments(readSource(file))),
	);
	expect(readers.filter((file) => !ENV_READERS.includes(file))).toEqual([]);
});

/** They stand for the `process.env` that the engine gives to functions, not for ours. */
const ENV_READERS = ["src/engine/functions/bundle-functions.ts", "src/engine/functions/function-globals.ts"];

test("what Pi loads uses nothing that only Bun has", () => {
	const seen = new Set<string>();
	const visit = (file: string): void => {
		if (seen.has(file) || !FILES.includes(file)) return;
		seen.add(file);
		for (const one of importsOf(readSource(file))) {
			if (one.specifier.startsWith(".")) visit(resolveImport(file, one.specifier));
		}
	};
	for (const file of sourceFiles("src/extension")) visit(file);
	const offenders = [...seen].filter((file) => {
		const text = stripComments(readSource(file));
		return /\bBun\./.test(text) || importsOf(text).some((one) => one.specifier.startsWith("bun"));
	});
	expect(offenders).toEqual([]);
	expect(seen.size).toBeGreaterThan(10);
});

test("the engine has no word of our domain, and convex/ none of the engine", () => {
	const domain = /\b(pi-opensync|opensync|turn lock|turnLock|terminal|transcript|osk_)\b/i;
	expect(sourceFiles("src/engine").filter((file) => domain.test(readSource(file)))).toEqual([]);
	const engine = /\b(src\/engine|embedded engine|sqlite)\b/i;
	expect(sourceFiles("convex").filter((file) => engine.test(readSource(file)))).toEqual([]);
});

test("src never imports tests, and no file is a barrel", () => {
	const wrong = sourceFiles("src").filter((file) => {
		const text = readSource(file);
		const code = stripComments(text).trim();
		const barrel =
			code !== "" &&
			code.split("\n").every((line) => line.trim() === "" || /^export \* from/.test(line.trim()));
		return barrel || importsOf(text).some((one) => resolveImport(file, one.specifier).startsWith("tests/"));
	});
	expect(wrong).toEqual([]);
});

test("no folder or file has a name that says nothing", () => {
	const vague = /(^|\/|-)(utils?|helpers?|misc|common|manager|data|info)(\.|-|\/|$)/;
	expect(FILES.filter((file) => vague.test(file))).toEqual([]);
});

function stripComments(text: string): string {
	return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:"'`])\/\/[^\n]*/g, "$1");
}

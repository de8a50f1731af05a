/** Reads the project's own source as text: files, and what each imports. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

export const ROOT = resolve(import.meta.dir, "../..");

/** Paths below `folder`, relative to the project, generated code left out. */
export function sourceFiles(folder: string, pattern = /\.(ts|tsx|mjs)$/): string[] {
	return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
		.filter((item) => item.isFile() && pattern.test(item.name))
		.map((item) => relative(ROOT, join(item.parentPath, item.name)))
		.filter((path) => !path.includes("_generated/") && !path.includes("node_modules/"))
		.sort();
}

export type Import = { specifier: string; typeOnly: boolean; dynamic: boolean };

/** Comments blanked out, line numbers kept; strings stay as they are. */
function withoutComments(text: string): string {
	const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
	return text.replace(token, (match) => (match.startsWith("/") ? match.replace(/[^\n]/g, " ") : match));
}

/** Every static, dynamic and re-exporting import of a file. A transpiler's scan would drop `import type`. */
export function importsOf(text: string): Import[] {
	const code = withoutComments(text);
	const found: Import[] = [];
	for (const match of code.matchAll(
		/^\s*(import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?["']([^"']+)["']/gm,
	)) {
		found.push({ specifier: match[3] as string, typeOnly: match[2] !== undefined, dynamic: false });
	}
	for (const match of code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)) {
		found.push({ specifier: match[1] as string, typeOnly: false, dynamic: true });
	}
	return found;
}

/** A relative import as a path from the project's root; anything else as it is. */
export function resolveImport(fromFile: string, specifier: string): string {
	if (!specifier.startsWith(".")) return specifier;
	return relative(ROOT, resolve(ROOT, dirname(fromFile), specifier));
}

export function readSource(path: string): string {
	return readFileSync(join(ROOT, path), "utf8");
}

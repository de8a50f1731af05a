/**
 * From a functions folder to one loaded module: finds the entry points by Convex's rules, bundles them with
 * everything they import, and loads the result fresh.
 *
 * Names that are free in the bundle and stand for globals come from an injected file, which takes them from
 * the engine that loads it.
 */
import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	realpathSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildFailure, type BuildOptions, build, buildSync } from "esbuild";
import { uuid } from "../../lib/randomness.ts";
import { EngineStartError } from "../types.ts";
import { type FunctionGlobals, GLOBAL_NAMES } from "./function-globals.ts";
import { generatedCode } from "./generated-code.ts";
import { SourceMap } from "./source-map.ts";

export type LoadedModules = Readonly<{
	/** Exports by module path without extension, such as `dir/mod`. */
	modules: ReadonlyMap<string, Record<string, unknown>>;
	sourceMap: SourceMap;
}>;

/** Spelled in two parts: it names the functions' environment, and this process's own is read elsewhere only. */
const PROCESS_ENV = `${"process"}.env`;
const ENTRY = /\.(js|mjs|cjs|ts|tsx|mts|cts|jsx)$/;
const TYPESCRIPT = /\.(ts|tsx|mts|cts)$/;
const MODULE_SYNTAX = /^\s*(import|export)\b/m;

/** A first statement `"use node"`, comments before it aside. */
const USE_NODE = /^(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*["']use node["']/;

/** Paths of the entry points relative to the folder, in order. */
export function entryPoints(functionsDir: string): string[] {
	const found: string[] = [];
	const visit = (folder: string): void => {
		for (const item of readdirSync(join(functionsDir, folder), { withFileTypes: true })) {
			const path = folder === "" ? item.name : `${folder}/${item.name}`;
			if (item.isDirectory()) {
				if (
					item.name !== "_generated" &&
					item.name !== "node_modules" &&
					!isComponent(join(functionsDir, path))
				)
					visit(path);
			} else if (isEntryPoint(item.name) && hasModuleSyntax(join(functionsDir, path))) {
				found.push(path);
			}
		}
	};
	visit("");
	return found.sort();
}

function isComponent(folder: string): boolean {
	return readdirSync(folder).some((name) => /^convex\.config\.[jt]s$/.test(name));
}

function isEntryPoint(name: string): boolean {
	const isOrdinary = !name.startsWith(".") && !name.startsWith("#") && !name.includes(" ");
	const isConfig = /^(auth|convex)\.config\./.test(name);
	return isOrdinary && ENTRY.test(name) && (isConfig || name.split(".").length === 2);
}

function hasModuleSyntax(path: string): boolean {
	return !TYPESCRIPT.test(path) || MODULE_SYNTAX.test(readFileSync(path, "utf8"));
}

/** Bundles and loads `functionsDir`. Throws EngineStartError with one sentence. */
export async function loadFunctions(functionsDir: string, globals: FunctionGlobals): Promise<LoadedModules> {
	const folder = resolve(functionsDir);
	const entries = readEntries(folder);
	for (const entry of entries) {
		if (USE_NODE.test(readFileSync(join(folder, entry), "utf8"))) {
			throw new EngineStartError(
				"unsupported",
				`${entry} begins with "use node", which this backend does not support; remove the directive.`,
			);
		}
	}
	const workDir = mkdtempSync(join(realpathSync(tmpdir()), "convex-functions-"));
	const key = `convex-functions:${uuid()}`;
	const host = globalThis as unknown as Record<symbol, unknown>;
	try {
		const outFile = await bundle(folder, entries, workDir, key);
		host[Symbol.for(key)] = globals;
		// The bundle is made at run time, so only a dynamic import can load it.
		const loaded = (await import(pathToFileURL(outFile).href)) as Record<string, Record<string, unknown>>;
		const modules = new Map(entries.map((entry, i) => [entry.replace(ENTRY, ""), loaded[`m${i}`] ?? {}]));
		const mapText = readFileSync(`${outFile}.map`, "utf8");
		return { modules, sourceMap: new SourceMap(mapText, outFile, folder) };
	} catch (error) {
		if (error instanceof EngineStartError) throw error;
		throw new EngineStartError(
			"functions",
			`The functions in ${folder} cannot be loaded: ${firstLine(error)}`,
		);
	} finally {
		delete host[Symbol.for(key)];
		rmSync(workDir, { recursive: true, force: true });
	}
}

function readEntries(folder: string): string[] {
	try {
		return entryPoints(folder);
	} catch (error) {
		throw new EngineStartError(
			"functions",
			`The functions folder ${folder} cannot be read: ${firstLine(error)}`,
		);
	}
}

function firstLine(error: unknown): string {
	return (error instanceof Error ? error.message : String(error)).split("\n")[0] as string;
}

/** The `node_modules` folder that holds the `convex` package of the engine itself. */
const OWN_PACKAGES = createRequire(import.meta.url)
	.resolve("convex/server")
	.replace(/([\\/]node_modules)[\\/]convex[\\/].*$/, "$1");

async function bundle(
	folder: string,
	entries: readonly string[],
	workDir: string,
	key: string,
): Promise<string> {
	const injected = join(workDir, "globals.js");
	const outFile = join(workDir, "out", "functions.mjs");
	mkdirSync(join(workDir, "out"));
	writeFileSync(injected, injectedText(key));
	const aliases = GLOBAL_NAMES.map((name) => [`globalThis.${name}`, `__function_${name}`]);
	const standIn = generatedCode(folder);
	try {
		const options: BuildOptions = {
			stdin: {
				contents:
					entries.map((entry, i) => `export * as m${i} from ${JSON.stringify(`./${entry}`)};`).join("\n") ||
					"export {};",
				resolveDir: folder,
				sourcefile: "functions.mjs",
			},
			outfile: outFile,
			bundle: true,
			format: "esm",
			platform: "browser",
			target: "esnext",
			conditions: ["convex", "module"],
			// Last resort for a folder with no packages of its own: those that the engine runs with.
			nodePaths: [OWN_PACKAGES],
			inject: [injected],
			define: { [`${PROCESS_ENV}.NODE_ENV`]: '"production"', ...Object.fromEntries(aliases) },
			jsx: "automatic",
			sourcemap: "external",
			sourcesContent: false,
			logLevel: "silent",
		};
		// Plugins need esbuild's service, a process that stays; without one a build leaves nothing behind.
		if (standIn) await build({ ...options, plugins: [standIn] });
		else buildSync(options);
	} catch (error) {
		throw new EngineStartError(
			"functions",
			`The functions in ${folder} cannot be bundled: ${buildErrorText(error, folder)}`,
		);
	}
	return outFile;
}

function injectedText(key: string): string {
	const names = GLOBAL_NAMES.map((name) => `const __function_${name} = host.${name};`);
	const exports = GLOBAL_NAMES.flatMap((name) => [`__function_${name}`, `__function_${name} as ${name}`]);
	return `const host = globalThis[Symbol.for(${JSON.stringify(key)})];\n${names.join("\n")}\nexport { ${exports.join(", ")} };\n`;
}

function buildErrorText(error: unknown, folder: string): string {
	const first = (error as Partial<BuildFailure>).errors?.[0];
	if (!first) return firstLine(error);
	const at = first.location
		? `${relative(folder, resolve(first.location.file))}:${first.location.line}: `
		: "";
	return `${at}${first.text}`;
}

/** The modules of `convex/`, as `convex-test` wants them: path to loader. */
import { join } from "node:path";
import { ROOT, sourceFiles } from "./source-tree.ts";

export const CONVEX_DIR = join(ROOT, "convex");

export function convexModules(): Record<string, () => Promise<unknown>> {
	// The generated folder is named so that convex-test can tell where the functions begin.
	const paths = [
		...sourceFiles("convex", /\.ts$/),
		"convex/_generated/api.js",
		"convex/_generated/server.js",
	];
	return Object.fromEntries(paths.map((path) => [`/${path}`, () => import(join(ROOT, path))]));
}

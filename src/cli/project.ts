/** Where the parts of this package lie, and its version. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT_DIR = projectDir(dirname(fileURLToPath(import.meta.url)));
/** A checkout, whose sources may change; an installed package brings what is built. */
export const IS_CHECKOUT = existsSync(join(PROJECT_DIR, "tests"));
export const FUNCTIONS_DIR = join(PROJECT_DIR, "convex");
export const EXTENSION_FILE = join(PROJECT_DIR, "src", "extension", "index.ts");
export const DEMO_MODEL_FILE = join(PROJECT_DIR, "src", "extension", "demo-model.ts");
export const DASHBOARD_DIR = join(PROJECT_DIR, "dist", "dashboard");

export const VERSION: string = JSON.parse(readFileSync(join(PROJECT_DIR, "package.json"), "utf8")).version;

/** The nearest folder above with a package.json: this file runs from `src/cli` and, built, from `dist`. */
function projectDir(from: string): string {
	let folder = from;
	while (!existsSync(join(folder, "package.json")) && dirname(folder) !== folder) folder = dirname(folder);
	return resolve(folder);
}

/** What a person runs here to start the backend, and in front of a verb: an installed package has no npm scripts. */
export const START_COMMAND = IS_CHECKOUT ? "npm start" : "pi-opensync up";
export const OWN_COMMAND = IS_CHECKOUT ? "npm run -s opensync --" : "pi-opensync";

export type PiProgram = { node: string; cli: string };

/** Pi and a Node that can run it, as this checkout's dependencies bring them; null when they are not installed. */
export function findPi(): PiProgram | null {
	const cli = join(
		PROJECT_DIR,
		"node_modules",
		"@earendil-works",
		"pi-coding-agent",
		"dist",
		"bundle",
		"cli.js",
	);
	const node = join(PROJECT_DIR, "node_modules", ".bin", "node");
	return existsSync(cli) && existsSync(node) ? { node, cli } : null;
}

/** The one line that starts Pi with the extension. */
export function piCommandLine(): string {
	return IS_CHECKOUT && findPi()
		? `npm run -s pi   (or, with your own Pi: pi install ${PROJECT_DIR})`
		: `pi install ${PROJECT_DIR}, then pi`;
}

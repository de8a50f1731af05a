/**
 * The versions of Pi that the terminal tests run on: the one that is installed, and 1.5.2, which users
 * have. Of 1.5.2 the package alone is fetched and unpacked beside the dependencies of the installed one
 * (its bundle runs on them); it is kept below `node_modules/.cache`, so a machine fetches it once.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./source-tree.ts";

const run = promisify(execFile);
const PACKAGE = "@earendil-works/pi-coding-agent";
const CACHE = join(ROOT, "node_modules", ".cache", "pi-opensync");

export type PiVersion = { version: string; cli: string };

export const PI_VERSIONS = ["0.87.1", "1.5.2"] as const;

/** Node 24, which Pi asks for; the system's own may be older. */
export const NODE = join(ROOT, "node_modules", ".bin", "node");
export const BUN = join(ROOT, "node_modules", ".bin", "bun");

/** Gives the command file of a Pi version, fetching it first when it is neither installed nor cached. */
export async function preparePi(version: (typeof PI_VERSIONS)[number]): Promise<PiVersion> {
	const installed = join(ROOT, "node_modules", PACKAGE);
	const { version: here } = (await Bun.file(join(installed, "package.json")).json()) as { version: string };
	if (here === version) return { version, cli: join(installed, "dist", "bundle", "cli.js") };
	const folder = join(CACHE, `pi-${version}`);
	const cli = join(folder, "dist", "bundle", "cli.js");
	if (!existsSync(cli)) await fetchPi(version, folder, join(installed, "node_modules"));
	return { version, cli };
}

async function fetchPi(version: string, folder: string, dependencies: string): Promise<void> {
	await mkdir(CACHE, { recursive: true });
	const work = await mkdtemp(join(CACHE, "fetch-"));
	try {
		await run("npm", ["pack", `${PACKAGE}@${version}`, "--pack-destination", work, "--silent"], {
			cwd: work,
			timeout: 120_000,
		});
		const archive = (await readdir(work)).find((name) => name.endsWith(".tgz"));
		if (!archive) throw new Error(`npm pack gave no archive of ${PACKAGE}@${version}.`);
		await run("tar", ["-xzf", join(work, archive), "-C", work]);
		if (existsSync(dependencies)) await symlink(dependencies, join(work, "package", "node_modules"));
		// Another test process may have been quicker: then its folder stands and ours goes.
		await rename(join(work, "package"), folder).catch((error: unknown) => {
			if (!existsSync(join(folder, "dist"))) throw error;
		});
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

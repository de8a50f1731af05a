/** All files below a folder: links are followed, none is visited twice, and what cannot be looked into is told. */
import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

export type Walked = {
	/** By name; a file that a link leads to stands under the link's name, once. */
	files: string[];
	/** Folders that could not be read: what is in them is not among the files. */
	unreadable: string[];
};

/** What is said of an unreadable folder. */
export const UNREADABLE_FOLDER =
	"The folder cannot be read, so what is in it was left out: check its rights.";

/** A file is itself; nothing when there is no such path. */
export async function walkFiles(path: string): Promise<Walked> {
	const walked: Walked = { files: [], unreadable: [] };
	const seen = new Set<string>();
	const links: string[] = [];
	const folder = async (at: string): Promise<void> => {
		const real = await realpath(at).catch(() => at);
		if (seen.has(real)) return;
		seen.add(real);
		let items: Dirent[];
		try {
			items = await readdir(at, { withFileTypes: true });
		} catch {
			walked.unreadable.push(at);
			return;
		}
		for (const item of items) {
			const found = join(at, item.name);
			if (item.isFile()) {
				seen.add(join(real, item.name));
				walked.files.push(found);
			} else if (item.isDirectory()) await folder(found);
			else if (item.isSymbolicLink()) links.push(found);
		}
	};
	const look = async (at: string): Promise<void> => {
		const found = await stat(at).catch(() => null);
		if (found?.isDirectory()) return await folder(at);
		if (!found?.isFile()) return;
		const real = await realpath(at).catch(() => at);
		if (seen.has(real)) return;
		seen.add(real);
		walked.files.push(at);
	};
	await look(path);
	// After all that is really there, so that a file keeps its own name.
	for (let at = 0; at < links.length; at += 1) await look(links[at] as string);
	walked.files.sort();
	return walked;
}

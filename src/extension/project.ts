/** Where a session runs, for lists: folder, git branch, machine. Reads two small files at most. */
import { readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { OpenSession } from "../protocol/session.ts";
import type { SessionSource } from "../sync/ports.ts";

export type Description = Omit<OpenSession, "sessionId" | "header" | "lineage">;

/** What `sessions:open` tells of the session. The branch is the one of the moment. */
export function describeSession(source: SessionSource, cwd: string, now: number): Description {
	const started = Date.parse(String(source.header()?.timestamp ?? ""));
	return {
		source: "pi",
		projectPath: cwd,
		projectName: basename(cwd) || cwd,
		gitBranch: gitBranch(cwd),
		machine: hostname(),
		startedAt: Number.isFinite(started) ? started : now,
	};
}

/** A fork's parent: it ran where its own header says, on which branch nobody knows any more. */
export function describeParent(parent: SessionSource, cwd: string, now: number): Description {
	const own = parent.header()?.cwd;
	return { ...describeSession(parent, typeof own === "string" ? own : cwd, now), gitBranch: undefined };
}

/** Name of the branch checked out in `folder` or above it; null outside a repository and on a detached head. */
export function gitBranch(folder: string): string | null {
	for (let at = resolve(folder); ; at = dirname(at)) {
		const head = readHead(join(at, ".git"));
		if (head !== null) return /^ref: refs\/heads\/(.+)$/m.exec(head)?.[1]?.trim() ?? null;
		if (dirname(at) === at) return null;
	}
}

/** HEAD of a repository; in a worktree `.git` is a file that names the folder. Null when there is none. */
function readHead(git: string): string | null {
	try {
		if (statSync(git).isDirectory()) return readFileSync(join(git, "HEAD"), "utf8");
		const named = /^gitdir: (.+)$/m.exec(readFileSync(git, "utf8"))?.[1];
		return named ? readFileSync(join(resolve(dirname(git), named.trim()), "HEAD"), "utf8") : null;
	} catch {
		return null;
	}
}

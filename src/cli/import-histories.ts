/** Finds the histories of other agents on this machine, each as something to be read when its turn comes. */
import { readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { readClaudeCode } from "../agents/claude-code.ts";
import { readCodex } from "../agents/codex.ts";
import type { HistoryFile } from "../agents/history.ts";
import { UNREADABLE_FOLDER, walkFiles } from "./folder-walk.ts";
import { brokenSource, type HistorySource } from "./history-source.ts";
import { findOpenCode } from "./import-opencode.ts";
import { CliError } from "./output.ts";

export const LOCAL_AGENTS = {
	claudeCode: { name: "Claude Code", find: findClaudeCode },
	codex: { name: "Codex", find: findCodex },
	openCode: { name: "OpenCode", find: findOpenCode },
} as const satisfies Record<string, { name: string; find(folder: string): Promise<HistorySource[]> }>;

export type LocalAgent = keyof typeof LOCAL_AGENTS;

/** Throws a `CliError` when a folder that was named is not there; one that stands for itself may be missing. */
export async function findHistories(
	agent: LocalAgent,
	folder: string,
	isNamed: boolean,
): Promise<HistorySource[]> {
	const found = await stat(folder).catch(() => null);
	if (found) return await LOCAL_AGENTS[agent].find(resolve(folder));
	if (isNamed) throw new CliError(`There is no file or folder ${folder}: check the path.`);
	return [];
}

const brokenFolder = (folder: string): HistorySource => brokenSource(folder, UNREADABLE_FOLDER);

async function findClaudeCode(folder: string): Promise<HistorySource[]> {
	const { files, unreadable } = await walkFiles(await firstThere([join(folder, "projects"), folder]));
	const counted = new Map<string, string>();
	// What was copied counts where it was said, so the older file is read first, however many wait.
	let turn: Promise<unknown> = Promise.resolve();
	const inTurn = <T>(read: () => Promise<T>): Promise<T> => {
		const next = turn.then(read, read);
		turn = next;
		return next;
	};
	const paths = await oldestFirst(files.filter((path) => path.endsWith(".jsonl")));
	return [
		...unreadable.map(brokenFolder),
		...paths.map((path) => ({
			label: path,
			read: () => inTurn(async () => readClaudeCode(await historyFile(path), counted)),
		})),
	];
}

async function oldestFirst(paths: readonly string[]): Promise<string[]> {
	const made = await Promise.all(
		paths.map(async (path) => (await stat(path).catch(() => null))?.birthtimeMs ?? 0),
	);
	return paths
		.map((path, at) => ({ path, at: made[at] ?? 0 }))
		.sort((a, b) => a.at - b.at || (a.path < b.path ? -1 : 1))
		.map(({ path }) => path);
}

async function findCodex(folder: string): Promise<HistorySource[]> {
	const inside = await Promise.all(
		["sessions", "archived_sessions"].map((name) => walkFiles(join(folder, name))),
	);
	const found = inside.some(({ files, unreadable }) => files.length > 0 || unreadable.length > 0)
		? inside
		: [await walkFiles(folder)];
	const files = found
		.flatMap((one) => one.files)
		.filter((path) => /^rollout-.*\.(jsonl|json|jsonl\.zst)$/.test(basename(path)));
	return [
		...found.flatMap((one) => one.unreadable).map(brokenFolder),
		...files.map((path) => ({ label: path, read: async () => readCodex(await historyFile(path)) })),
	];
}

async function historyFile(path: string): Promise<HistoryFile> {
	const content = await readFile(path);
	const isPacked = path.endsWith(".zst");
	return {
		name: basename(path, isPacked ? ".zst" : ""),
		text: (isPacked ? zstdDecompressSync(content) : content).toString("utf8"),
	};
}

async function firstThere(paths: readonly [string, ...string[]]): Promise<string> {
	for (const path of paths) if (await stat(path).catch(() => null)) return path;
	return paths[0];
}

/** Finding session files, and the order to import them in. */
import { open, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { walkFiles } from "./folder-walk.ts";
import { CliError } from "./output.ts";

export type SessionFileInfo = {
	path: string;
	/** From the header; null when there is none that can be read. */
	sessionId: string | null;
	/** Path of the parent's file, for a fork, as the header names it. */
	parentPath: string | null;
};

const HEADER_BYTES = 64 * 1024;
/** Fewer than any system lets a process open. */
const READ_AT_ONCE = 64;

/**
 * Session files among the paths: files as they are, folders searched to the bottom for `.jsonl`. A path that
 * is not there is left out. `onUnreadable` is told of folders that nobody may look into.
 */
export async function findSessionFiles(
	paths: readonly string[],
	onUnreadable: (folder: string) => void = () => {},
): Promise<string[]> {
	const found = new Set<string>();
	for (const path of paths) {
		const entry = await stat(path).catch(() => null);
		if (entry?.isFile()) found.add(resolve(path));
		if (!entry?.isDirectory()) continue;
		const { files, unreadable } = await walkFiles(resolve(path));
		for (const file of files) if (file.endsWith(".jsonl")) found.add(file);
		unreadable.forEach(onUnreadable);
	}
	return [...found].sort();
}

/** Like `findSessionFiles`, but a path that is not there is a failure. */
export async function mustFindSessionFiles(
	paths: readonly string[],
	onUnreadable?: (folder: string) => void,
): Promise<string[]> {
	for (const path of paths) {
		if (!(await stat(path).catch(() => null)))
			throw new CliError(`There is no file or folder ${path}: check the path.`);
	}
	return await findSessionFiles(paths, onUnreadable);
}

/** Parents before their forks, else by name, which is by time. */
export async function inOrder(paths: readonly string[]): Promise<SessionFileInfo[]> {
	const infos: SessionFileInfo[] = [];
	for (let at = 0; at < paths.length; at += READ_AT_ONCE)
		infos.push(...(await Promise.all(paths.slice(at, at + READ_AT_ONCE).map(readInfo))));
	const byName = new Map(infos.map((info) => [basename(info.path), info]));
	const ordered: SessionFileInfo[] = [];
	const placed = new Set<SessionFileInfo>();
	const place = (info: SessionFileInfo, below: Set<SessionFileInfo>): void => {
		if (placed.has(info) || below.has(info)) return;
		const parent = info.parentPath ? byName.get(basename(info.parentPath)) : undefined;
		if (parent) place(parent, new Set([...below, info]));
		placed.add(info);
		ordered.push(info);
	};
	for (const info of infos) place(info, new Set());
	return ordered;
}

async function readInfo(path: string): Promise<SessionFileInfo> {
	const header = await readHeader(path);
	return {
		path,
		sessionId: typeof header.id === "string" ? header.id : null,
		parentPath: typeof header.parentSession === "string" ? header.parentSession : null,
	};
}

async function readHeader(path: string): Promise<Record<string, unknown>> {
	const file = await open(path).catch(() => null);
	if (!file) return {};
	try {
		const { bytesRead, buffer } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
		const [line = ""] = buffer.toString("utf8", 0, bytesRead).split("\n", 1);
		const value: unknown = JSON.parse(line.replace(/^\uFEFF/, ""));
		return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
	} catch {
		return {};
	} finally {
		await file.close();
	}
}

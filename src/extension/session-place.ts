/**
 * The file that this terminal writes its session to: the session's own when nobody else has it open, else a
 * replica. Found out before Pi draws the session, so that what is drawn is what is written.
 */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import { dataPaths, pathsOf } from "../config/paths.ts";
import type { PiInternals } from "./pi-internals.ts";
import { processTerminal } from "./process-terminal.ts";
import { copyReplica, handBack, isReplica, looksOn, removeReplica, replicaPath } from "./replica.ts";
import { lockSessionFile, type SessionLock } from "./session-lock.ts";

export type Place = {
	readonly isReplica: boolean;
	/** No other terminal writes the file. */
	readonly isOwn: boolean;
	/** The session's own file, where it is on this machine. */
	readonly original: string | null;
	/**
	 * The session is left: what the replica has besides goes to the original, if nobody has it open.
	 * @param sent the backend has everything. @param keep somebody still reads the replica.
	 */
	leave(sent: boolean, keep: boolean): void;
};

const ELSEWHERE: Place = { isReplica: false, isOwn: false, original: null, leave: () => {} };

/** Takes the session's file, or moves to a replica of it. */
export function takePlace(ctx: ExtensionContext, internals: PiInternals): Place {
	const file = ctx.sessionManager.getSessionFile();
	if (file === undefined) return ELSEWHERE;
	const { replicasDir, locksDir } = dataPaths(pathsOf().dataDir);
	const own = processTerminal();
	if (isReplica(replicasDir, file)) {
		// Pi would put what comes after this session beside its file.
		if (own.sessionDir) internals.setSessionDir(own.sessionDir);
		return replicaPlace(file, own.originals.get(file) ?? null, locksDir);
	}
	own.sessionDir = ctx.sessionManager.getSessionDir();
	const lock = lockSessionFile(locksDir, file, own.terminalId);
	if (lock.mine) {
		const leafId = ctx.sessionManager.getLeafId();
		if (takeIn(file, replicasDir, locksDir, ctx.sessionManager.getSessionId())) {
			internals.setSessionFile(file);
			// What was left stands last in the file, and Pi would go on from it although the session had gone on without.
			const isAhead = ctx.sessionManager.getBranch().some(({ id }) => id === leafId);
			if (leafId !== null && !isAhead) internals.setLeaf(leafId);
			internals.refreshContext();
		}
		return { isReplica: false, isOwn: true, original: file, leave: () => lock.release() };
	}
	if (!internals.canMoveFile || !internals.canAppend || !existsSync(file)) return ELSEWHERE;
	const replica = replicaPath(replicasDir, ctx.sessionManager.getSessionId(), own.terminalId);
	copyReplica(file, replica);
	own.originals.set(replica, file);
	internals.setSessionFile(replica);
	internals.refreshContext();
	return replicaPlace(replica, file, locksDir);
}

/** What terminals that died left in their replicas of this session goes into its own file. @returns whether anything did. */
function takeIn(file: string, replicasDir: string, locksDir: string, sessionId: string): boolean {
	const folder = dirname(replicaPath(replicasDir, sessionId, "any"));
	if (!existsSync(folder) || !existsSync(file)) return false;
	let added = 0;
	for (const name of readdirSync(folder)) {
		if (!name.endsWith(".jsonl")) continue;
		const replica = join(folder, name);
		const lock = lockSessionFile(locksDir, replica, processTerminal().terminalId);
		if (!lock.mine) continue;
		added += handBack(replica, file);
		removeReplica(replica);
		lock.release();
	}
	return added > 0;
}

function replicaPlace(replica: string, original: string | null, locksDir: string): Place {
	// Says that somebody uses the replica, for whoever looks for those that nobody does.
	const own = lockSessionFile(locksDir, replica, processTerminal().terminalId);
	return {
		isReplica: true,
		isOwn: true,
		original,
		leave(sent, keep) {
			const lock: SessionLock | null = original
				? lockSessionFile(locksDir, original, processTerminal().terminalId)
				: null;
			const isHome = lock?.mine === true && original !== null;
			if (isHome) handBack(replica, original);
			if (lock?.mine) lock.release();
			if ((sent || isHome || looksOn(replica)) && !keep) removeReplica(replica);
			own.release();
		},
	};
}

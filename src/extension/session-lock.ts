/**
 * Which running Pi has a session file open. Pi itself keeps no lock, and two processes that append to one file
 * fork it silently; so among terminals with this extension the first one writes the file, and the next ones
 * move to replicas. A note in our own data folder, by the file's real path; Pi's folders are left alone. It
 * says nothing of Pis without the extension.
 */
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export type SessionLock = {
	/** False: another running Pi has the file. */
	readonly mine: boolean;
	release(): void;
};

/** @param folder where the notes are kept. */
export function lockSessionFile(folder: string, file: string, terminalId: string): SessionLock {
	const note = join(folder, `${createHash("sha256").update(realPath(file)).digest("hex").slice(0, 32)}.json`);
	const own = JSON.stringify({ pid: process.pid, born: bornAt(process.pid), terminalId, file });
	const release = () => {
		if (readNote(note)?.terminalId === terminalId) rmSync(note, { force: true });
	};
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	for (let attempt = 0; attempt < 3; attempt += 1) {
		try {
			createWhole(note, own);
			return { mine: true, release };
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
		}
		const holder = readNote(note);
		if (holder?.terminalId === terminalId) return { mine: true, release };
		if (holder && holder.pid !== process.pid && isAlive(holder)) return { mine: false, release: () => {} };
		rmSync(note, { force: true });
	}
	return { mine: false, release: () => {} };
}

/** Throws `EEXIST` when the note is there. Nobody ever sees half of one. */
function createWhole(note: string, content: string): void {
	const draft = `${note}.${process.pid}`;
	writeFileSync(draft, content, { mode: 0o600 });
	try {
		linkSync(draft, note);
	} finally {
		rmSync(draft, { force: true });
	}
}

/** The same file by whatever link it is named; one that is not there yet, by its folder. */
export function realPath(file: string): string {
	try {
		return realpathSync(file);
	} catch {
		try {
			return join(realpathSync(dirname(file)), basename(file));
		} catch {
			return file;
		}
	}
}

type Holder = { pid: number; born: string | null; terminalId: string };

function readNote(note: string): Holder | null {
	try {
		const { pid, born, terminalId } = JSON.parse(readFileSync(note, "utf8")) as Record<string, unknown>;
		if (typeof pid !== "number" || typeof terminalId !== "string") return null;
		return { pid, terminalId, born: typeof born === "string" ? born : null };
	} catch {
		// Gone, or half written by a Pi that died: nobody has the file.
		return null;
	}
}

function isAlive({ pid, born }: Holder): boolean {
	try {
		process.kill(pid, 0);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
	// Process ids are given again: another one with that number was born at another time.
	return born === null || bornAt(pid) === born;
}

/** When a process started, as Linux counts it; null where that is not told. */
function bornAt(pid: number): string | null {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		// The name in brackets may hold anything; the start is the 20th field after it.
		return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
	} catch {
		return null;
	}
}

/** What went on, for `debug`: one line each in the data folder, without payloads, keys or prompts. */
import { mkdirSync } from "node:fs";
import { dataPaths, pathsOf } from "../config/paths.ts";
import { createLogFile } from "../lib/node/log-file.ts";

export type Log = (line: string) => void;

/** A log that is silent while `enabled` says no, and where no file can be made. The file is made at the first line. Never throws. */
export function createDebugLog(enabled: () => boolean): Log {
	let write: Log | null = null;
	return (line) => {
		if (!enabled()) return;
		if (!write) {
			const { dataDir } = pathsOf();
			try {
				mkdirSync(dataDir, { recursive: true, mode: 0o700 });
			} catch {
				// A full disk, or a folder that may not be written: what was to be logged goes on without it.
				return;
			}
			write = createLogFile(dataPaths(dataDir).extensionLog);
		}
		write(line);
	};
}

/** An error in one line. */
export function oneLine(error: unknown): string {
	const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
	return text.replace(/\s*\n\s*/g, " | ");
}

/** A log file that cannot grow without bound: past its limit it is moved aside once and begun anew. */
import { appendFile, rename, stat } from "node:fs/promises";

const LIMIT_BYTES = 5 * 1024 * 1024;
const LOOK_EVERY_LINES = 500;

/** Lines are written in order, in the background; a failure to write is dropped, for nobody could be told. */
export function createLogFile(path: string): (line: string) => void {
	let waiting: string[] = [];
	let writing = false;
	let lines = 0;
	const write = async () => {
		writing = true;
		while (waiting.length > 0) {
			const text = waiting.join("");
			waiting = [];
			try {
				if (lines % LOOK_EVERY_LINES === 0) await rotate(path);
				lines++;
				await appendFile(path, text, { mode: 0o600 });
			} catch {
				// Bounded by the caller's own way of showing state: the log is for afterwards.
			}
		}
		writing = false;
	};
	return (line) => {
		waiting.push(`${new Date().toISOString()} ${line}\n`);
		if (!writing) void write();
	};
}

async function rotate(path: string): Promise<void> {
	const found = await stat(path).catch(() => null);
	if (found && found.size > LIMIT_BYTES) await rename(path, `${path}.1`);
}

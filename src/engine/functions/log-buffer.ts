/** The log lines of one function call, in the form that clients parse: `[LOG] 'text' { a: 1 }`. */
import type { LogLine } from "../types.ts";
import { inspect } from "./inspect.ts";

export type LogLevel = "DEBUG" | "ERROR" | "WARN" | "INFO" | "LOG";

const MAX_LINES = 256;
const MAX_LINE_LENGTH = 32 * 1024;
const CUT = " (truncated due to length)";

export class LogBuffer {
	readonly lines: LogLine[] = [];
	#overflowed = false;

	write(level: LogLevel, values: readonly unknown[]): void {
		if (this.lines.length >= MAX_LINES) {
			if (!this.#overflowed)
				this.lines.push(`[ERROR] 'Log overflow (maximum ${MAX_LINES}). Remaining log lines omitted.'`);
			this.#overflowed = true;
			return;
		}
		const line = `[${level}] ${values.map((value) => inspect(value)).join(" ")}`;
		this.lines.push(line.length > MAX_LINE_LENGTH ? line.slice(0, MAX_LINE_LENGTH - CUT.length) + CUT : line);
	}
}

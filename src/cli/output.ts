/** What commands print, and how they fail: one clear sentence on stderr, the right exit code, no stack trace. */

/** A failure that is known: `message` says what, why and what to do. Exit code 1 failed, 2 wrong usage. */
export class CliError extends Error {
	readonly exitCode: 1 | 2;
	constructor(message: string, exitCode: 1 | 2 = 1) {
		super(message);
		this.name = "CliError";
		this.exitCode = exitCode;
	}
}

export const usageError = (message: string): CliError => new CliError(message, 2);

export function printJson(value: unknown): void {
	process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(line = ""): void {
	process.stdout.write(`${line}\n`);
}

/** For people only: progress and remarks, so that stdout stays clean for data. */
export function note(line: string): void {
	process.stderr.write(`${line}\n`);
}

/** Columns padded to their widest cell; the last one is left as it is. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
	const widths = header.map((title, at) =>
		Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length)),
	);
	const line = (cells: readonly string[]) =>
		cells
			.map((cell, at) => (at === cells.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
			.join("  ")
			.trimEnd();
	return [line(header), ...rows.map(line)].join("\n");
}

/** "1 session", "2 sessions". */
export const counted = (count: number, one: string, many = `${one}s`): string =>
	`${count} ${count === 1 ? one : many}`;

/** `now - at` in a few characters. */
export function age(at: number, now: number): string {
	const seconds = Math.max(0, Math.round((now - at) / 1000));
	if (seconds < 60) return `${seconds}s`;
	if (seconds < 3600) return `${Math.round(seconds / 60)}m`;
	if (seconds < 86_400) return `${Math.round(seconds / 3600)}h`;
	return `${Math.round(seconds / 86_400)}d`;
}

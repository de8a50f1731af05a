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
	write(`${JSON.stringify(value)}\n`);
}

export function printLine(line = ""): void {
	write(`${line}\n`);
}

let unwritten: NodeJS.ErrnoException | null = null;

/** Resolves when the text has left this process, or cannot; `endOutput` tells which. */
export function write(text: string): Promise<void> {
	return new Promise((resolve) =>
		process.stdout.write(text, (error) => {
			if (error) unwritten ??= error;
			resolve();
		}),
	);
}

const streams = [process.stdout, process.stderr] as const;
/** Those that take nothing any more. */
const gone = new Set<NodeJS.WriteStream>();

/** A reader that closes early, such as `head`, is no failure and ends the command; one of remarks does not. */
export function watchOutput(): void {
	for (const stream of streams) {
		stream.on("error", (error: NodeJS.ErrnoException) => {
			gone.add(stream);
			if (stream !== process.stdout) return;
			if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
			unwritten ??= error;
		});
	}
}

/**
 * Waits until all that was printed has arrived, for an exit loses what still waits. False, and said, when
 * some of it could not be written. Nothing can be printed afterwards.
 */
export async function endOutput(): Promise<boolean> {
	// Writing nothing and waiting for that is not enough: in Bun it overtakes what waits.
	await ended(process.stdout);
	if (unwritten)
		note(`The output could not be written (${unwritten.code}): check the free space where it goes.`);
	await ended(process.stderr);
	return unwritten === null;
}

/** Whatever failed never says that it has ended. */
const ended = (stream: NodeJS.WriteStream): Promise<void> =>
	new Promise((resolve) => {
		if (stream.destroyed || gone.has(stream)) return resolve();
		stream.once("error", () => resolve());
		stream.end(() => resolve());
	});

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

/** Progress on standard error: a bar for people at a terminal, now and then a line elsewhere. */
import { SingleBar } from "cli-progress";
import { note } from "./output.ts";

const LINE_EVERY_MS = 2_000;

/** `done` may be a fraction: two and a half of three files. */
export type Progress = { step(done: number): void; end(): void };

export function createProgress(what: string, total: number, quiet: boolean): Progress {
	if (quiet) return { step: () => {}, end: () => {} };
	if (!process.stderr.isTTY) return lines(what, total);
	const bar = new SingleBar({
		format: `${what} {bar} {percentage}% {whole}/{total} {eta_formatted}`,
		stream: process.stderr,
		hideCursor: true,
		etaBuffer: 50,
	});
	bar.start(total, 0, { whole: 0 });
	const forget = onDeath(() => bar.stop());
	return {
		step: (done) => bar.update(done, { whole: Math.floor(done) }),
		end() {
			forget();
			bar.stop();
		},
	};
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Gives the terminal back, cursor and line wrap, however the process ends. Gives the function that undoes it. */
function onDeath(giveBack: () => void): () => void {
	const forget = (): void => {
		process.off("exit", giveBack);
		for (const signal of SIGNALS) process.off(signal, die);
	};
	const die = (signal: NodeJS.Signals): void => {
		forget();
		giveBack();
		// Where nobody else takes the signal it means what it always means.
		if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
	};
	process.on("exit", giveBack);
	for (const signal of SIGNALS) process.on(signal, die);
	return forget;
}

function lines(what: string, total: number): Progress {
	let saidAt = Date.now();
	return {
		step(done) {
			if (Date.now() - saidAt < LINE_EVERY_MS) return;
			saidAt = Date.now();
			const percent = Math.floor((100 * done) / total);
			note(`${what}: ${Math.floor(done)} of ${total}, ${percent} %`);
		},
		end: () => {},
	};
}

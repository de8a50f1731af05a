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
	return { step: (done) => bar.update(done, { whole: Math.floor(done) }), end: () => bar.stop() };
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

/** Finds the source line of a position in the bundle, so that stack traces name the app's own files. */
import { basename, dirname, relative, resolve } from "node:path";

type Segment = { column: number; source: number; line: number; sourceColumn: number };

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGIT_OF = new Map([...DIGITS].map((char, value) => [char, value]));

/** Numbers of one group of a source map's `mappings`. */
function decodeGroup(text: string): number[] {
	const numbers: number[] = [];
	let value = 0;
	let shift = 0;
	for (const char of text) {
		const digit = DIGIT_OF.get(char) ?? 0;
		value += (digit & 31) * 2 ** shift;
		shift += 5;
		if (digit & 32) continue;
		const magnitude = Math.floor(value / 2);
		numbers.push(value % 2 === 1 ? -magnitude : magnitude);
		value = 0;
		shift = 0;
	}
	return numbers;
}

export class SourceMap {
	readonly #sources: string[];
	readonly #mappings: string;
	#lines: Segment[][] | null = null;
	/** Path of the bundle, as stack traces name it. */
	readonly bundlePath: string;

	/** `functionsDir` is what source paths are told relative to: `../convex/messages.ts`. */
	constructor(mapText: string, bundlePath: string, functionsDir: string) {
		const map = JSON.parse(mapText) as { sources: string[]; mappings: string };
		const root = dirname(functionsDir);
		this.#mappings = map.mappings;
		this.bundlePath = bundlePath;
		this.#sources = map.sources.map((source) => {
			const path = relative(root, resolve(dirname(bundlePath), source));
			return `../${path.startsWith("..") ? basename(path) : path}`;
		});
	}

	/** `../convex/file.ts:12:3`, or null when nothing of the sources is there. Lines and columns count from 1. */
	locate(line: number, column: number): string | null {
		this.#lines ??= this.#decode();
		const segments = this.#lines[line - 1] ?? [];
		let best: Segment | null = null;
		for (const segment of segments) {
			if (segment.column > column - 1) break;
			best = segment;
		}
		return best ? `${this.#sources[best.source]}:${best.line + 1}:${best.sourceColumn + 1}` : null;
	}

	#decode(): Segment[][] {
		let source = 0;
		let line = 0;
		let sourceColumn = 0;
		return this.#mappings.split(";").map((text) => {
			let column = 0;
			const segments: Segment[] = [];
			for (const group of text === "" ? [] : text.split(",")) {
				const [columnStep = 0, sourceStep, lineStep = 0, sourceColumnStep = 0] = decodeGroup(group);
				column += columnStep;
				if (sourceStep === undefined) continue;
				source += sourceStep;
				line += lineStep;
				sourceColumn += sourceColumnStep;
				segments.push({ column, source, line, sourceColumn });
			}
			return segments;
		});
	}
}

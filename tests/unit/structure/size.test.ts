import { expect, test } from "bun:test";
import { readSource, sourceFiles } from "../../support/source-tree.ts";

/** Lines a file may have; what is over is listed below with its reason. */
const LIMITS = [
	{ folder: "src", lines: 500 },
	{ folder: "convex", lines: 500 },
	{ folder: "tests", lines: 900 },
];

/** Path to reason. */
const EXCEPTIONS: Record<string, string> = {};

const lineCount = (path: string): number => readSource(path).split("\n").length;

for (const { folder, lines } of LIMITS) {
	test(`no file below ${folder} has more than ${lines} lines`, () => {
		const over = sourceFiles(folder)
			.filter((path) => !(path in EXCEPTIONS) && !path.includes("fixtures/"))
			.filter((path) => lineCount(path) > lines)
			.map((path) => `${path}: ${lineCount(path)}`);
		expect(over).toEqual([]);
	});
}

test("the extension's wiring stays under 100 lines", () => {
	expect(lineCount("src/extension/index.ts")).toBeLessThan(100);
});

test("the median source file stays small", () => {
	const sizes = sourceFiles("src")
		.map(lineCount)
		.sort((a, b) => a - b);
	expect(sizes[Math.floor(sizes.length / 2)]).toBeLessThanOrEqual(160);
});

test("every exception is still needed", () => {
	const idle = Object.keys(EXCEPTIONS).filter((path) => {
		const limit = LIMITS.find(({ folder }) => path.startsWith(`${folder}/`));
		return !limit || lineCount(path) <= limit.lines;
	});
	expect(idle).toEqual([]);
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { resultText, ToolOutput } from "../../../src/extension/tool-output.ts";

/** What a reader holds after an op. */
function apply(held: string, op: readonly unknown[] | null): string {
	return op ? held.slice(0, op[2] as number) + (op[3] as string) : held;
}

describe("the output of a running tool", () => {
	test("grows by what is new alone", () => {
		const output = new ToolOutput();
		expect(output.report("c1", "line 1\n")).toEqual(["o", "c1", 0, "line 1\n"]);
		expect(output.report("c1", "line 1\nline 2\n")).toEqual(["o", "c1", 7, "line 2\n"]);
		expect(output.report("c1", "line 1\nline 2\n")).toBeNull();
	});

	test("that is rewritten keeps what stayed at its start", () => {
		const output = new ToolOutput();
		output.report("c1", "progress 10%");
		expect(output.report("c1", "progress 20%")).toEqual(["o", "c1", 9, "20%"]);
	});

	test("whose window slides is told by what came in, and the reader keeps what slid out", () => {
		const lines = Array.from({ length: 400 }, (_, index) => `line ${index} of the long output\n`);
		const output = new ToolOutput();
		let held = "";
		let sent = 0;
		for (let end = 10; end <= lines.length; end += 10) {
			const op = output.report("c1", lines.slice(Math.max(0, end - 50), end).join(""));
			sent += op?.[0] === "o" ? op[3].length : 0;
			held = apply(held, op);
		}
		expect(held).toBe(lines.join(""));
		expect(sent).toBe(held.length);
	});

	test("of two tools at once is kept apart", () => {
		const output = new ToolOutput();
		output.report("a", "one");
		output.report("b", "two");
		expect(output.report("a", "one more")).toEqual(["o", "a", 3, " more"]);
		output.forget("a");
		expect(output.report("a", "one")).toEqual(["o", "a", 0, "one"]);
	});

	test("is bounded: beyond the bound the reader gets the window alone", () => {
		const output = new ToolOutput();
		let held = "";
		for (let round = 0; round < 40; round += 1) {
			held = apply(held, output.report("c1", `${round}: ${"x".repeat(40_000)}`));
		}
		expect(held).toBe(`39: ${"x".repeat(40_000)}`);
	});

	test("that is reported whole is told by what is new alone, however long it is", () => {
		const output = new ToolOutput();
		let report = "";
		let held = "";
		let sent = 0;
		for (let round = 0; round < 60; round += 1) {
			report += `${round}: ${"x".repeat(40_000)}\n`;
			const op = output.report("c1", report);
			sent += op?.[0] === "o" ? op[3].length : 0;
			held = apply(held, op);
		}
		expect(held).toBe(report);
		expect(sent).toBe(report.length);
	});

	test("with a long window that slides is bounded, and costs a small multiple of what came in", () => {
		const lines = Array.from({ length: 600 }, (_, index) => `${index}: ${"x".repeat(9_990)}\n`);
		const output = new ToolOutput();
		let held = "";
		let sent = 0;
		let longest = 0;
		for (let end = 1; end <= lines.length; end += 1) {
			const report = lines.slice(Math.max(0, end - 80), end).join("");
			const op = output.report("c1", report);
			sent += op?.[0] === "o" ? op[3].length : 0;
			held = apply(held, op);
			expect(held.endsWith(report)).toBe(true);
			longest = Math.max(longest, held.length);
		}
		expect(longest).toBeLessThan(80 * 10_000 * 3);
		expect(sent).toBeLessThan(lines.join("").length * 3);
	});

	test("always ends with the newest report, whatever the tool reports", () => {
		const text = fc.string({ unit: fc.constantFrom("a", "b", "ab\n"), maxLength: 600 });
		fc.assert(
			fc.property(fc.array(text, { maxLength: 8 }), (reports) => {
				const output = new ToolOutput();
				let held = "";
				for (const report of reports) {
					held = apply(held, output.report("c", report));
					expect(held.endsWith(report)).toBe(true);
				}
			}),
		);
	});

	test("is read from the text blocks of a result, whatever else is in it", () => {
		expect(
			resultText({ content: [{ type: "text", text: "a" }, { type: "image" }, { type: "text", text: "b" }] }),
		).toBe("a\nb");
		expect(resultText({ content: "plain" })).toBe("plain");
		expect(resultText(undefined)).toBe("");
		expect(resultText({ content: [null, { type: "text" }] })).toBe("");
	});
});

import { expect, test } from "bun:test";
import { isCostly } from "../../../src/dashboard/elements/markdown-cost.ts";

const PATTERNS: Record<string, string> = {
	"quotes within quotes": ">".repeat(5000),
	"quotes with spaces": "> ".repeat(5000),
	"numbered lists within each other": "Look:\n\n".concat("1. ".repeat(3000)),
	"bullets within each other": `${"- ".repeat(300)}deep`,
	"lists one step further in each line": Array.from(
		{ length: 300 },
		(_, at) => `${" ".repeat(at * 2)}- a`,
	).join("\n"),
	"marks that never close": "**a*b".repeat(5000),
	"marks within marks": `${"*a ".repeat(3000)}${" b*".repeat(3000)}`,
	"one long mark": `${"*".repeat(10_000)}a${"*".repeat(10_000)}`,
	"marks behind a fence that closed": `\`\`\`\ncode\n\`\`\`\n${"_a__b".repeat(4000)}`,
	"a wide table with many short rows": `|${"a|".repeat(5000)}\n|${"-|".repeat(5000)}\n${"|\n".repeat(5000)}`,
};

for (const [name, text] of Object.entries(PATTERNS))
	test(`${name} are not formatted`, () => expect(isCostly(text)).toBe(true));

test("what people and models write is formatted", () => {
	const bullets = Array.from(
		{ length: 900 },
		(_, at) => `- **Item ${at}**: a \`value_${at}\` of _some_ kind`,
	);
	const code = Array.from({ length: 900 }, (_, at) => `const some_long_name_${at} = a * b * other_name;`);
	const rows = Array.from({ length: 2000 }, (_, at) => `| ${at} | **b** | c_d | e | f | g | h | i |`);
	const head = ["| a | b | c | d | e | f | g | h |", "|---|:-:|---|---|---|---|---|---|"];
	const prose = "Some *words* and **more** of them, [linked](https://example.com).\n".repeat(12);
	for (const text of [
		bullets.join("\n"),
		["```ts", ...code, "```"].join("\n"),
		[...head, ...rows].join("\n"),
		`${prose}\n`.repeat(80),
		`Title\n${"-".repeat(400)}\n${"*".repeat(80)}\n${"=".repeat(400)}`,
		"> > > quoted\n> > by mail\n> often\n",
		"W".repeat(90_000),
		" ".repeat(90_000),
		"- ".repeat(20),
	])
		expect(isCostly(text)).toBe(false);
});

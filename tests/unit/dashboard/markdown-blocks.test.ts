import { expect, test } from "bun:test";
import fc from "fast-check";
import { createElement, Fragment, isValidElement, type ReactNode } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { Markdown } from "../../../src/dashboard/elements/markdown.tsx";
import { MarkdownBlocks } from "../../../src/dashboard/elements/markdown-blocks.tsx";

const shown = (nodes: readonly ReactNode[]): string =>
	renderToStaticMarkup(createElement(Fragment, null, nodes));
const atOnce = (text: string): string => shown(new MarkdownBlocks().drawn(text));

/** Lines that begin, hold, end or spoil each other's blocks. */
const LINES = [
	...["", "", "", "", " ", "text", "more *text*", "    four", "\tfour", "  two", "   three"],
	...[
		"# head",
		"===",
		"---",
		"***",
		"- a",
		"-",
		"* b",
		"1. one",
		"2",
		"2. two",
		"10) ten",
		"  - in",
		"   deep",
	],
	...["> said", ">", "> - a", "> ```", "```", "```ts", "~~~", "  ```", "- ```", "````", "code()"],
	...["| a | b |", "|---|---|", "| 1 | 2 |", "a | b", "-|-", "<div>", "</div>", "<!--", "-->", "<script>"],
	...[
		"</script>",
		"<b>x</b>",
		"List<String>",
		"<br>",
		"[x]: /url",
		"[x]",
		"[^1]",
		"[^1]: note",
		"    [x]: /u",
	],
	...[
		"**open",
		"close**",
		"`tick",
		"https://example.com/a",
		"- [ ] do",
		"![p](http://x/y)",
		"\ufeffmark",
		"\\",
	],
];

const markdown = fc
	.array(fc.oneof(fc.constantFrom(...LINES), fc.string({ unit: "grapheme-ascii", maxLength: 8 })), {
		maxLength: 24,
	})
	.map((lines) => lines.join("\n"));

test("markdown that grows in any steps is drawn as it is when drawn at once", () => {
	fc.assert(
		fc.property(markdown, fc.array(fc.nat(), { maxLength: 30 }), (text, cuts) => {
			const blocks = new MarkdownBlocks();
			const ends = [...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
			for (const end of ends) {
				const said = text.slice(0, end);
				expect(shown(blocks.drawn(said))).toBe(atOnce(said));
			}
		}),
		{ numRuns: 500 },
	);
}, 120_000);

for (const text of [
	"1. one\n\n2. two\n\n3. three\n\nend",
	"- one\n\n-minus\n\n- two\n\n  deep\n\n*star*",
	"see [x] and [^1]\n\nmore\n\neven more\n\n[x]: https://example.com/x\n\n[^1]: note\n\nend [x]",
	"[x]: is it\n\nmore\n\n[x]: is it one\n\nend [x]",
	"> quote [x]\n\ntext\n\n> [x]: /url\n\nend",
	"para\na | b\n- | -\n1 | 2\n\npara\n===\n\n    code\n\n    code\n\nend",
	"```\n\ntext\n\n```\n\n~~~~\n\n~~~\n\n~~~~\n\nend",
	"<!--\n\ntext\n\n-->\n\n<div>\n\ntext\n\n</div>\n\nend",
])
	test(`letter by letter it is drawn as at once: ${JSON.stringify(text.slice(0, 30))}`, () => {
		const blocks = new MarkdownBlocks();
		for (let end = 0; end <= text.length; end += 1)
			expect(shown(blocks.drawn(text.slice(0, end)))).toBe(atOnce(text.slice(0, end)));
	});

test("a text that is changed further up is drawn anew", () => {
	const blocks = new MarkdownBlocks();
	blocks.drawn("one\n\ntwo\n\nthree\n");
	expect(shown(blocks.drawn("one\n\n2\n\nthree\n\nfour"))).toBe(atOnce("one\n\n2\n\nthree\n\nfour"));
});

test("blocks that have ended are not drawn again while the answer grows", () => {
	const part = "## Head\n\nSome **words**.\n\n- a\n- b\n\n```ts\ncode();\n```\n\n";
	const blocks = new MarkdownBlocks();
	const before = blocks.drawn(part.repeat(20));
	const after = blocks.drawn(`${part.repeat(20)}The next words`);
	const same = after.filter((node, at) => isValidElement(node) && node === before[at]);
	expect(before.filter(isValidElement).length - same.length).toBeLessThanOrEqual(1);
	expect(same.length).toBeGreaterThan(70);
});

test("what looks like HTML is shown as it was written", () => {
	const text = "A List<String> and a <div>.\n\n<p align=center>x</p>\n\n| a |\n|---|\n| b<br>c |\n\n> <i>\n";
	const html = renderToStaticMarkup(createElement(Markdown, { text }));
	expect(html).toContain("A List&lt;String&gt; and a &lt;div&gt;.");
	expect(html).toContain("<p>&lt;p align=center&gt;x&lt;/p&gt;</p>");
	expect(html).toContain("<td>b<br/>");
	expect(html).toContain("<p>&lt;i&gt;</p>");
});

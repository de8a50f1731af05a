import { expect, test } from "bun:test";
import fc from "fast-check";
import { promptWords } from "../../../convex/model/promptWords.ts";
import { queryWords, snippetOf } from "../../../convex/model/snippets.ts";
import { runs } from "../../support/arbitraries.ts";

const marked = (text: string, query: string) => {
	const snippet = snippetOf(text, queryWords(query));
	return snippet.matches.map(({ start, end }) => snippet.text.slice(start, end));
};

test("words are found whatever their case, the last one as a beginning, accents as they are", () => {
	expect(marked("The Parser parses; a parse tree, PARSED", "the parse")).toEqual([
		"The",
		"Parser",
		"parses",
		"parse",
		"PARSED",
	]);
	expect(marked("The Parser parses", "parse the")).toEqual(["The"]);
	expect(marked("Ünïcode wörds, words", "WÖR")).toEqual(["wörds"]);
	expect(marked("snake_case and kebab-case", "case")).toEqual(["case", "case"]);
	expect(queryWords("Fix, the (parser)! -- now_or never")).toEqual([
		"fix",
		"the",
		"parser",
		"now",
		"or",
		"never",
	]);
	expect(queryWords("x".repeat(40))).toEqual([]);
	expect(queryWords("w ".repeat(50))).toHaveLength(16);
});

test("of a long text the stretch with most of the words is shown", () => {
	const text = `lock ${"filler ".repeat(200)} the turn lock expires after ten seconds ${"more ".repeat(200)} expires`;
	const snippet = snippetOf(text, queryWords("turn lock expires"));
	expect(snippet.text).toContain("the turn lock expires after ten seconds");
	expect(snippet).toMatchObject({ cutBefore: true, cutAfter: true });
	expect(snippet.text.length).toBeLessThanOrEqual(240);
	expect(snippet.text).toMatch(/^filler .*more$/);
});

test("a short text is shown whole; one that holds no word, from its beginning", () => {
	expect(snippetOf("all of it", queryWords("it"))).toEqual({
		text: "all of it",
		matches: [{ start: 7, end: 9 }],
		cutBefore: false,
		cutAfter: false,
	});
	const without = snippetOf("word ".repeat(100), ["none"]);
	expect(without).toMatchObject({ matches: [], cutBefore: false, cutAfter: true });
	expect(without.text).toStartWith("word word");
});

test("control characters do not reach a terminal; lines stay", () => {
	expect(snippetOf("a\u001b[31mred\n\tb", ["red"]).text).toBe("a [31mred\n\tb");
});

test("a text without white space is cut where it must be", () => {
	const text = `${"漢字。".repeat(200)}検索${"。漢字".repeat(200)}`;
	const snippet = snippetOf(text, ["検索"]);
	expect(snippet.matches).toHaveLength(1);
	expect(snippet.text.length).toBeGreaterThan(200);
});

test("ranges are exact, ascending and apart, whatever the text and the query", () => {
	const word = fc.constantFrom(
		"alpha",
		"Beta",
		"gamma",
		"ALPHABET",
		"İx",
		"😀",
		"-",
		"\n",
		"naïve",
		"日本",
		"x1",
	);
	const filler = fc.string({ unit: "grapheme", maxLength: 60 });
	const text = fc.array(fc.oneof(word, filler), { maxLength: 120 });
	const glue = fc.constantFrom(" ", "", ", ");
	const query = fc.array(word, { minLength: 1, maxLength: 4 });
	fc.assert(
		fc.property(text, glue, query, fc.integer({ min: 20, max: 300 }), (pieces, between, asked, chars) => {
			const whole = pieces.join(between).toWellFormed();
			const words = queryWords(asked.join(" "));
			const snippet = snippetOf(whole, words, chars);
			expect(snippet.text.isWellFormed()).toBe(true);
			let before = 0;
			for (const { start, end } of snippet.matches) {
				expect(start).toBeGreaterThanOrEqual(before);
				const found = snippet.text.slice(start, end).toLowerCase();
				expect(words.includes(found) || found.startsWith(words.at(-1) as string)).toBe(true);
				before = end;
			}
			const isInText = (whole.toLowerCase().match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu) ?? []).some(
				(one) => words.includes(one) || (words.length > 0 && one.startsWith(words.at(-1) as string)),
			);
			expect(snippet.matches.length > 0).toBe(isInText);
		}),
		runs(300),
	);
});

test("of a prompt the words that tell something are looked for", () => {
	expect(promptWords("Please fix the parser, so that it can handle nested quotes")).toBe(
		"fix parser handle nested quotes",
	);
	expect(promptWords("what is it")).toBe("what is it");
	const long = promptWords(Array.from({ length: 40 }, (_, i) => `w${"o".repeat(i % 30)}${i}`).join(" "));
	expect(long.split(" ")).toHaveLength(16);
});

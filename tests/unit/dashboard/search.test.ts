import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Found, NOTHING_ASKED, nextFound } from "../../../src/dashboard/features/search/found.ts";
import { snippetPieces } from "../../../src/dashboard/features/search/snippet-pieces.ts";
import type { SearchHit } from "../../../src/protocol/search.ts";

const snippet = (text: string, ...matches: [number, number][]) => ({
	text,
	matches: matches.map(([start, end]) => ({ start, end })),
	cutBefore: false,
	cutAfter: false,
});

function hit(entryId: string, changes: Partial<SearchHit> = {}): SearchHit {
	return {
		sessionId: "s",
		entryId,
		kind: "answer",
		timestamp: 0,
		snippet: snippet("text"),
		title: null,
		source: "pi",
		projectName: "proj",
		projectPath: "/proj",
		...changes,
	};
}

const ids = (found: Found) => ("hits" in found ? found.hits.map(({ entryId }) => entryId) : null);

test("a snippet is cut at the words that were found", () => {
	expect(
		snippetPieces({ ...snippet("find the word here", [9, 13]), cutBefore: true, cutAfter: true }),
	).toEqual([
		{ text: "…", isMatch: false },
		{ text: "find the ", isMatch: false },
		{ text: "word", isMatch: true },
		{ text: " here", isMatch: false },
		{ text: "…", isMatch: false },
	]);
});

test("what others wrote is cleaned without moving the marks", () => {
	expect(snippetPieces(snippet("\u001b[31mred\u001b[0m\n\n<b>x</b>", [5, 8]))).toEqual([
		{ text: "red", isMatch: true },
		{ text: " <b>x</b>", isMatch: false },
	]);
});

test("marks beside the text or over each other never lose or double a character", () => {
	const place = fc.integer({ min: -5, max: 40 });
	fc.assert(
		fc.property(
			fc.stringMatching(/^[a-z]{0,30}$/),
			fc.array(fc.tuple(place, place), { maxLength: 6 }),
			(text, matches) => {
				const pieces = snippetPieces(snippet(text, ...matches));
				expect(pieces.map((piece) => piece.text).join("")).toBe(text);
			},
		),
	);
});

test("hits of the search before stay until the new ones come", () => {
	const found = nextFound(NOTHING_ASKED, {
		kind: "came",
		page: { hits: [hit("a")], cursor: null },
		isMore: false,
	});
	const searching = nextFound(found, { kind: "asked" });
	expect(searching.kind).toBe("searching");
	expect(ids(searching)).toEqual(["a"]);
	expect(
		ids(nextFound(searching, { kind: "came", page: { hits: [hit("b")], cursor: null }, isMore: false })),
	).toEqual(["b"]);
	expect(nextFound(searching, { kind: "cleared" })).toBe(NOTHING_ASKED);
});

test("more hits come after the first ones, each once; a failure keeps what is there", () => {
	const first = nextFound(NOTHING_ASKED, {
		kind: "came",
		page: { hits: [hit("a"), hit("b"), hit("a")], cursor: "1" },
		isMore: false,
	});
	expect(ids(first)).toEqual(["a", "b"]);
	const asked = nextFound(first, { kind: "moreAsked" });
	expect(asked).toMatchObject({ kind: "found", isLoadingMore: true });
	const failed = nextFound(asked, { kind: "failed", reason: "away", isMore: true });
	expect(failed).toMatchObject({ kind: "found", isLoadingMore: false, moreFailure: "away", cursor: "1" });
	const more = nextFound(asked, {
		kind: "came",
		page: { hits: [hit("b"), hit("b", { kind: "tool" }), hit("c")], cursor: null },
		isMore: true,
	});
	expect(ids(more)).toEqual(["a", "b", "b", "c"]);
	expect(more).toMatchObject({ cursor: null, moreFailure: null });
	expect(nextFound(first, { kind: "failed", reason: "away", isMore: false })).toEqual({
		kind: "failed",
		reason: "away",
	});
});

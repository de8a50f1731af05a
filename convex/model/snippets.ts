/**
 * The stretch of a text that shows best what was found, and where the words are in it.
 *
 * Pure. Words are what Convex's search indexes and ours take for words: runs of letters and digits without
 * regard to case, the last word of a query also as the beginning of one. Accents count.
 */
import type { Snippet } from "../../src/protocol/search.ts";

/** Words of a query that count: Convex takes no more. */
export const QUERY_WORDS = 16;
/** Longer ones are in no index. */
const WORD_CHARS = 32;
/** Of a snippet. */
const SNIPPET_CHARS = 240;

const WORD = /[\p{L}\p{N}\p{M}\p{Co}]+/gu;

type Match = { start: number; end: number; word: number };

/** Words of a query, lower-cased, in order, at most `QUERY_WORDS`. */
export function queryWords(query: string): string[] {
	const words = query.normalize("NFC").toLowerCase().match(WORD) ?? [];
	return words.filter((word) => word.length <= WORD_CHARS).slice(0, QUERY_WORDS);
}

/**
 * `words` as `queryWords` gives them. A text that holds none of them is shown from its beginning. At most
 * `chars` characters, unless one word is longer.
 */
export function snippetOf(text: string, words: readonly string[], chars = SNIPPET_CHARS): Snippet {
	const found = matchesIn(text, words);
	const { from, to } = stretchAround(text, bestCluster(found, chars), chars);
	const inside = found.filter(({ start, end }) => start >= from && end <= to);
	return {
		// One for one, so that the places stay right. Lines and tabs stay.
		text: text.slice(from, to).replace(/[^\P{Cc}\n\t]/gu, " "),
		matches: inside.map(({ start, end }) => ({ start: start - from, end: end - from })),
		cutBefore: text.slice(0, from).trim() !== "",
		cutAfter: text.slice(to).trim() !== "",
	};
}

function matchesIn(text: string, words: readonly string[]): Match[] {
	const places = new Map(words.map((word, at) => [word, at]));
	const last = words.at(-1);
	const found: Match[] = [];
	for (const { 0: token, index: start } of text.matchAll(WORD)) {
		const lower = token.toLowerCase();
		const isBeginning = last !== undefined && lower.startsWith(last);
		const word = places.get(lower) ?? (isBeginning ? words.length - 1 : undefined);
		if (word !== undefined) found.push({ start, end: start + token.length, word });
	}
	return found;
}

/** First and last of the matches that fit into a snippet: most different words, then most matches, then the earliest. */
function bestCluster(found: readonly Match[], chars: number): { start: number; end: number } {
	let best = { start: 0, end: 0 };
	let bestScore = 0;
	let first = 0;
	const within = new Map<number, number>();
	for (const [last, match] of found.entries()) {
		within.set(match.word, (within.get(match.word) ?? 0) + 1);
		while (first < last && match.end - (found[first] as Match).start > chars) {
			const { word } = found[first] as Match;
			const left = (within.get(word) as number) - 1;
			if (left === 0) within.delete(word);
			else within.set(word, left);
			first += 1;
		}
		const score = within.size * 1000 + Math.min(last - first, 999);
		if (score > bestScore) {
			bestScore = score;
			best = { start: (found[first] as Match).start, end: match.end };
		}
	}
	return best;
}

/** The cluster in the middle of as much text as a snippet may have, from the beginning of a word to the end of one. */
function stretchAround(
	text: string,
	{ start, end }: { start: number; end: number },
	chars: number,
): { from: number; to: number } {
	const spare = Math.max(0, chars - (end - start));
	const before = Math.min(start, Math.max(Math.floor(spare / 2), spare - (text.length - end)));
	const after = Math.min(text.length - end, spare - before);
	const from = start - before;
	const to = end + after;
	return {
		from: from === 0 ? 0 : afterGap(text, from, start),
		to: to === text.length ? to : beforeGap(text, to, end),
	};
}

const GAP = /\s/;
/** How far an end moves to where a word begins or ends; some scripts have no white space. */
const GAP_WITHIN = 40;

/** The first place after white space from `at` on, or `at`. */
function afterGap(text: string, at: number, until: number): number {
	for (let place = at; place <= Math.min(until, at + GAP_WITHIN); place++) {
		if (GAP.test(text.charAt(place - 1)) && !GAP.test(text.charAt(place))) return place;
	}
	return isLow(text, at) ? at + 1 : at;
}

/** The last place before white space up to `at`, or `at`. */
function beforeGap(text: string, at: number, until: number): number {
	for (let place = at; place >= Math.max(until, at - GAP_WITHIN); place--) {
		if (GAP.test(text.charAt(place)) && !GAP.test(text.charAt(place - 1))) return place;
	}
	return isLow(text, at) ? at - 1 : at;
}

/** The second half of a surrogate pair, which would stand alone. */
function isLow(text: string, at: number): boolean {
	const code = text.charCodeAt(at);
	return code >= 0xdc00 && code <= 0xdfff;
}

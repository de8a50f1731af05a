import { plainText } from "../../../lib/plain-text.ts";
import type { Snippet } from "../../../protocol/search.ts";

export type Piece = { text: string; isMatch: boolean };

/** A snippet cut at the words that were found. Total: marks that lie beside the text or over each other mark less. */
export function snippetPieces({ text, matches, cutBefore, cutAfter }: Snippet): Piece[] {
	const pieces: Piece[] = [];
	const put = (from: number, to: number, isMatch: boolean): void => {
		// Cleaned piece by piece: the places are those of the text as it is stored.
		const said = plainText(text.slice(from, to)).replace(/\s+/g, " ");
		if (said !== "") pieces.push({ text: said, isMatch });
	};
	let at = 0;
	for (const { start, end } of matches) {
		const from = Math.max(at, start);
		if (!(end > from)) continue;
		put(at, from, false);
		put(from, end, true);
		at = end;
	}
	put(at, text.length, false);
	const before = cutBefore ? [{ text: "…", isMatch: false }] : [];
	return [...before, ...pieces, ...(cutAfter ? [{ text: "…", isMatch: false }] : [])];
}

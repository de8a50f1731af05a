/**
 * Some markdown takes a parser minutes, or a stack or a table larger than the page can hold, though it is
 * short: marks within marks, lists within lists, a row for each character of a table with many columns.
 * Nobody reads that formatted. Found by one look over the text, before it is parsed.
 */

/** Quotes and lists that begin on one line. */
const CONTAINERS = /^[ \t]*(?:(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))[ \t]*){40}/m;
/** A list item so far in that some fifty others must hold it. */
const FAR_IN = /^[ \t]{100,}(?:[-+*]|\d{1,9}[.)])[ \t]/m;
/** Marks of emphasis in one paragraph: what they cost grows with the square of them. */
const MOST_MARKS = 2000;
/** Each row of a table is filled up to the columns of its head. */
const MOST_CELLS = 100_000;

/** True when the text is not worth the time that it would take to format it. */
export function isCostly(text: string): boolean {
	return CONTAINERS.test(text) || FAR_IN.test(text) || hasManyMarks(text) || hasManyCells(text);
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
/** Lines before which a paragraph ends. */
const BEGINS_ANEW = /^[ \t]*(?:$|#|\||[-+*][ \t]|\d{1,9}[.)][ \t])/;

function hasManyMarks(text: string): boolean {
	let marks = 0;
	let fence = "";
	for (const line of text.split("\n")) {
		const mark = FENCE.exec(line)?.[1] ?? "";
		if (fence !== "") {
			if (mark.startsWith(fence)) fence = "";
			continue;
		}
		if (mark !== "") fence = mark;
		if (mark !== "" || BEGINS_ANEW.test(line)) marks = 0;
		if (mark === "") marks += line.match(/[*_~]/g)?.length ?? 0;
		if (marks > MOST_MARKS) return true;
	}
	return false;
}

function hasManyCells(text: string): boolean {
	const heads = text.match(/^[ \t>]*[|:-][ \t|:-]*$/gm) ?? [];
	const columns = heads.reduce((most, line) => Math.max(most, line.split("|").length), 0);
	return columns > 2 && columns * text.split("\n").length > MOST_CELLS;
}

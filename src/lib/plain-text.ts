/**
 * Text that others wrote, made safe to look at: terminal escapes and control characters are dropped, and
 * very long text is cut until somebody asks for all of it. Bidirectional marks stay, for languages need
 * them; the page isolates each text instead.
 */

const ESC = "\\u001b";
/** CSI (colours, cursor), OSC and its kin up to their end, and the short escapes. */
const ESCAPES = new RegExp(
	`${ESC}\\[[0-?]*[ -/]*[@-~]|${ESC}[\\]P_^X][^\\u0007\\u001b]*(?:\\u0007|${ESC}\\\\|$)|${ESC}[ -/]*[0-~]|\\u009b[0-?]*[ -/]*[@-~]`,
	"g",
);
/** Controls besides tab and newline. */
const CONTROL = "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]";
const CONTROLS = new RegExp(CONTROL, "g");
const HAS_CONTROL = new RegExp(CONTROL);

/** Without terminal escapes and control characters; a line rewritten with carriage returns shows its last state. */
export function plainText(text: string): string {
	if (!HAS_CONTROL.test(text)) return text;
	const bare = text.replace(ESCAPES, "");
	const lines = bare.includes("\r") ? bare.split("\n").map(lastState).join("\n") : bare;
	return lines.replace(CONTROLS, "");
}

/** The same on one line. */
export const plainLine = (text: string): string => plainText(text.replace(/[\n\t]+/g, " "));

function lastState(line: string): string {
	const kept = line.endsWith("\r") ? line.slice(0, -1) : line;
	return kept.slice(kept.lastIndexOf("\r") + 1);
}

/** The first `most` UTF-16 units, no half of a pair at the end, and how many are hidden. */
export function cutText(text: string, most: number): { shown: string; hidden: number } {
	if (text.length <= most) return { shown: text, hidden: 0 };
	const split = text.charCodeAt(most - 1) >> 10 === 0x36;
	const end = split ? most - 1 : most;
	return { shown: text.slice(0, end), hidden: text.length - end };
}

/** The first line with anything on it, at most `most` units. */
export function firstLine(text: string, most: number): string {
	const head = text.slice(0, most * 4).trimStart();
	const line = /^[^\n]*/.exec(head)?.[0] ?? "";
	const { shown, hidden } = cutText(line.trimEnd(), most);
	return hidden > 0 || head.length > line.length ? `${shown}…` : shown;
}

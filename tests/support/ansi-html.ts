/** A captured terminal pane as HTML: the SGR codes that Pi writes, nothing else of what terminals know. */

type Look = { ink: string | null; paper: string | null; on: Set<number> };

/** The codes that switch on, and the styles they stand for. 7 changes ink and paper over. */
const STYLES: Record<number, string> = {
	1: "font-weight:bold",
	2: "opacity:.65",
	3: "font-style:italic",
	4: "text-decoration:underline",
	9: "text-decoration:line-through",
};
/** What each code that switches off ends. */
const ENDS: Record<number, number[]> = { 22: [1, 2], 23: [3], 24: [4], 27: [7], 29: [9] };
const BASIC =
	"#000000 #cd3131 #0dbc79 #e5e510 #2472c8 #bc3fbc #11a8cd #e5e5e5 #666666 #f14c4c #23d18b #f5f543 #3b8eea #d670d6 #29b8db #ffffff".split(
		" ",
	);
const INK = "#d4d4d4";
const PAPER = "#16181d";

/** @param pane as `tmux capture-pane -e -p` gives it. */
export function paneHtml(pane: string): string {
	const look: Look = { ink: null, paper: null, on: new Set() };
	let html = "";
	// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
	for (const part of pane.trimEnd().split(/(\x1b\[[\d;:]*m)/)) {
		if (part.startsWith("\x1b[")) change(look, part.slice(2, -1));
		else if (part !== "") html += `<span style="${styleOf(look)}">${escaped(part)}</span>`;
	}
	return html;
}

function change(look: Look, codes: string): void {
	const rest = codes.split(/[;:]/).map(Number);
	for (let code = rest.shift(); code !== undefined; code = rest.shift()) {
		if (code === 0) Object.assign(look, { ink: null, paper: null, on: new Set() });
		else if (code in STYLES || code === 7) look.on.add(code);
		else if (code in ENDS) for (const ended of ENDS[code] ?? []) look.on.delete(ended);
		else if (code === 39) look.ink = null;
		else if (code === 49) look.paper = null;
		else if (code === 38) look.ink = colour(rest);
		else if (code === 48) look.paper = colour(rest);
		else if (code >= 30 && code <= 37) look.ink = BASIC[code - 30] ?? null;
		else if (code >= 40 && code <= 47) look.paper = BASIC[code - 40] ?? null;
		else if (code >= 90 && code <= 97) look.ink = BASIC[code - 82] ?? null;
		else if (code >= 100 && code <= 107) look.paper = BASIC[code - 92] ?? null;
	}
}

/** Takes a colour's numbers off the front: `2;r;g;b` or `5;n`. */
function colour(rest: number[]): string | null {
	if (rest.shift() === 2) return `rgb(${rest.splice(0, 3).join(",")})`;
	const index = rest.shift() ?? 0;
	if (index < 16) return BASIC[index] ?? null;
	if (index >= 232)
		return `rgb(${Array(3)
			.fill(8 + (index - 232) * 10)
			.join(",")})`;
	const step = (size: number) => [0, 95, 135, 175, 215, 255][Math.floor((index - 16) / size) % 6];
	return `rgb(${step(36)},${step(6)},${step(1)})`;
}

function styleOf({ ink, paper, on }: Look): string {
	const [front, back] = on.has(7) ? [paper ?? PAPER, ink ?? INK] : [ink, paper];
	return [
		front ? `color:${front}` : "",
		back ? `background:${back}` : "",
		...[...on].map((code) => STYLES[code] ?? ""),
	]
		.filter(Boolean)
		.join(";");
}

const escaped = (text: string): string =>
	text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

import { memo, useMemo, useState } from "react";
import { cutText, plainText } from "../../lib/plain-text.ts";
import { shortCount } from "../format.ts";

const AT_FIRST = 20_000;

type Props = {
	text: string;
	/** Which end matters while it is cut: the beginning of a file, the end of a running command's output. */
	keep?: "start" | "end";
	/** What it is, for who cannot see where it stands. */
	label?: string;
};

/** Preformatted text; a long one is cut until somebody asks for all of it. */
export const LongText = memo(function LongText({ text, keep = "start", label = "Text" }: Props) {
	const [all, setAll] = useState(false);
	const { shown, hidden } = useMemo(
		() => (all ? { shown: plainText(text), hidden: 0 } : cut(text, keep)),
		[text, keep, all],
	);
	const more = hidden > 0 && (
		<button type="button" onClick={() => setAll(true)}>
			Show {shortCount(hidden)} more characters
		</button>
	);
	return (
		<div className="long-text">
			{keep === "end" && more}
			{/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable with the keyboard */}
			<section className="text-box" aria-label={label} dir="auto" tabIndex={0}>
				<pre>{shown}</pre>
			</section>
			{keep === "start" && more}
		</div>
	);
});

/** Only what can be shown is cleaned: a tool's output may be megabytes long and grow many times a second. */
function cut(text: string, keep: "start" | "end"): { shown: string; hidden: number } {
	if (keep === "end") {
		const from = Math.max(0, text.length - AT_FIRST);
		return { shown: plainText(text.slice(from)), hidden: from };
	}
	const { shown, hidden } = cutText(text, AT_FIRST);
	return { shown: plainText(shown), hidden };
}

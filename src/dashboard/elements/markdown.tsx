import { memo, useState } from "react";
import { plainText } from "../../lib/plain-text.ts";
import { FallsBack } from "./falls-back.tsx";
import { LongText } from "./long-text.tsx";
import { MarkdownBlocks } from "./markdown-blocks.tsx";
import { isCostly } from "./markdown-cost.ts";

/** Longer texts are shown as plain text: parsing grows with the length and nobody reads it formatted. */
const MOST = 100_000;

type Props = {
	text: string;
	/** It is being said: should it grow too long to be formatted, its end is what matters. */
	isGrowing?: boolean;
};

/**
 * Markdown that others wrote. HTML in it is shown as text, links lead only to the web and tell nobody where
 * they were followed, pictures are not loaded but linked.
 */
export const Markdown = memo(function Markdown({ text, isGrowing = false }: Props) {
	const plain = <LongText text={text} keep={isGrowing ? "end" : "start"} />;
	if (text.length > MOST || isCostly(text)) return plain;
	return (
		<FallsBack of={text} to={plain}>
			<Blocks text={plainText(text)} />
		</FallsBack>
	);
});

function Blocks({ text }: { text: string }) {
	const [blocks] = useState(() => new MarkdownBlocks());
	return (
		<div className="markdown" dir="auto">
			{blocks.drawn(text)}
		</div>
	);
}

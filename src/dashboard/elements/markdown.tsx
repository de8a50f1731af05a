import { memo } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import rehypeSanitize from "rehype-sanitize";
import remarkGfm from "remark-gfm";
import { plainText } from "../../lib/plain-text.ts";
import { isOutwardLink } from "../outward-link.ts";
import { FallsBack } from "./falls-back.tsx";
import { LongText } from "./long-text.tsx";
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
			<div className="markdown" dir="auto">
				<ReactMarkdown remarkPlugins={REMARK} rehypePlugins={REHYPE} components={COMPONENTS}>
					{plainText(text)}
				</ReactMarkdown>
			</div>
		</FallsBack>
	);
});

const REMARK = [remarkGfm];
const REHYPE = [rehypeSanitize];

const COMPONENTS: Components = {
	a: ({ href, children }) => <OutwardLink href={href}>{children}</OutwardLink>,
	img: ({ src, alt }) => (
		<OutwardLink href={typeof src === "string" ? src : undefined}>
			[picture: {alt || "no description"}]
		</OutwardLink>
	),
	table: ({ children }) => (
		<div className="table-box">
			<table>{children}</table>
		</div>
	),
};

function OutwardLink({ href, children }: { href: string | undefined; children: React.ReactNode }) {
	if (!isOutwardLink(href)) return <span>{children}</span>;
	return (
		<a href={href} target="_blank" rel="noopener noreferrer nofollow">
			{children}
		</a>
	);
}

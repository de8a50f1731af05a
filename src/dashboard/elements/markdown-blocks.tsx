/**
 * Formats markdown, and one that grows without formatting again what can no longer change.
 *
 * Markdown is read line by line: once a block at the top has ended at a blank line and the next one has
 * begun with a whole line, nothing that follows changes it, and what follows reads the same without it.
 * Definitions are the exception (`[name]: address`, footnotes): they change what was said long before,
 * so a text that holds one is formatted as a whole each time.
 */
import { cloneElement, isValidElement, type ReactElement, type ReactNode } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import rehypeSanitize from "rehype-sanitize";
import remarkGfm from "remark-gfm";
import { isOutwardLink } from "../outward-link.ts";

type TreeNode = {
	type: string;
	value?: string;
	children?: TreeNode[];
	position?: { start: { offset?: number } };
};

type Formatted = {
	/** Drawn blocks with the line breaks between them. */
	nodes: ReactNode[];
	/** Where in the text each of them begins; undefined for what is between. */
	starts: (number | undefined)[];
	hasDefinitions: boolean;
};

/** The blocks of one text as it grows. What it gives depends on the text alone, so any draw may ask. */
export class MarkdownBlocks {
	/** The beginning that stands, and how it is drawn. */
	#text = "";
	#nodes: readonly ReactNode[] = [];

	/** All of the text, drawn; nodes that stand are the same ones as before. */
	drawn(text: string): readonly ReactNode[] {
		if (!text.startsWith(this.#text)) this.#forget();
		let rest = formatted(text.slice(this.#text.length));
		if (rest.hasDefinitions && this.#text !== "") {
			this.#forget();
			rest = formatted(text);
		}
		const before = this.#nodes.length;
		const nodes = [...this.#nodes, ...rest.nodes.map((node, at) => keyed(node, before + at))];
		if (!rest.hasDefinitions) this.#keep(text, nodes, rest.starts);
		return nodes;
	}

	#forget(): void {
		this.#text = "";
		this.#nodes = [];
	}

	/** The last block may still change, and the one before it while no blank line has ended it. */
	#keep(text: string, nodes: readonly ReactNode[], starts: Formatted["starts"]): void {
		const from = this.#text.length;
		for (let at = starts.length - 1; at > 0; at -= 1) {
			const start = starts[at];
			if (start === undefined) continue;
			const line = text.lastIndexOf("\n", from + start - 1) + 1;
			if (line <= from || !beginsAnew(text, line, from + start)) continue;
			this.#text = text.slice(0, line);
			this.#nodes = nodes.slice(0, this.#nodes.length + at);
			return;
		}
	}
}

/** A whole line with the beginning of a block, after a blank one. */
function beginsAnew(text: string, line: number, start: number): boolean {
	const before = text.slice(text.lastIndexOf("\n", line - 2) + 1, line);
	// A byte order mark is dropped at the beginning of a text and nowhere else.
	return before.trim() === "" && text.slice(line, start).trim() === "" && text.includes("\n", start)
		? text.charCodeAt(line) !== 0xfeff
		: false;
}

/** Its place is a block's identity: nothing comes in before it. */
function keyed(node: ReactNode, at: number): ReactNode {
	return isValidElement(node) ? cloneElement(node, { key: at }) : node;
}

function formatted(text: string): Formatted {
	const found: Found = { starts: [], hasDefinitions: false };
	const drawn = ReactMarkdown({
		children: text,
		remarkPlugins: [remarkGfm, showHtml, [findDefinitions, found]],
		rehypePlugins: [rehypeSanitize, [findStarts, found]],
		components: COMPONENTS,
	});
	const { children } = (drawn as ReactElement<{ children?: ReactNode }>).props;
	const nodes = Array.isArray(children) ? children : children === undefined ? [] : [children];
	return { nodes, ...found };
}

/** What looks like HTML is a word of the text, such as a type or a tag that is spoken of. */
function showHtml() {
	return (tree: TreeNode): void => asText(tree);
}

const HOLDS_BLOCKS = new Set(["root", "blockquote", "listItem", "footnoteDefinition"]);

function asText(parent: TreeNode): void {
	parent.children = parent.children?.map((node) => {
		asText(node);
		if (node.type !== "html") return node;
		// The one that models write to break a line within a table.
		if (/^<br *\/?>$/i.test(node.value ?? "")) return { ...node, type: "break" };
		const text = { ...node, type: "text" };
		return HOLDS_BLOCKS.has(parent.type) ? { ...node, type: "paragraph", children: [text] } : text;
	});
}

type Found = Pick<Formatted, "starts" | "hasDefinitions">;

function findDefinitions(found: Found) {
	return (tree: TreeNode): void => {
		found.hasDefinitions = holdsDefinition(tree);
	};
}

function holdsDefinition({ type, children }: TreeNode): boolean {
	return type === "definition" || type === "footnoteDefinition" || children?.some(holdsDefinition) === true;
}

function findStarts(found: Found) {
	return (tree: TreeNode): void => {
		found.starts = (tree.children ?? []).map(({ position }) => position?.start.offset);
	};
}

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

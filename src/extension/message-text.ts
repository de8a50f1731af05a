/** The text blocks of a message's content, as Pi gives it; empty when there are none. */
export function messageText(content: unknown): string {
	if (typeof content === "string") return content;
	if (!Array.isArray(content)) return "";
	return (content as { type?: string; text?: string }[])
		.filter(({ type }) => type === "text")
		.map(({ text }) => text ?? "")
		.join("");
}

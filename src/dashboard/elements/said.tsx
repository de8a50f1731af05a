import { plainText } from "../../lib/plain-text.ts";

/** A short text that others wrote, such as a name: in a direction of its own, without control characters. */
export function Said({ text, title }: { text: string; title?: string }) {
	return <bdi title={title === undefined ? undefined : plainText(title)}>{plainText(text)}</bdi>;
}

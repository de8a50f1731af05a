/**
 * Tool output as it grows. Pi reports a running tool's output whole each time, and a long output as a
 * window that slides; readers get what is new. Guarantees that a reader who applies the ops holds every
 * character of the newest report, in order. What slid out of the window stays with the reader, up to
 * `KEPT_UNITS` or as much as the window again, then the window alone is sent again. Bytes sent grow with what
 * the tool printed, also where a report is longer than the bound.
 */
import type { DeltaOp } from "../protocol/stream.ts";

/** UTF-16 units of one tool's output that a reader is made to keep; more only for a report that is as long. */
const KEPT_UNITS = 512 * 1024;
/** Start of the new window that is looked for in the old one. */
const ANCHOR_UNITS = 256;

type Output = {
	/** The last report. */
	window: string;
	/** UTF-16 units the reader holds; the window is their end. */
	held: number;
};

export class ToolOutput {
	readonly #outputs = new Map<string, Output>();

	/** The op that brings a reader from the last report to this one, or null when nothing changed. */
	report(toolCallId: string, text: string): DeltaOp | null {
		const output = this.#outputs.get(toolCallId) ?? { window: "", held: 0 };
		this.#outputs.set(toolCallId, output);
		if (text === output.window) return null;
		const { keptOfWindow, added } = difference(output.window, text);
		let keep = output.held - output.window.length + keptOfWindow;
		let sent = added;
		if (keep + added.length > Math.max(KEPT_UNITS, 2 * text.length)) {
			keep = 0;
			sent = text;
		}
		output.window = text;
		output.held = keep + sent.length;
		return ["o", toolCallId, keep, sent];
	}

	forget(toolCallId: string): void {
		this.#outputs.delete(toolCallId);
	}

	clear(): void {
		this.#outputs.clear();
	}
}

/** How much of the old window stays, and what comes after it. */
function difference(old: string, next: string): { keptOfWindow: number; added: string } {
	if (sameStart(old, next)) return { keptOfWindow: old.length, added: next.slice(old.length) };
	const slid = slidBy(old, next);
	if (slid !== null) return { keptOfWindow: old.length, added: next.slice(old.length - slid) };
	const keptOfWindow = commonPrefix(old, next);
	return { keptOfWindow, added: next.slice(keptOfWindow) };
}

/** As `startsWith`, which V8 does a character at a time: a report may have some MB, and comes with every line. */
const sameStart = (start: string, text: string): boolean => text.slice(0, start.length) === start;

/** How far the window moved on: the new one starts with the old one's end. Null when it did not slide. */
function slidBy(old: string, next: string): number | null {
	if (next.length < ANCHOR_UNITS) return null;
	const at = old.indexOf(next.slice(0, ANCHOR_UNITS));
	return at > 0 && sameStart(old.slice(at), next) ? at : null;
}

/** By halving, so that the comparing itself is done natively. */
function commonPrefix(a: string, b: string): number {
	let low = 0;
	let high = Math.min(a.length, b.length);
	while (low < high) {
		const middle = (low + high + 1) >> 1;
		if (a.slice(low, middle) === b.slice(low, middle)) low = middle;
		else high = middle - 1;
	}
	return low;
}

/** The readable text of a tool's result: its text blocks, one after the other. */
export function resultText(result: unknown): string {
	const content = (result as { content?: unknown } | null | undefined)?.content;
	if (!Array.isArray(content)) return typeof content === "string" ? content : "";
	let text = "";
	for (const block of content as { type?: string; text?: unknown }[]) {
		if (block?.type === "text" && typeof block.text === "string")
			text += text ? `\n${block.text}` : block.text;
	}
	return text;
}

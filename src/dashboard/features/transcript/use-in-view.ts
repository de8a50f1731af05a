/**
 * Messages of other agents may be posted again with other content. Those in view are subscribed, in
 * stretches of seqs: what that costs does not grow with what is loaded, and what was replaced out of view is
 * put right when it comes into view.
 */
import { type RefObject, useEffect } from "react";
import type { EntryView } from "../../../protocol/entry.ts";
import { INLINE_ENTRY_BYTES } from "../../../protocol/limits.ts";
import type { Row } from "./transcript-rows.ts";

/** So many entries of the largest kind that stands in a row fit into one answer of 4 MiB. */
export const STRETCH = (4 * 1024 * 1024) / INLINE_ENTRY_BYTES;

const LOOK_MS = 150;

/** Says which stretches are in view, when that changes; `tell` null: nobody wants to know. */
export function useInView(
	scroller: RefObject<HTMLElement | null>,
	rows: readonly Row[],
	entries: readonly EntryView[],
	tell: ((stretches: readonly number[]) => void) | null,
): void {
	useEffect(() => {
		const box = scroller.current;
		if (!box || !tell) return;
		let timer: ReturnType<typeof setTimeout> | null = null;
		const look = (): void => {
			timer = null;
			const keys = keysInView(box);
			const shown = rows.filter(({ key }) => keys.has(key));
			tell(stretchesOf(entries, new Set(shown.flatMap(({ entry, holds }) => [entry.entryId, ...holds]))));
		};
		const scrolled = (): void => {
			timer ??= setTimeout(look, LOOK_MS);
		};
		scrolled();
		box.addEventListener("scroll", scrolled, { passive: true });
		return () => {
			box.removeEventListener("scroll", scrolled);
			if (timer !== null) clearTimeout(timer);
		};
	}, [scroller, rows, entries, tell]);
}

/** Seqs after which the stretches begin that hold these entries, each once. */
export function stretchesOf(entries: readonly EntryView[], shown: ReadonlySet<string>): number[] {
	const starts = new Set<number>();
	for (const { entryId, seq } of entries)
		if (shown.has(entryId)) starts.add(Math.floor((seq - 1) / STRETCH) * STRETCH);
	return [...starts].sort((a, b) => a - b);
}

/** Rows stand below each other: the first one is found by halving, for there may be thousands. */
function keysInView(box: HTMLElement): Set<string> {
	const { top, bottom } = box.getBoundingClientRect();
	const rows = box.querySelectorAll<HTMLElement>("[data-row]");
	let from = 0;
	let to = rows.length;
	while (from < to) {
		const middle = (from + to) >> 1;
		if ((rows[middle] as HTMLElement).getBoundingClientRect().bottom > top) to = middle;
		else from = middle + 1;
	}
	const keys = new Set<string>();
	for (let row = rows[from]; row && row.getBoundingClientRect().top < bottom; row = rows[from]) {
		if (row.dataset.row !== undefined) keys.add(row.dataset.row);
		from += 1;
	}
	return keys;
}

/** What following does to the session of this terminal. Implemented over Pi in `src/extension`, in memory by tests. */
import type { PiEvent } from "../session/pi-events.ts";
import type { SourceEntry } from "./ports.ts";

export interface FollowTarget {
	/** A run of this terminal's own is on: nothing may be changed under it. */
	isBusy(): boolean;
	has(entryId: string): boolean;
	/** In file order. */
	entries(): readonly SourceEntry[];
	leafId(): string | null;
	/** Stores the entry as it is, last in the file; the leaf moves to it. Throws when it cannot be stored. */
	append(entry: SourceEntry): void;
	/** Moves the leaf and draws nothing. */
	setLeaf(leafId: string | null): void;
	/** Puts the entries of these ids into the order of their seqs; nothing is drawn. Only where no other terminal writes the file. */
	reorder?(seqs: ReadonlyMap<string, number>): void;
	/**
	 * Draws the transcript anew from the entries. `moved`: somebody moved in the tree, as Pi would say. False:
	 * Pi would not just now.
	 */
	redraw(why: "moved" | "caughtUp"): Promise<boolean>;
	/** Draws an event as if it had happened here. Never throws. */
	inject(event: PiEvent): void;
	/** The model's context is made from the entries again. */
	refreshContext(): void;
	/** Model or thinking level were changed elsewhere. */
	applyChoice(entry: SourceEntry): void;
	/** Parses JSON that may be cut off anywhere. */
	parsePartial(json: string): unknown;
}

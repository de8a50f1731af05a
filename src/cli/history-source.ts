/** Something that holds sessions of another agent. */
import type { Read } from "../agents/history.ts";

export type HistorySource = {
	/** For a person: the file. */
	label: string;
	/** Rejects when it cannot be read. */
	read(): Promise<Read>;
};

/** One that only says what is wrong, when its turn comes, and keeps nothing else from being brought. */
export const brokenSource = (label: string, why: string): HistorySource => ({
	label,
	read: async () => ({ histories: [], skipped: [{ line: null, why }] }),
});

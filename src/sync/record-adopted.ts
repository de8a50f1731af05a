/**
 * Which entries of a session another program has recorded, by the dates of its messages: its ids say nothing
 * of entries. pi-opensync-plugin dates a prompt by the moment in which it was typed and an answer by that in
 * which it began; what the tools of a turn gave goes with the answer. Pure.
 */
import type { SourceEntry } from "./ports.ts";

/** Between the typing of a prompt and its place in the session. */
const TYPED_WITHIN_MS = 2_000;

/** Ids of the entries that were recorded. @param until date of the last message of the other program, ms since the epoch. */
export function recordedByOthers(entries: readonly SourceEntry[], until: number): string[] {
	let isInTurn = false;
	return entries
		.filter((entry) => {
			const { role, timestamp } = messageIn(entry);
			const written = Date.parse(entry.timestamp);
			const said = typeof timestamp === "number" ? Math.min(timestamp, written) : written;
			if (role === "toolResult") return isInTurn || said <= until;
			const isThere = said <= until + (role === "user" ? TYPED_WITHIN_MS : 0);
			if (role !== undefined) isInTurn = isThere && role === "assistant";
			return isThere;
		})
		.map(({ id }) => id);
}

type Message = { role?: unknown; timestamp?: unknown };

const messageIn = (entry: SourceEntry): Message =>
	(entry as unknown as { message?: Message | null }).message ?? {};

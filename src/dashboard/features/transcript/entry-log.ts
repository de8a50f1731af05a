/**
 * The entries of a session that the page holds, as immutable state: a stretch without gaps from the
 * newest back to where reading has got, plus what arrives at the end.
 *
 * Live arrival is a subscription of own entries after a seq. When it has grown, a second one from a later
 * seq is opened, and the first is closed only once the second has answered: at no moment is an entry that
 * the backend has shown missing here, so the running answer can give way to its entry without a flicker.
 *
 * Messages of other agents may be replaced in place: what the subscription shows of an entry that is held
 * already takes its place. So that it can, the subscription then begins some entries before the newest.
 */
import type { EntryPage, EntryView } from "../../../protocol/entry.ts";

export type EntryLog = {
	sessionId: string;
	/** Oldest first; own entries and the shared part of ancestors. */
	entries: readonly EntryView[];
	/** To read on towards older ones; null at the beginning of the session. */
	cursor: string | null;
	/** Seqs after which own entries are subscribed: one, or two while moving on. */
	tails: readonly number[];
};

/** Entries of a live answer after which the subscription moves on: each new entry sends all of them again. */
const MOVE_ON_AFTER = 8;

/** The state after the first page, which is newest first as all pages are. */
export function startLog(sessionId: string, page: EntryPage): EntryLog {
	const entries = [...page.entries].reverse();
	return { sessionId, entries, cursor: page.cursor, tails: [lastSeq({ sessionId, entries })] };
}

/** Puts an older page in front. */
export function withOlder(log: EntryLog, page: EntryPage): EntryLog {
	const known = new Set(log.entries.map(entryKey));
	const older = page.entries.filter((entry) => !known.has(entryKey(entry))).reverse();
	return { ...log, entries: [...older, ...log.entries], cursor: page.cursor };
}

/**
 * Takes what the subscriptions show now; `answers` maps a seq to its answer, undefined while it loads.
 * `watched`: so many of the newest entries may still be replaced; 0 where entries never change.
 */
export function withTails(
	log: EntryLog,
	answers: ReadonlyMap<number, readonly EntryView[] | undefined>,
	watched = 0,
): EntryLog {
	let { entries, tails } = log;
	for (const seq of tails) {
		entries = replaced(entries, answers.get(seq) ?? []);
		entries = appended({ ...log, entries }, answers.get(seq) ?? []);
	}
	const newest = tails.at(-1) as number;
	const answer = answers.get(newest);
	const next = Math.max(0, lastSeq({ ...log, entries }) - watched);
	if (answer !== undefined && tails.length > 1) tails = [newest];
	else if (answer !== undefined && answer.length >= MOVE_ON_AFTER + watched) tails = [newest, next];
	else if (tails.length === 1 && next < newest) tails = [next];
	return entries === log.entries && tails === log.tails ? log : { ...log, entries, tails };
}

/** Takes what entries that are held say now, as the subscriptions of what is in view show it. */
export function withShown(log: EntryLog, shown: readonly (readonly EntryView[] | undefined)[]): EntryLog {
	const entries = replaced(
		log.entries,
		shown.flatMap((answer) => answer ?? []),
	);
	return entries === log.entries ? log : { ...log, entries };
}

/** With the entries that say something else now in the places of those that are held. */
function replaced(entries: readonly EntryView[], shown: readonly EntryView[]): readonly EntryView[] {
	const now = new Map(shown.map((entry) => [entryKey(entry), entry]));
	let changed: EntryView[] | null = null;
	for (let at = entries.length - 1; at >= 0 && now.size > 0; at -= 1) {
		const held = entries[at] as EntryView;
		const key = entryKey(held);
		const said = now.get(key);
		now.delete(key);
		if (!said || said.seq !== held.seq || isSame(held, said)) continue;
		changed ??= [...entries];
		changed[at] = said;
	}
	return changed ?? entries;
}

function isSame(a: EntryView, b: EntryView): boolean {
	return (
		a === b || (a.bytes === b.bytes && a.timestamp === b.timestamp && a.json === b.json && a.url === b.url)
	);
}

type Held = Pick<EntryLog, "sessionId" | "entries">;

function appended(held: Held, more: readonly EntryView[]): readonly EntryView[] {
	const last = lastSeq(held);
	const fresh = more.filter((entry) => entry.seq > last);
	return fresh.length === 0 ? held.entries : [...held.entries, ...fresh];
}

/** Of the session's own entries; 0 when there is none. */
export function lastSeq({ sessionId, entries }: Held): number {
	const last = entries.findLast((entry) => entry.sessionId === sessionId);
	return last?.seq ?? 0;
}

/** Identity of an entry wherever it is shown. */
export function entryKey(entry: Pick<EntryView, "sessionId" | "entryId">): string {
	return `${entry.sessionId}/${entry.entryId}`;
}

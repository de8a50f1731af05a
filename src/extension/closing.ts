/** The end of a session's sync: what is unsent goes out while there is time and hope. */
import { systemClock } from "../lib/clock.ts";
import type { SyncState } from "../sync/contract.ts";
import type { RecordState } from "../sync/record-contract.ts";
import type { OpenedSync } from "./open-sync.ts";

type State = Pick<SyncState | RecordState, "link">;

/** What both a sync and a record are, as far as it matters here. */
type Part = {
	state(): State;
	onState(listener: (state: State) => void): () => void;
	flush(deadlineMs: number): Promise<boolean>;
};

const isHopeless = ({ link }: State): boolean => link === "offline" || link === "signedOut";

/** Of everything that a session goes to; null: nothing is known of any. */
export function allHopeless(opened: OpenedSync | null): boolean | null {
	const parts = opened ? partsOf(opened) : [];
	return parts.length === 0 ? null : parts.every((part) => isHopeless(part.state()));
}

/** Flushes every part, until it is done, known to be in vain, or out of time. @param until ms since the epoch. */
export async function flushAll(opened: OpenedSync, until: number): Promise<void> {
	await Promise.all(
		partsOf(opened).map((part) =>
			Promise.race([part.flush(Math.max(0, until - systemClock.now())), untilHopeless(part)]),
		),
	);
}

const partsOf = ({ live, records }: OpenedSync): Part[] => [...(live ? [live] : []), ...records];

/** Resolves when a destination is known not to answer or not to take the key: waiting for it would only hold Pi up. */
function untilHopeless(part: Part): Promise<void> {
	return new Promise((resolve) => {
		const look = (state: State) => {
			if (isHopeless(state)) resolve();
		};
		look(part.state());
		part.onState(look);
	});
}

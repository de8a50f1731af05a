/**
 * A reader of the running stream, as pure state: what was folded, what waits behind a gap, and from
 * where to read. The caller subscribes `streams:current` and `streams:tail`, feeds what they give, and
 * whenever `read` is a number calls `streams:read` from there and feeds the answer.
 *
 *   onCurrent ──> empty view at `settled` ──onTail──> folded
 *                                            │ gap
 *                                            └──> read = end ──onRead──> folded, or read again
 *
 * An empty answer to a read stops the reading until the next tail: no loop without news.
 */
import type { Delta, StreamView } from "../protocol/stream.ts";
import { emptyView, foldOps, type LiveView, settleView } from "./fold.ts";

export type ReaderState = {
	stream: StreamView | null;
	/** Settled parts are gone from it. */
	view: LiveView;
	/** Pushes that came after a gap, oldest first. */
	waiting: readonly Delta[];
	/** Position to read from, null when nothing is missing. */
	read: number | null;
};

export const NO_STREAM: ReaderState = { stream: null, view: emptyView(0), waiting: [], read: null };

/** What `streams:current` gave. Another stream begins anew, the same one settles. */
export function onCurrent(state: ReaderState, stream: StreamView | null): ReaderState {
	if (stream === null) return state.stream === null ? state : NO_STREAM;
	if (stream.streamId !== state.stream?.streamId) {
		return { stream, view: emptyView(stream.settled), waiting: [], read: stream.settled };
	}
	const view = settleView(state.view, stream.settled);
	if (view.end >= stream.settled) return { ...state, stream, view };
	// Behind what is settled already: entries cover it, so go on from there.
	return fold({ ...state, stream, view: emptyView(stream.settled), read: null }, state.waiting);
}

/** What `streams:tail` of this stream gave. An answer for another stream changes nothing. */
export function onTail(state: ReaderState, streamId: string, deltas: readonly Delta[]): ReaderState {
	if (state.stream?.streamId !== streamId || deltas.length === 0) return state;
	return fold(state, [...state.waiting, ...deltas]);
}

/** What `streams:read` from `start` gave; an empty answer means that there is nothing yet. */
export function onRead(
	state: ReaderState,
	streamId: string,
	start: number,
	deltas: readonly Delta[],
): ReaderState {
	if (state.stream?.streamId !== streamId || state.read !== start) return state;
	if (deltas.length === 0) return { ...state, read: null };
	const before = state.view.end;
	const next = fold({ ...state, read: null }, [...deltas, ...state.waiting]);
	return next.view.end === before ? { ...next, read: null } : next;
}

function fold(state: ReaderState, deltas: readonly Delta[]): ReaderState {
	let view = state.view;
	const waiting: Delta[] = [];
	for (const delta of [...deltas].sort((a, b) => a.start - b.start)) {
		if (delta.end <= view.end) continue;
		const folded = foldOps(view, delta.start, delta.ops);
		if (folded.kind === "folded") view = folded.view;
		else if (!waiting.some((one) => one.start === delta.start)) waiting.push(delta);
	}
	const settled = state.stream ? settleView(view, state.stream.settled) : view;
	const caughtUp = view.end > state.view.end && waiting.length === 0;
	const read = waiting.length > 0 ? settled.end : caughtUp ? null : state.read;
	return { ...state, view: settled, waiting, read };
}

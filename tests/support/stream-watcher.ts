/**
 * A reader of a session on the fake backend: looks at stream and entries in one snapshot, as one
 * transition would give them, and checks what every reader may rely on.
 */
import { NO_STREAM, onCurrent, onRead, onTail, type ReaderState } from "../../src/session/stream-reader.ts";
import type { FakeStore, StoredStream } from "./fake-backend.ts";

const TAIL = 2;

export class StreamWatcher {
	state: ReaderState = NO_STREAM;
	readonly #store: FakeStore;
	readonly #sessionId: string;

	constructor(store: FakeStore, sessionId: string) {
		this.#store = store;
		this.#sessionId = sessionId;
	}

	/** Takes in what the backend has now. `tailOps`: how many of the last ops the tail shows. */
	look(tailOps = TAIL): void {
		const stream = this.#store.live(this.#sessionId);
		this.state = onCurrent(this.state, stream ? viewOf(stream) : null);
		if (!stream) return;
		const start = Math.max(0, stream.ops.length - tailOps);
		const delta = { start, end: stream.ops.length, ops: stream.ops.slice(start) };
		if (delta.ops.length > 0) this.state = onTail(this.state, stream.streamId, [delta]);
		while (this.state.read !== null) {
			const from = this.state.read;
			const ops = stream.ops.slice(from, from + 5);
			const deltas = ops.length > 0 ? [{ start: from, end: from + ops.length, ops }] : [];
			this.state = onRead(this.state, stream.streamId, from, deltas);
		}
	}

	/** Texts of the messages that are live now. */
	texts(): string[] {
		return this.state.view.messages.map(({ blocks }) =>
			blocks.map((block) => (block && block.kind !== "toolCall" ? block.text : "")).join(""),
		);
	}
}

const viewOf = ({ streamId, terminalId, startedAt, settled }: StoredStream) => ({
	streamId,
	terminalId,
	startedAt,
	settled,
	settledEntryId: null,
});

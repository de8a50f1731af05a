/**
 * The running answer of one session, read outside React so that no push is missed between two draws: the
 * tail is subscribed, gaps are read, and who looks is told at a pace that falls as the answer grows: what has
 * ended is not drawn again, but a single long block, such as a list, is.
 *
 * `current` is given from outside, from the very answer that brought the entries: what has settled
 * disappears in the same draw in which its entry appears.
 */
import type { ConvexReactClient } from "convex/react";
import type { StreamView } from "../../../protocol/stream.ts";
import type { LiveTool, LiveView } from "../../../session/fold.ts";
import { NO_STREAM, onCurrent, onRead, onTail, type ReaderState } from "../../../session/stream-reader.ts";
import { api } from "../../api.ts";

/** Draws at most this often, however short the answer. */
const LEAST_PAUSE_MS = 16;
const LONGEST_PAUSE_MS = 250;
/** So many characters add a millisecond to the pause. */
const CHARS_PER_MS = 250;
const READ_AGAIN_MS = 1000;

export type StreamClient = Pick<ConvexReactClient, "watchQuery" | "query">;

export class LiveStream {
	readonly #client: StreamClient;
	#state: ReaderState = NO_STREAM;
	/** What who looks has been told of. */
	#shown: ReaderState = NO_STREAM;
	readonly #listeners = new Set<() => void>();
	#stopTail: () => void = () => {};
	#timer: ReturnType<typeof setTimeout> | null = null;
	#reading: number | null = null;

	constructor(client: StreamClient) {
		this.#client = client;
	}

	/** The stream as the backend has it now; null when none runs. */
	setCurrent(stream: StreamView | null): void {
		const before = this.#state.stream?.streamId;
		this.#state = onCurrent(this.#state, stream);
		const now = this.#state.stream?.streamId;
		if (before !== now) {
			this.#stopTail();
			this.#reading = null;
			this.#stopTail = now === undefined ? () => {} : this.#watchTail(now);
		}
		this.#tell();
		this.#readGap();
	}

	#watchTail(streamId: string): () => void {
		const watch = this.#client.watchQuery(api.streams.tail, { streamId });
		const take = (): void => {
			let deltas: ReturnType<typeof watch.localQueryResult>;
			try {
				deltas = watch.localQueryResult();
			} catch {
				// The page's other queries show the refusal; a stream alone is not worth a message.
				return;
			}
			if (deltas) this.#change(onTail(this.#state, streamId, deltas));
		};
		const stop = watch.onUpdate(take);
		take();
		return stop;
	}

	#change(state: ReaderState): void {
		if (state === this.#state) return;
		this.#state = state;
		this.#timer ??= setTimeout(() => this.#tell(), this.#pause());
		this.#readGap();
	}

	#pause(): number {
		const last = this.#state.view.messages.at(-1);
		const chars = last?.blocks.reduce((sum, block) => sum + lengthOf(block), 0) ?? 0;
		return Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, chars / CHARS_PER_MS));
	}

	#readGap(): void {
		const { stream, read } = this.#state;
		if (!stream || read === null || this.#reading === read) return;
		const { streamId } = stream;
		this.#reading = read;
		const again = (): void => {
			if (this.#reading === read) this.#reading = null;
		};
		this.#client.query(api.streams.read, { streamId, start: read }).then(
			(deltas) => {
				again();
				this.#change(onRead(this.#state, streamId, read, deltas));
				this.#readGap();
			},
			// Refused or cut off: the next try comes with the connection or after a pause.
			() =>
				setTimeout(() => {
					again();
					this.#readGap();
				}, READ_AGAIN_MS),
		);
	}

	#tell(): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timer = null;
		if (this.#shown === this.#state) return;
		this.#shown = this.#state;
		for (const listener of this.#listeners) listener();
	}

	readonly subscribe = (listener: () => void): (() => void) => {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	};

	/** The view and whose it is. */
	readonly snapshot = (): ReaderState => this.#shown;

	/** The running or ended tool with this call id, null when it is not in the stream. */
	tool(toolCallId: string): LiveTool | null {
		return this.#shown.view.tools.find((tool) => tool.toolCallId === toolCallId) ?? null;
	}

	close(): void {
		this.#stopTail();
		this.#stopTail = () => {};
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#state = NO_STREAM;
	}
}

function lengthOf(block: LiveView["messages"][number]["blocks"][number]): number {
	if (block === null) return 0;
	return block.kind === "toolCall" ? block.args.length : block.text.length;
}

/** Streams that are over, some of whose entries may be on their way: what they told is known by it. Pure. */
import type { StreamView } from "../protocol/stream.ts";
import type { KnownEntry, PiEvent, Replay } from "../session/pi-events.ts";

type Left = { stream: StreamView; replay: Replay };

export class LeftStreams {
	#replays: Replay[] = [];
	#last: Left | null = null;

	add({ stream, replay }: Left): void {
		this.#replays.push(replay);
		this.#last = { stream, replay };
	}

	/** A stream that the backend lost is begun anew by its holder, under another name: what told the same run. */
	before({ terminalId, startedAt }: StreamView): Replay | null {
		const { stream, replay } = this.#last ?? {};
		if (!replay || stream?.terminalId !== terminalId || stream.startedAt !== startedAt) return null;
		if (!this.#replays.includes(replay)) this.#replays.push(replay);
		return replay;
	}

	/** Whether one of them has told the entry: the oldest that has is meant. */
	claims(entry: KnownEntry): boolean {
		return this.#replays.some((replay) => replay.claims(entry));
	}

	/** What was told and is not in the entries yet. */
	toldAgain(): PiEvent[] {
		return this.#replays.flatMap((replay) => replay.toldAgain());
	}

	forget(): void {
		this.#replays = [];
	}
}

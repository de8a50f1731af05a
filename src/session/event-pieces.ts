/** An event of Pi's session as the pieces of `v` ops, and whole again. */
import type { DeltaOp } from "../protocol/stream.ts";

/** Characters of JSON in one `v` op. */
const PIECE_CHARS = 16 * 1024;

const BEGINNING = '{"type":';

/** The `v` ops of one event. */
export function eventOps(json: string): DeltaOp[] {
	const ops: DeltaOp[] = [];
	for (let from = 0; from === 0 || from < json.length; from += PIECE_CHARS) {
		ops.push(["v", from + PIECE_CHARS < json.length ? 1 : 0, json.slice(from, from + PIECE_CHARS)]);
	}
	return ops;
}

/** Puts the pieces of `v` ops together again. */
export class EventPieces {
	#pieces: string[] = [];

	/** The whole JSON with its last piece, else null. */
	add(more: 0 | 1, piece: string): string | null {
		// What a sender gave up in the middle is never finished: an event begins with its type.
		if (piece.startsWith(BEGINNING)) this.#pieces = [];
		this.#pieces.push(piece);
		if (more === 1) return null;
		const json = this.#pieces.join("");
		this.#pieces = [];
		return json;
	}
}

/** Delta ops on their way out: neighbours merged, large ones cut, a push filled up to its limit. */
import { utf8Bytes } from "../lib/utf8.ts";
import { PUSH_MAX_BYTES } from "../protocol/limits.ts";
import type { DeltaOp } from "../protocol/stream.ts";

/** Text of one op at most: even as escapes of six bytes a character it fits a push. */
const PIECE_CHARS = 16 * 1024;
/** Convex's limit for an array is 8,192 items. */
const PUSH_MAX_OPS = 4096;

/** Adds an op to a list, into its last item where both say more of the same. */
export function mergeOp(list: unknown[], op: DeltaOp): void {
	const last = list.at(-1);
	const merged = Array.isArray(last) ? mergedOf(last as DeltaOp, op) : null;
	if (merged) list[list.length - 1] = merged;
	else list.push(op);
}

function mergedOf(last: DeltaOp, op: DeltaOp): DeltaOp | null {
	switch (op[0]) {
		case "t":
		case "h":
		case "a":
			return last[0] === op[0] && last[1] === op[1] ? [op[0], op[1], last[2] + op[2]] : null;
		case "o": {
			if (last[0] !== "o" || last[1] !== op[1]) return null;
			const [, id, keep, text] = last;
			if (op[2] < keep) return op;
			const kept = op[2] - keep;
			if (kept > text.length) return null;
			return ["o", id, keep, (kept === text.length ? text : text.slice(0, kept)) + op[3]];
		}
		default:
			return null;
	}
}

/** The op as ops that each fit a push. What cannot be cut is shortened: it is for display, the entry has the whole. */
export function cutOp(op: DeltaOp): DeltaOp[] {
	switch (op[0]) {
		case "t":
		case "h":
		case "a":
			return pieces(op[2]).map((piece) => [op[0], op[1], piece]);
		case "o": {
			let keep = op[2];
			return pieces(op[3]).map((piece) => {
				const cut: DeltaOp = ["o", op[1], keep, piece];
				keep += piece.length;
				return cut;
			});
		}
		case "x":
			return [op[3].length > PIECE_CHARS ? ["x", op[1], op[2], ""] : op];
		case "n":
			return [op[1].length > PIECE_CHARS ? ["n", op[1].slice(0, PIECE_CHARS)] : op];
		default:
			return [op];
	}
}

function pieces(text: string): string[] {
	if (text.length <= PIECE_CHARS) return [text];
	const cuts: string[] = [];
	for (let from = 0; from < text.length; ) {
		const end = from + PIECE_CHARS;
		const to = endsInHalf(text.slice(from, end)) ? end - 1 : end;
		cuts.push(text.slice(from, to));
		from = to;
	}
	return cuts;
}

/** A push in the making. */
export class PushRoom {
	readonly ops: DeltaOp[] = [];
	#bytes = 2;

	/** False when it does not fit any more. */
	add(op: DeltaOp): boolean {
		const bytes = utf8Bytes(JSON.stringify(op)) + 1;
		if (this.ops.length > 0 && (this.#bytes + bytes > PUSH_MAX_BYTES || this.ops.length >= PUSH_MAX_OPS))
			return false;
		this.ops.push(op);
		this.#bytes += bytes;
		return true;
	}
}

/** Whether a text ends in the first half of a surrogate pair. */
export function endsInHalf(text: string): boolean {
	const unit = text.charCodeAt(text.length - 1);
	return unit >= 0xd800 && unit < 0xdc00;
}

/** The op with text that any encoder takes: a half of a pair without the other becomes U+FFFD. Lengths stay. */
export function wellFormed(op: DeltaOp): DeltaOp {
	return op.map((part) =>
		typeof part === "string" && !part.isWellFormed() ? part.toWellFormed() : part,
	) as DeltaOp;
}

/**
 * Redacts the deltas of a run, where a secret may be split over any number of them (A4).
 *
 * The rule: a text goes out up to its last white space; of a line in which something is assigned, or that
 * holds part of an address, nothing before the line is whole; of a private key nothing before its end. What
 * ends a text (another block, the end of the message or tool) lets go of the rest. So the tail of the last
 * word waits, a suspicious line waits for its end, and what goes out was looked at with its whole line and
 * the suspicious lines before it. Arguments of a call wait until they are whole JSON. It leaves the order of
 * ops as it is, apart from that.
 */
import type { DeltaOp } from "../protocol/stream.ts";
import { RedactedText } from "./redacted-text.ts";
import type { Redactor } from "./redactor.ts";

export type OpRedactor = (op: DeltaOp) => DeltaOp[];

/** One for the runs of a session, which follow each other; feed every op in order. */
export function createOpRedactor(redactor: Pick<Redactor, "find" | "redactNow">): OpRedactor {
	/** The block that grows. */
	let block:
		| { kind: "t" | "h"; index: number; text: RedactedText }
		| { kind: "a"; index: number; json: string }
		| null = null;
	const outputs = new Map<string, RedactedText>();

	const closeBlock = (): DeltaOp[] => {
		const open = block;
		block = null;
		if (!open) return [];
		if (open.kind === "a")
			return open.json === "" ? [] : [["a", open.index, redactor.redactNow(open.json).text]];
		const { add } = open.text.end();
		return add === "" ? [] : [[open.kind, open.index, add]];
	};

	const grow = (kind: "t" | "h", index: number, more: string): DeltaOp[] => {
		const before = block?.kind === kind && block.index === index ? [] : closeBlock();
		const text = block?.kind === kind && block.index === index ? block.text : new RedactedText(redactor.find);
		block = { kind, index, text };
		const { add } = text.edit(text.length, more);
		return add === "" ? before : [...before, [kind, index, add]];
	};

	const output = (id: string, keep: number, more: string): DeltaOp[] => {
		let text = outputs.get(id);
		if (!text) {
			text = new RedactedText(redactor.find);
			outputs.set(id, text);
		}
		const edit = text.edit(keep, more);
		return edit.add === "" && !edit.cut ? [] : [["o", id, edit.keep, edit.add]];
	};

	const endOutput = (id: string): DeltaOp[] => {
		const edit = outputs.get(id)?.end();
		outputs.delete(id);
		return edit && edit.add !== "" ? [["o", id, edit.keep, edit.add]] : [];
	};

	return (op) => {
		switch (op[0]) {
			case "t":
			case "h":
				return grow(op[0], op[1], op[2]);
			case "a": {
				const before = block?.kind === "a" && block.index === op[1] ? [] : closeBlock();
				const json = block?.kind === "a" ? block.json : "";
				block = { kind: "a", index: op[1], json: json + op[2] };
				return before;
			}
			case "o":
				return output(op[1], op[2], op[3]);
			case "x":
				return [...closeBlock(), ["x", op[1], op[2], redactor.redactNow(op[3]).text]];
			case "d":
				return [...endOutput(op[1]), op];
			case "n":
				return [["n", redactor.redactNow(op[1]).text]];
			case "v":
				// Whole by now, see `outgoing.ts`; it ends no text, so what waits goes on waiting.
				return [["v", op[1], redactor.redactNow(op[2]).text]];
			case "m":
			case "c":
			case "e":
				return [...closeBlock(), op];
			default:
				op satisfies never;
				return [];
		}
	};
}

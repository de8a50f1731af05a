/**
 * What an entry and a delta go through before they leave the machine: what is not wanted is left out with
 * a mark, then secrets are replaced. Where neither is asked for nothing is loaded and nothing changes.
 */
import type { DeltaOp } from "../protocol/stream.ts";
import { EventPieces, eventOps } from "../session/event-pieces.ts";
import { leaveOut, leaveOutOp } from "./leave-out.ts";
import { createOpRedactor } from "./redact-ops.ts";
import { createRedactor } from "./redactor.ts";

/** `redact`: replace secrets. The others: keep these. */
export type OutgoingOptions = { redact: boolean; toolCalls: boolean; thinking: boolean };

/** As the sync takes it; absent: nothing changes. */
export type Outgoing = {
	transform?: (json: string) => { json: string; hidden: Record<string, number> };
	transformOp?: (op: DeltaOp) => DeltaOp[];
};

/** One for each session. Rejects when the redaction rules cannot be loaded: then nothing may be sent. */
export async function createOutgoing(options: OutgoingOptions): Promise<Outgoing> {
	const { redact, ...kept } = options;
	if (!redact && kept.toolCalls && kept.thinking) return {};
	const redactor = redact ? await createRedactor() : null;
	const redactOp = redactor && createOpRedactor(redactor);
	const pieces = new EventPieces();
	const change = (op: DeltaOp): DeltaOp[] => {
		const left = leaveOutOp(op, kept);
		if (!left) return [];
		return redactOp ? redactOp(left) : [left];
	};
	return {
		transform(json) {
			const left = leaveOut(json, kept);
			if (!redactor) return { json: left, hidden: {} };
			const { text, hidden } = redactor.redactNow(left);
			return { json: text, hidden };
		},
		transformOp(op) {
			if (op[0] !== "v") return change(op);
			// A secret may lie across two pieces: the whole event is looked at, then cut again.
			const json = pieces.add(op[1], op[2]);
			if (json === null) return [];
			return change(["v", 0, json]).flatMap((one) => (one[0] === "v" ? eventOps(one[2]) : [one]));
		},
	};
}

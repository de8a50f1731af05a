/**
 * What an entry and a delta go through before they leave the machine: what is not wanted is left out with
 * a mark, then secrets are replaced. Where neither is asked for nothing is loaded and nothing changes.
 */
import type { DeltaOp } from "../protocol/stream.ts";
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
	return {
		transform(json) {
			const left = leaveOut(json, kept);
			if (!redactor) return { json: left, hidden: {} };
			const { text, hidden } = redactor.redactNow(left);
			return { json: text, hidden };
		},
		transformOp(op) {
			const left = leaveOutOp(op, kept);
			if (!left) return [];
			return redactOp ? redactOp(left) : [left];
		},
	};
}

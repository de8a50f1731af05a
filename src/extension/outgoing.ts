/**
 * What an entry and a delta go through before they leave the machine: what is not wanted is left out with
 * a mark, then secrets are replaced. Where neither is asked for nothing is loaded and nothing changes.
 */
import type { SessionSyncOptions } from "../sync/contract.ts";

export type OutgoingOptions = { redact: boolean; toolCalls: boolean; thinking: boolean };

export type Outgoing = Pick<SessionSyncOptions, "transform" | "transformOp">;

/** Rejects when the redaction rules cannot be loaded: then nothing may be sent. */
export async function createOutgoing(options: OutgoingOptions): Promise<Outgoing> {
	if (!options.redact && options.toolCalls && options.thinking) return {};
	throw new Error("Redaction is not there yet.");
}

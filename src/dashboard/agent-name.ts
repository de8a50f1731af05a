import { plainText } from "../lib/plain-text.ts";
import { SOURCE_LABELS } from "../protocol/opensync.ts";

/** How people call the agent that a session comes from; one that is unknown goes by its own name. */
export function agentName(source: string): string {
	const known = Object.hasOwn(SOURCE_LABELS, source) ? SOURCE_LABELS[source] : undefined;
	return known ?? (plainText(source).trim() || "Unknown agent");
}

/** Class of the agent's colour: one for each known agent, one for all others. */
export function agentClass(source: string): string {
	return Object.hasOwn(SOURCE_LABELS, source) ? `agent-${source}` : "agent-other";
}

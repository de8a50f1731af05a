/** What an imported entry goes through before it leaves the machine: the same as a live one. */
import type { Settings } from "../config/options.ts";
import { redactionOf } from "../config/sending.ts";
import { type AgentMessage, agentEntry } from "../protocol/agent-entry.ts";
import type { AgentSession } from "../protocol/agent-session.ts";
import type { OpenSyncPart } from "../protocol/opensync.ts";
import { LEFT_OUT_TEXT } from "../redaction/leave-out.ts";
import { createOutgoing } from "../redaction/outgoing.ts";
import type { Transform, Transformed } from "../sync/contract.ts";
import { CliError } from "./output.ts";

/** Undefined where nothing changes. Rejects when the redaction rules cannot be loaded: then nothing may be sent. */
export async function createImportTransform(settings: Settings): Promise<Transform | undefined> {
	return (await loadOutgoing(settings)).transform;
}

/** A message of another agent as the line that leaves the machine. */
export type Outgoing = (message: AgentMessage) => Transformed & { timestamp: number | null };

/** `session`: what is told of a session itself, whose title may be a prompt. Rejects as `createImportTransform`. */
export async function createAgentOutgoing(
	settings: Settings,
): Promise<{ message: Outgoing; session: (session: AgentSession) => AgentSession }> {
	const { transform } = await loadOutgoing(settings);
	return {
		message(message) {
			const { json, timestamp } = agentEntry(settings.syncToolCalls ? message : withoutResults(message));
			return { ...(transform?.(json) ?? { json, hidden: {} }), timestamp };
		},
		session(session) {
			if (session.title === undefined || !transform) return session;
			const { title } = JSON.parse(transform(JSON.stringify({ title: session.title })).json);
			return { ...session, title: String(title) };
		},
	};
}

/** What stands in an entry of its own for Pi is a part here; the calls themselves are left out with the rest. */
function withoutResults(message: AgentMessage): AgentMessage {
	if (!message.parts) return message;
	const parts = message.parts.map((part): OpenSyncPart => {
		const isResult = /tool[-_]result$/.test(part.type);
		// What a person gave is no tool's.
		if (!isResult && (part.type !== "file" || message.role === "user")) return part;
		const told = typeof part.content === "object" && part.content !== null ? part.content : {};
		const { toolName, toolCallId, isError } = told as Record<string, unknown>;
		const content = { toolName, toolCallId, result: LEFT_OUT_TEXT, isError: isError === true, leftOut: true };
		return { type: part.type, content: isResult ? content : { result: LEFT_OUT_TEXT, leftOut: true } };
	});
	return { ...message, parts };
}

async function loadOutgoing(settings: Settings): ReturnType<typeof createOutgoing> {
	try {
		return await createOutgoing({
			redact: redactionOf(settings),
			toolCalls: settings.syncToolCalls,
			thinking: settings.syncThinking,
		});
	} catch {
		throw new CliError(
			"The redaction rules cannot be loaded, so nothing was sent: run `npm ci`, or set redaction to off.",
		);
	}
}

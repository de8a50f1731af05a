/**
 * The run in flight: Pi's run, message and tool events become delta ops. A message's ops are settled by
 * the entry that Pi stores after `message_end`; readers hide a tool's output once its result entry stands,
 * and the next message's entry settles it (S2).
 */
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";
import { type AssistantEvent, StreamOps } from "./stream-ops.ts";
import type { Terminal } from "./terminal.ts";

export function watchRuns(pi: ExtensionAPI, terminal: Terminal): void {
	const { guard, late } = terminal;
	const stream = new StreamOps((op) => late.op(op));
	let running = false;

	const begin = () => {
		if (running) return;
		running = true;
		stream.reset();
		terminal.pump?.setRunning(true);
		late.beginRun(Date.now());
		late.status("running");
	};

	pi.on(
		"agent_start",
		guard.handler("agent_start", () => {
			begin();
			terminal.pump?.look();
		}),
	);
	pi.on(
		"agent_settled",
		guard.handler("agent_settled", () => {
			running = false;
			terminal.pump?.setRunning(false);
			terminal.pump?.look();
			late.endRun();
			late.status("idle");
		}),
	);
	pi.on(
		"message_start",
		guard.handler("message_start", (event) => {
			terminal.pump?.look();
			if (running && late.wanted) stream.messageStart(event.message.role);
		}),
	);
	pi.on(
		"message_update",
		guard.handler("message_update", (event) => {
			if (running && late.wanted) stream.update(event.assistantMessageEvent as AssistantEvent);
		}),
	);
	pi.on(
		"message_end",
		guard.handler("message_end", ({ message }) => {
			terminal.pump?.lookSoon();
			if (stream.messageEnd(message.role)) late.messageDone();
		}),
	);
	pi.on(
		"tool_execution_start",
		guard.handler("tool_execution_start", (event) => {
			terminal.pump?.look();
			if (!running || !late.wanted) return;
			stream.toolStart(event.toolCallId, event.toolName, event.args);
		}),
	);
	pi.on(
		"tool_execution_update",
		guard.handler("tool_execution_update", (event) => {
			if (running && late.wanted) stream.toolUpdate(event.toolCallId, event.partialResult);
		}),
	);
	pi.on(
		"tool_execution_end",
		guard.handler("tool_execution_end", (event) => {
			if (running && late.wanted) stream.toolEnd(event.toolCallId, event.result, event.isError);
		}),
	);
	pi.on(
		"session_before_compact",
		guard.handler("session_before_compact", () => {
			if (running) stream.note("compacting the context");
		}),
	);
	pi.on(
		"ui_prompt_start",
		guard.handler("ui_prompt_start", () => void (running && late.status("waiting"))) as never,
	);
	pi.on(
		"ui_prompt_end",
		guard.handler("ui_prompt_end", () => void (running && late.status("running"))) as never,
	);
}

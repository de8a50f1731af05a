/**
 * Where the run in flight is heard: from the events of Pi's session where they are to be had, else from the
 * extension events, which say less. The pump is woken by the latter in any case, for an entry may stand by
 * then. A message's ops are settled by the entry that Pi stores after `message_end` (S2).
 */
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";
import type { PiEvent } from "../session/pi-events.ts";
import type { Terminal } from "./terminal.ts";

const HEARD = [
	"agent_start",
	"turn_start",
	"message_start",
	"message_update",
	"message_end",
	"tool_execution_start",
	"tool_execution_update",
	"tool_execution_end",
	"agent_end",
	"agent_settled",
] as const;

/** After these Pi stores something once its handlers have run. */
const STORES_AFTER = new Set<string>(["message_end"]);

export function watchRuns(pi: ExtensionAPI, terminal: Terminal): void {
	const { guard, late } = terminal;
	const on = pi.on as unknown as (
		event: string,
		handler: (event: PiEvent, ctx: unknown) => undefined,
	) => unknown;
	for (const name of HEARD) {
		on(
			name,
			guard.handler<PiEvent, unknown>(name, (event) => {
				if (STORES_AFTER.has(name)) terminal.pump?.lookSoon();
				else if (name !== "message_update" && name !== "tool_execution_update") terminal.pump?.look();
				if (!terminal.hearsSession) terminal.teller.handle(event);
			}),
		);
	}
	on(
		"ui_prompt_start",
		guard.handler("ui_prompt_start", () => void (terminal.teller.isRunning && late.status("waiting"))),
	);
	on(
		"ui_prompt_end",
		guard.handler("ui_prompt_end", () => void (terminal.teller.isRunning && late.status("running"))),
	);
}

/**
 * Pi's entry point: registers handlers, commands and a flag, and nothing heavier. What syncs is loaded
 * after Pi's first paint (`terminal.ts`), what a command shows when it is called.
 */
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";
import { registerCommands } from "./commands.ts";
import { watchBinding } from "./pi-internals.ts";
import { watchRuns } from "./run-events.ts";
import { watchSession } from "./session-events.ts";
import { Terminal } from "./terminal.ts";

const OFF_FLAG = "no-opensync";

export default function opensync(pi: ExtensionAPI): void {
	pi.registerFlag(OFF_FLAG, {
		type: "boolean",
		default: false,
		description: "Do not sync this session (it can still be sent with /opensync:sync)",
	});
	watchBinding();
	const terminal = new Terminal(pi, () => pi.getFlag(OFF_FLAG) === true);
	watchSession(pi, terminal);
	watchRuns(pi, terminal);
	registerCommands(pi, terminal);
}

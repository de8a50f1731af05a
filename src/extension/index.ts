/**
 * Pi's entry point: registers handlers, commands and a flag, and nothing heavier. What syncs is loaded
 * after Pi's first paint (`terminal.ts`), what a command shows when it is called.
 */
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";
import { registerCommands } from "./commands.ts";
import { watchBinding } from "./pi-internals.ts";
import { watchRuns } from "./run-events.ts";
import { registerSearch } from "./search-tool.ts";
import { watchSession } from "./session-events.ts";
import { Terminal } from "./terminal.ts";

const OFF_FLAG = "no-opensync";
const ATTACH_FLAG = "opensync-attach";
const READ_ONLY_FLAG = "opensync-read-only";

export default function opensync(pi: ExtensionAPI): void {
	pi.registerFlag(OFF_FLAG, {
		type: "boolean",
		default: false,
		description: "Do not sync this session (it can still be sent with /opensync:sync)",
	});
	pi.registerFlag(ATTACH_FLAG, {
		type: "string",
		description: "Start as a view of a session of the OpenSync backend (its id, or the beginning of it)",
	});
	pi.registerFlag(READ_ONLY_FLAG, {
		type: "boolean",
		default: false,
		description: "With --opensync-attach: see all and change nothing",
	});
	watchBinding();
	const terminal = new Terminal(pi, () => pi.getFlag(OFF_FLAG) === true);
	watchSession(pi, terminal, () => {
		const id = pi.getFlag(ATTACH_FLAG);
		const readOnly = pi.getFlag(READ_ONLY_FLAG) === true;
		return typeof id === "string" || readOnly ? { id: String(id ?? "").trim(), readOnly } : null;
	});
	watchRuns(pi, terminal);
	registerCommands(pi, terminal);
	registerSearch(pi, () => terminal.settings);
}

/**
 * The session's start and end, and every event at which Pi may have stored an entry or moved the leaf.
 * Which entries came is never read from the events: the session manager is the truth.
 */
import type { ExtensionAPI, ExtensionContext } from "@earendil-works/pi-coding-agent";
import type { Terminal } from "./terminal.ts";

/** Events that end with something new in the session, or that follow on it. */
const STORED_AT = [
	"turn_start",
	"turn_end",
	"agent_end",
	"session_compact",
	"session_tree",
	"session_info_changed",
	"model_select",
	"thinking_level_select",
	"user_bash",
] as const;

/** @param attachTo asked at the start: the session that this Pi was started to follow. */
export function watchSession(
	pi: ExtensionAPI,
	terminal: Terminal,
	attachTo: () => { id: string; readOnly: boolean } | null,
): void {
	const { guard } = terminal;
	pi.on("session_start", async (event, ctx) => {
		// Only who asked for it waits: Pi draws the session once it is there.
		await guard.answer("attach", async () => {
			const wanted = event.reason === "startup" ? attachTo() : null;
			return wanted ? await attach(terminal, ctx, wanted) : undefined;
		});
		guard.background("session_start", () => terminal.start(ctx));
	});
	const on = pi.on as (event: string, handler: (event: unknown, ctx: unknown) => undefined) => unknown;
	for (const name of STORED_AT) {
		on(
			name,
			guard.handler<unknown, unknown>(name, () => terminal.pump?.lookSoon()),
		);
	}

	pi.on("input", (event) => {
		terminal.pump?.lookSoon();
		return guard.answer("input", () => terminal.input(event));
	});

	pi.on("session_shutdown", async (event) => {
		const { reason } = event;
		await guard.within(
			"session_shutdown",
			() => terminal.deadlineMs(reason),
			() => terminal.stop(reason),
		)(event, undefined);
	});
}

async function attach(
	terminal: Terminal,
	ctx: ExtensionContext,
	wanted: { id: string; readOnly: boolean },
): Promise<undefined> {
	const { attachAtStart } = await import("./attach-at-start.ts");
	const wrong =
		wanted.id === ""
			? `${wanted.readOnly ? "--opensync-read-only goes with --opensync-attach, which" : "--opensync-attach"} needs the id of a session, or its beginning.`
			: await attachAtStart(terminal, ctx, wanted);
	if (wrong && ctx.hasUI) ctx.ui.notify(`OpenSync: not attached. ${wrong}`, "error");
	return undefined;
}

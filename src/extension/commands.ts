/** The `/opensync:` commands. Each loads what it needs when it is called, and fails with one sentence. */
import type { ExtensionAPI, ExtensionCommandContext } from "@earendil-works/pi-coding-agent";
import type { Terminal } from "./terminal.ts";

type Run = (terminal: Terminal, ctx: ExtensionCommandContext, args: string) => Promise<void>;

const COMMANDS: Record<string, { description: string; load: () => Promise<Run> }> = {
	config: {
		description: "OpenSync settings: backend, key, what is sent",
		load: async () => (await import("./config-command.ts")).runConfig,
	},
	status: {
		description: "What is synced, what waits, what was hidden",
		load: async () => (await import("./status-command.ts")).runStatus,
	},
	doctor: {
		description: "Checks settings, backend, key and session, and says what to do",
		load: async () => (await import("./doctor-command.ts")).runDoctor,
	},
	sync: {
		description: "Compares this session with the backend and sends what it lacks",
		load: async () => (await import("./sync-command.ts")).runSync,
	},
	attach: {
		description: "Makes this terminal a view of a session of the backend: [id] [--read-only]",
		load: async () => (await import("./attach-command.ts")).runAttach,
	},
	detach: {
		description: "Leaves the session that this terminal follows",
		load: async () => (await import("./attach-command.ts")).runDetach,
	},
	take: {
		description: "Takes the turn lock over from a terminal that is dead or away",
		load: async () => (await import("./attach-command.ts")).runTake,
	},
	along: {
		description: "Goes along to the session that the other terminal went on to",
		load: async () => (await import("./attach-command.ts")).runAlong,
	},
	redraw: {
		description: "Draws the transcript anew from the session's entries",
		load: async () => (await import("./redraw-command.ts")).runRedraw,
	},
	stop: {
		description: "Ends the run of the terminal that drives this session, as Escape does",
		load: async () => (await import("./redraw-command.ts")).runStop,
	},
	open: {
		description: "The page of this backend, with a one-time sign-in code",
		load: async () => (await import("./open-command.ts")).runOpen,
	},
};

export function registerCommands(pi: ExtensionAPI, terminal: Terminal): void {
	for (const [verb, { description, load }] of Object.entries(COMMANDS)) {
		const name = `opensync:${verb}`;
		pi.registerCommand(name, {
			description,
			handler: async (args, ctx) => {
				try {
					await (await load())(terminal, ctx, args);
				} catch (error) {
					terminal.log(`/${name} failed: ${String(error)}`);
					const why = error instanceof Error ? error.message : String(error);
					if (ctx.hasUI) ctx.ui.notify(`/${name} failed: ${why}`, "error");
				}
			},
		});
	}
}

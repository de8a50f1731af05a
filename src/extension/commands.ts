/** The `/opensync:` commands. Each loads what it needs when it is called, and fails with one sentence. */
import type { ExtensionAPI, ExtensionCommandContext } from "@earendil-works/pi-coding-agent";
import type { Terminal } from "./terminal.ts";

type Run = (terminal: Terminal, ctx: ExtensionCommandContext) => Promise<void>;

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
			handler: async (_args, ctx) => {
				try {
					await (await load())(terminal, ctx);
				} catch (error) {
					terminal.log(`/${name} failed: ${String(error)}`);
					const why = error instanceof Error ? error.message : String(error);
					if (ctx.hasUI) ctx.ui.notify(`/${name} failed: ${why}`, "error");
				}
			},
		});
	}
}

/** Where other agents keep their histories, as their own variables and the XDG rules say. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

/** Of each agent all places: it has moved, or may. */
export type AgentFolders = Record<"claudeCode" | "codex" | "openCode", string[]>;

/** Whether they exist is another question. */
export function agentFolders(env: Env = process.env): AgentFolders {
	const home = env.HOME || env.USERPROFILE || homedir();
	const absolute = (given: string | undefined, ...fallback: string[]): string =>
		given && isAbsolute(given) ? given : join(home, ...fallback);
	return {
		claudeCode: env.CLAUDE_CONFIG_DIR
			? [env.CLAUDE_CONFIG_DIR]
			: [join(home, ".claude"), join(absolute(env.XDG_CONFIG_HOME, ".config"), "claude")],
		codex: [env.CODEX_HOME || join(home, ".codex")],
		openCode: [join(absolute(env.XDG_DATA_HOME, ".local", "share"), "opencode")],
	};
}

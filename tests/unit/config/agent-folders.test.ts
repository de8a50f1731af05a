import { expect, test } from "bun:test";
import { agentFolders } from "../../../src/config/agent-folders.ts";

test("histories are where the agents keep them", () => {
	expect(agentFolders({ HOME: "/home/ada" })).toEqual({
		claudeCode: ["/home/ada/.claude", "/home/ada/.config/claude"],
		codex: ["/home/ada/.codex"],
		openCode: ["/home/ada/.local/share/opencode"],
	});
});

test("the agents' own variables win; a relative XDG folder counts as none", () => {
	const env = { HOME: "/home/ada", CLAUDE_CONFIG_DIR: "/c", CODEX_HOME: "/x", XDG_DATA_HOME: "/d" };
	expect(agentFolders(env)).toEqual({ claudeCode: ["/c"], codex: ["/x"], openCode: ["/d/opencode"] });
	expect(agentFolders({ ...env, XDG_DATA_HOME: "d" }).openCode).toEqual(["/home/ada/.local/share/opencode"]);
});

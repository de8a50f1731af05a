import { expect, test } from "bun:test";
import { readHostedSession } from "../../../src/agents/hosted-opensync.ts";

const sourceOf = (sessionId: string, ...ids: string[]) =>
	readHostedSession(
		{ externalId: sessionId },
		ids.map((externalId) => ({ externalId, role: "user", textContent: "said" })),
	).histories[0]?.session.source;

const known: [source: string, sessionId: string, ids: string[]][] = [
	["pi", "01a1fd30", ["pi:01a1fd30:a0000001"]],
	["pi", "01a1fd30", ["01a1fd30-user-1", "01a1fd30-assistant-1"]],
	["pi", "01a1fd30", ["01a1fd30-user-12"]],
	["claude-code", "0b6f9a1e", ["0b6f9a1e-user-1767323045000", "toolu_01"]],
	["claude-code", "0b6f9a1e", ["0b6f9a1e-user-1767323045000"]],
	["claude-code", "0b6f9a1e", ["toolu_01"]],
	["opencode", "ses_1", ["msg_1"]],
	["opensync", "0b6f9a1e", ["else-user-1"]],
	["opensync", "0b6f9a1e", ["0b6f9a1e-user-x"]],
];
test.each(
	known,
)("a session is of %s when the ids of it and its messages are those that its plugin makes: %s %j", (source, id, ids) => {
	expect(sourceOf(id, ...ids)).toBe(source);
});

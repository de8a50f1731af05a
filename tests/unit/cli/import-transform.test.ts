import { expect, test } from "bun:test";
import { createAgentOutgoing } from "../../../src/cli/import-transform.ts";
import { DEFAULTS } from "../../../src/config/options.ts";
import type { OpenSyncPart } from "../../../src/protocol/opensync.ts";

const SECRET = `ghp_${"a1B2".repeat(9)}`;

test("without tool calls nothing that a tool gave goes out, whatever its part is called", async () => {
	const { message } = await createAgentOutgoing({ ...DEFAULTS, syncToolCalls: false });
	const parts: OpenSyncPart[] = [
		{ type: "text", content: "said" },
		{ type: "tool-result", content: { toolName: "bash", toolCallId: "c", result: "gave" } },
		{ type: "web_search_tool_result", content: { tool_use_id: "c", content: [{ title: "gave" }] } },
		{ type: "file", content: { url: "data:text/plain,gave" } },
	];
	const { json } = message({ externalId: "m", role: "assistant", parts });
	expect(json).toContain("said");
	expect(json).not.toContain("gave");
	expect(json.match(/"leftOut":true/g)).toHaveLength(3);
	const typed = message({
		externalId: "m",
		role: "user",
		parts: [{ type: "file", content: { name: "mine" } }],
	});
	expect(typed.json).toContain("mine");
});

test("the title of a session is redacted like its messages, where that is on", async () => {
	const session = { externalId: "s", title: `use ${SECRET} please` };
	const on = await createAgentOutgoing({ ...DEFAULTS, redaction: "on" });
	expect(on.session(session)).toEqual({ externalId: "s", title: "use [redacted:github] please" });
	const off = await createAgentOutgoing({ ...DEFAULTS, redaction: "off" });
	expect(off.session(session)).toEqual(session);
});

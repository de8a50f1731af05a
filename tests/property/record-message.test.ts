/** Whatever stands in a session's entries, a hosted OpenSync stores what is posted of them: its validators refuse nothing. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { recordMessage } from "../../src/sync/record-message.ts";
import { RecordSession } from "../../src/sync/record-session.ts";
import { FakeSession } from "../support/fake-session.ts";
import { HostedStore, type Json } from "../support/hosted-opensync-store.ts";
import { RECORD_PLACE } from "../support/record-setup.ts";

const text = fc.oneof(
	fc.string({ unit: "binary", maxLength: 30 }),
	fc.constantFrom("", "\ud83c", "a\udf89", "🎉", "x".repeat(30_000), "é".repeat(150_000), "\0", "$a", "_b"),
);
/** More than Convex stores in one value, though short as text. */
const crowd = [
	{ list: Array.from({ length: 9_000 }, () => 1) },
	Object.fromEntries(Array.from({ length: 1_100 }, (_, at) => [`k${at}`, 1])),
];
const anything = fc.oneof(
	{ weight: 3, arbitrary: text },
	{ weight: 1, arbitrary: fc.jsonValue({ maxDepth: 20, depthSize: "large" }) },
	{ weight: 1, arbitrary: fc.dictionary(text, fc.jsonValue(), { maxKeys: 4 }) },
	{ weight: 1, arbitrary: fc.constantFrom<unknown>(null, 1e308, -1, true, [], {}, ...crowd) },
);
const block = fc.oneof(
	fc.record({ type: fc.constant("text"), text: anything }),
	fc.record({ type: fc.constant("thinking"), thinking: anything }),
	fc.record({ type: fc.constant("toolCall"), id: anything, name: anything, arguments: anything }),
	fc.record({ type: fc.constant("image"), mimeType: anything, data: text }),
	fc.jsonValue(),
);
const message = fc.record(
	{
		role: fc.constantFrom("user", "assistant", "toolResult", "system", "bashExecution", "custom", "other"),
		content: fc.oneof(anything, fc.array(block, { maxLength: 6 })),
		model: anything,
		provider: anything,
		usage: fc.oneof(
			anything,
			fc.record({ input: anything, output: anything, cost: anything }, { requiredKeys: [] }),
		),
		toolName: anything,
		toolCallId: anything,
		isError: anything,
		command: anything,
		output: anything,
		errorMessage: anything,
	},
	{ requiredKeys: ["role"] },
);
const entry = fc.record(
	{
		type: fc.constantFrom(
			"message",
			"compaction",
			"branch_summary",
			"custom_message",
			"session_info",
			"model_change",
		),
		id: fc.constantFrom("e1", "e2"),
		timestamp: fc.oneof(fc.constant("2026-11-21T08:00:00.000Z"), text),
		message,
		summary: anything,
		content: anything,
		name: anything,
		modelId: anything,
		provider: anything,
	},
	{ requiredKeys: ["type", "id", "timestamp"] },
);

test("no entry makes a message or a session that OpenSync would refuse", () => {
	fc.assert(
		fc.property(fc.array(entry, { maxLength: 5 }), fc.boolean(), (entries, all) => {
			const store = new HostedStore(() => 1_800_000_000_000);
			const source = new FakeSession("s-1");
			const session = new RecordSession(source.sessionId, source.header());
			const over = (value: unknown) => JSON.parse(JSON.stringify(value)) as Json;
			for (const one of entries) {
				session.take({ parentId: null, ...one } as never);
				const posted = recordMessage("s-1", JSON.stringify(one), { toolCalls: all, thinking: all });
				if (posted) store.postMessage("u", over(posted));
				if (posted) expect(posted.parts?.length || posted.textContent?.length).toBeGreaterThan(0);
			}
			const title = session.titleSource;
			store.postSession("u", over(session.told(RECORD_PLACE, title ? JSON.stringify(title) : null)));
		}),
		{ seed: 20_261_121, numRuns: 400 },
	);
});

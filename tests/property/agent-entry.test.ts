/** Whatever an agent posts, nothing of it is lost on its way into an entry and out again. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { agentEntry } from "../../src/protocol/agent-entry.ts";
import { OPENSYNC_ROLES, type OpenSyncPart } from "../../src/protocol/opensync.ts";
import { openSyncMessage } from "../../src/protocol/opensync-message.ts";
import { runs } from "../support/arbitraries.ts";

const TYPES = ["text", "thinking", "reasoning", "tool-call", "tool_use", "tool-result", "image", "file"];

const part = fc.record({
	type: fc.oneof(fc.constantFrom(...TYPES), fc.string()),
	content: fc.oneof(
		fc.string(),
		fc.jsonValue(),
		fc.record({ text: fc.string() }),
		fc.record({ toolName: fc.string(), args: fc.jsonValue(), result: fc.jsonValue() }),
	),
});

test("parts, text and role of a message are given back as they were posted", () => {
	fc.assert(
		fc.property(
			fc.array(part, { maxLength: 5 }),
			fc.option(fc.string(), { nil: undefined }),
			fc.constantFrom(...OPENSYNC_ROLES),
			(parts, textContent, role) => {
				const said = textContent === undefined ? {} : { textContent };
				const made = agentEntry({ externalId: "m1", role, parts, ...said });
				const told = openSyncMessage(made.json);
				const posted = JSON.parse(JSON.stringify(parts)) as OpenSyncPart[];
				expect(told?.role).toBe(role);
				// A part of no text is nothing.
				const isSomething = ({ type, content }: OpenSyncPart) => type !== "text" || content !== "";
				expect(told?.parts).toEqual(posted.map(unwrapped).filter(isSomething));
				if (textContent) expect(told?.textContent).toBe(textContent);
			},
		),
		runs(300),
	);
});

/** A text that is posted as an object with nothing but a text is told as a string. */
function unwrapped(one: OpenSyncPart): OpenSyncPart {
	const content = one.content as { text?: unknown } | null;
	const isWrapped =
		one.type === "text" &&
		typeof content === "object" &&
		content !== null &&
		typeof content.text === "string" &&
		Object.keys(content).length === 1;
	return isWrapped ? { ...one, content: content.text } : one;
}

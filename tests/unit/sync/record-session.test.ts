/** What a hosted OpenSync is told of a session as a whole. */
import { describe, expect, test } from "bun:test";
import { RecordSession } from "../../../src/sync/record-session.ts";
import { FakeSession } from "../../support/fake-session.ts";
import { RECORD_PLACE } from "../../support/record-setup.ts";

function told(session: FakeSession) {
	const record = new RecordSession(session.sessionId, session.header());
	for (const entry of session.entries()) record.take(entry);
	const title = record.titleSource;
	return record.told(RECORD_PLACE, title ? JSON.stringify(title) : null);
}

describe("the title", () => {
	test("is the first line of the first prompt, at most a hundred characters", () => {
		const session = new FakeSession();
		session.user(`\n  ${"long ".repeat(40)}\nsecond line`);
		const { title } = told(session);
		expect(title).toStartWith("long long");
		expect(title?.length).toBeLessThanOrEqual(100);
	});

	test("is the session's name once it has one, and the prompt again when the name is taken away", () => {
		const session = new FakeSession();
		session.user("a prompt");
		session.add("session_info", { name: "tides" });
		expect(told(session).title).toBe("tides");
		session.add("session_info", { name: "" });
		expect(told(session).title).toBe("a prompt");
	});

	test("is the project's where nobody has typed anything", () => {
		const session = new FakeSession();
		session.assistant("from an extension");
		expect(told(session).title).toBe("p");
	});

	test.each([
		["/x/2026-11-21T08-19-32-374Z_01a1fd30-6f96-763f-8fd2-1efdf7dda47f.jsonl", "01a1fd30"],
		["C:\\x\\2026_0badcafe-0000.jsonl", "0badcafe"],
	])("of a fork of %s begins with [Fork::%s]", (parent, id) => {
		const session = new FakeSession("s", parent);
		session.user("a prompt");
		expect(told(session).title).toBe(`[Fork::${id}] a prompt`);
	});
});

describe("the numbers", () => {
	test("count the work from each prompt to the last answer, and no time in between", () => {
		const session = new FakeSession();
		const at = (entry: object, time: string) =>
			Object.assign(entry, { timestamp: `2026-11-21T${time}.000Z` });
		at(session.user("one"), "09:00:00");
		at(session.assistant("a"), "09:00:10");
		at(session.user("two"), "12:00:00");
		at(session.assistant("b"), "12:00:05");
		at(session.add("label", { label: "x" }), "18:00:00");
		expect(told(session).durationMs).toBe(15_000);
	});

	test("take in what was spent beside the answers", () => {
		const session = new FakeSession();
		session.user("one");
		session.add("compaction", { summary: "s", usage: { input: 5, output: 1, cost: { total: 0.5 } } });
		expect(told(session)).toMatchObject({ promptTokens: 5, completionTokens: 1, cost: 0.5 });
	});

	test("are not led astray by payloads of another shape", () => {
		const session = new FakeSession();
		session.add("message", { message: { role: "assistant", usage: { input: "many", output: -1, cost: 3 } } });
		session.add("message", { message: null });
		session.add("custom", { usage: [] });
		expect(told(session)).toMatchObject({ promptTokens: 0, completionTokens: 0, cost: 0, durationMs: 0 });
	});
});

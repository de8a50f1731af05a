import { expect, test } from "bun:test";
import { ConvexError } from "convex/values";
import { failureWords } from "../../../src/dashboard/failure-words.ts";

test("a refusal is told in its own sentence, also one whose code is not known", () => {
	expect(failureWords(new ConvexError({ code: "invalid", message: "That cannot be." }))).toBe(
		"That cannot be.",
	);
	expect(failureWords(new ConvexError({ code: "of_tomorrow", message: "Not yet." }))).toBe("Not yet.");
});

test("an error is told without what the client wraps it in", () => {
	const wrapped =
		"[CONVEX Q(sessions:get)] [Request ID: 3f] Server Error\nUncaught Error: full\n\n  Called by client";
	expect(failureWords(new Error(wrapped))).toBe("Server Error\nUncaught Error: full");
	expect(failureWords(new Error("[1, 2] is no session"))).toBe("[1, 2] is no session");
});

test("whatever is thrown is told in words", () => {
	for (const thrown of [null, undefined, "", new Error(""), new ConvexError(null as never)])
		expect(failureWords(thrown).length).toBeGreaterThan(3);
});

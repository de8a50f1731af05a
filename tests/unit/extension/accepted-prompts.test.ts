import { expect, test } from "bun:test";
import { AcceptedPrompts } from "../../../src/extension/accepted-prompts.ts";

function made() {
	const said: string[] = [];
	const accepted = new AcceptedPrompts((id, state, reason) =>
		said.push([id, state, ...(reason ? [reason] : [])].join(" ")),
	);
	return { accepted, said };
}

test("a prompt starts with the message that has its text, and is done when the run has settled", () => {
	const { accepted, said } = made();
	accepted.add("p1", "one");
	accepted.add("p2", "two");
	accepted.started("two");
	accepted.started("another's");
	accepted.started("one");
	accepted.settled([]);
	expect(said).toEqual(["p2 started", "p1 started", "p1 done", "p2 done"]);
	accepted.settled([]);
	expect(said).toHaveLength(4);
});

test("two of the same text start one after the other", () => {
	const { accepted, said } = made();
	accepted.add("p1", "again");
	accepted.add("p2", "again");
	accepted.started("again");
	expect(said).toEqual(["p1 started"]);
	accepted.started("again");
	accepted.started("again");
	expect(said).toEqual(["p1 started", "p2 started"]);
});

test("a skill or template is known by what it was queued as", () => {
	const { accepted, said } = made();
	accepted.add("p1", "/review");
	accepted.queuedAs("p1", "Look at the changes");
	accepted.queuedAs("p9", "nobody's");
	accepted.started("/review");
	accepted.started("Look at the changes");
	expect(said).toEqual(["p1 started"]);
});

test("what Pi takes out of its queue goes back to its authors, one's own stays", () => {
	const { accepted, said } = made();
	accepted.add("p1", "theirs");
	accepted.add("p2", "begun");
	accepted.started("begun");
	expect(accepted.returnFrom(["mine", "theirs", "theirs", "begun"])).toEqual(["mine", "theirs", "begun"]);
	expect(said).toEqual(["p2 started", "p1 returned"]);
	accepted.settled([]);
	expect(said.at(-1)).toBe("p2 done");
});

test("one that Pi refused is told with the reason, once", () => {
	const { accepted, said } = made();
	accepted.add("p1", "one");
	accepted.failed("p1", "no model");
	accepted.started("one");
	accepted.settled([]);
	expect(said).toEqual(["p1 failed no model"]);
});

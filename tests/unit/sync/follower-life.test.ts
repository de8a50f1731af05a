/** Following beside runs of one's own, from its beginning to its end. */
import { describe, expect, test } from "bun:test";
import { settle } from "../../support/fake-clock.ts";
import { event, followed, START } from "../../support/follow-by-hand.ts";
import { drawn } from "../../support/follow-screen.ts";

describe("a run of one's own", () => {
	test("while it is on nothing is changed, and afterwards all is made up for", async () => {
		const { session, send, follow } = await followed();
		const { target, follower } = follow();
		await settle();
		target.busy = true;
		await send(session.user("meanwhile"));
		expect(target.list).toHaveLength(2);
		target.busy = false;
		follower.look();
		await settle();
		expect(target.list).toEqual(session.list);
	});

	test("what it stored does not come back", async () => {
		const { session, send, follow } = await followed();
		const { target, follower, said } = follow();
		await settle();
		follower.ownRun();
		target.busy = true;
		const own = [session.user("own"), session.assistant("mine")];
		for (const entry of own) target.append(entry);
		await send(...own);
		target.busy = false;
		follower.look();
		await settle();
		await send(session.user("another's"));
		expect(target.list).toEqual(session.list);
		expect(said.filter((line) => line.startsWith("held"))).toEqual(["held 00000005 of 4"]);
	});

	test("names and labels that others set meanwhile are taken in its midst, messages wait", async () => {
		const { session, send, follow } = await followed();
		const { target, follower, types } = follow();
		await settle();
		target.busy = true;
		await send(session.add("session_info", { name: "a name" }));
		expect(target.list).toHaveLength(3);
		expect(types()).toEqual(["session_info_changed"]);
		await send(session.user("a message"));
		await send(session.add("label", { targetId: "00000001", label: "here" }));
		expect(target.list).toHaveLength(3);
		target.busy = false;
		follower.look();
		await settle();
		expect(target.list).toEqual(session.list);
	});

	test("one that does not fit the leaf waits too", async () => {
		const { session, send, follow } = await followed();
		const { target, follower } = follow();
		await settle();
		target.busy = true;
		const own = session.user("own");
		target.append(own);
		session.leaf = "00000002";
		session.list.pop();
		await send(session.add("label", { id: "0000000a", targetId: "00000001", label: "here" }));
		expect(target.list).toHaveLength(3);
		target.busy = false;
		follower.look();
		await settle();
		expect(target.list).toHaveLength(4);
	});

	test("what was being drawn of another's run is dropped without a word", async () => {
		const { holder, push, follow } = await followed();
		const { target, follower, types } = follow();
		await settle();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		await push(["m", "assistant"], ["t", 0, "Hel"]);
		follower.ownRun();
		target.busy = true;
		const before = types().length;
		await push(["t", 0, "lo"]);
		await holder.endStream("stream-1");
		await settle();
		expect(types()).toHaveLength(before);
	});
});

describe("the order of a replica", () => {
	test("is put right when something of one's own stood where another's entry belongs", async () => {
		const { session, send, follow } = await followed();
		const { target, follower } = follow();
		await settle();
		const theirs = session.add("session_info", { name: "theirs" });
		const own = session.add("session_info", { name: "own" });
		target.append(own);
		await send(theirs, own);
		follower.look();
		await settle();
		expect(target.list).toEqual(session.list);
	});

	test("is put right also when one's own is stored a while after the other's", async () => {
		const { session, send, follow } = await followed();
		const { target } = follow();
		await settle();
		const theirs = session.add("session_info", { name: "theirs" });
		const own = session.add("session_info", { name: "own" });
		target.append(own);
		await send(theirs);
		expect(target.list).not.toEqual(session.list);
		await send(own);
		expect(target.list).toEqual(session.list);
	});

	test("is left alone when nothing is out of it", async () => {
		const { session, send, follow } = await followed();
		const { target } = follow();
		await settle();
		await send(session.user("one"));
		await send(session.assistant("two"));
		expect(target.orders).toEqual([]);
	});
});

describe("its life", () => {
	test("who waits for a seq is told when it is there, or when the time is over", async () => {
		const { clock, session, send, follow } = await followed();
		const { follower } = follow();
		await settle();
		expect(await follower.reached(2, 10)).toBe(true);
		const soon = follower.reached(3, 1_000);
		await send(session.user("new"));
		expect(await soon).toBe(true);
		const never = follower.reached(9, 1_000);
		await clock.advance(1_000);
		expect(await never).toBe(false);
	});

	test("while nobody else is there it looks at nothing, and goes on where it stood", async () => {
		const { session, send, follow } = await followed();
		const { target, follower } = follow();
		await settle();
		follower.deactivate();
		expect(follower.isActive).toBe(false);
		await send(session.user("alone"));
		expect(target.list).toHaveLength(2);
		follower.activate();
		await settle();
		expect(target.list).toEqual(session.list);
	});

	test("a session that cannot be asked about at first is asked about again", async () => {
		const { clock, session, follow } = await followed(4);
		const { backend, target } = follow(2);
		let failures = 1;
		backend.fault = (call) => (call === "session" && failures-- > 0 ? "lost" : null);
		await settle();
		expect(target.list).toHaveLength(2);
		await clock.advance(1_000);
		expect(target.list).toEqual(session.list);
	});

	test("a cut link is made up for when it is there again", async () => {
		const { holder, session, send, push, follow } = await followed();
		const { backend, target } = follow();
		await settle();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		await push(...event({ type: "turn_start" }), ["m", "assistant"], ["t", 0, "Hel"]);
		backend.connect({ kind: "offline", reason: "No network." });
		for (const letter of "lo!") await push(["t", 0, letter]);
		await push(["e"]);
		await send(session.assistant("Hello!"));
		expect(target.screen.rows.at(-1)?.text).toBe("Hel");
		backend.connect({ kind: "connected" });
		await settle();
		expect(target.screen.rows).toEqual(drawn(session.list));
	});

	test("after stop nothing reaches the session, and who waits is told", async () => {
		const { session, send, follow } = await followed();
		const { target, follower } = follow();
		await settle();
		const waiting = follower.reached(9, 1_000);
		follower.stop();
		await send(session.user("new"));
		expect(target.list).toHaveLength(2);
		expect(await waiting).toBe(false);
	});
});

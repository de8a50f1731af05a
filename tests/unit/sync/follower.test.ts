import { describe, expect, test } from "bun:test";
import type { DeltaOp } from "../../../src/protocol/stream.ts";
import { settle } from "../../support/fake-clock.ts";
import { event, followed, SESSION, START, toPush } from "../../support/follow-by-hand.ts";
import { drawn } from "../../support/follow-screen.ts";

describe("entries", () => {
	test("a file that is level gets what is new, each once, and says so before it is stored", async () => {
		const { session, send, follow } = await followed();
		const { target, follower, said } = follow();
		await settle();
		expect(follower.seq).toBe(2);
		await send(session.user("new"));
		await send(session.assistant("newer"));
		expect(target.list).toEqual(session.list);
		expect(follower.seq).toBe(4);
		expect(said).toEqual([
			"leaf 00000002",
			"held 00000003 of 2",
			"leaf 00000003",
			"held 00000004 of 3",
			"leaf 00000004",
		]);
		expect(target.screen.rows).toEqual(drawn(session.list));
	});

	test("a file that is behind gets what it lacks, in order", async () => {
		const { session, follow } = await followed(6);
		const { target, follower } = follow(2);
		await settle();
		expect(target.list).toEqual(session.list);
		expect(follower.seq).toBe(6);
		expect(target.screen.rows).toEqual(drawn(session.list));
	});

	test("a line that is stored apart is fetched, again if need be, and those behind it wait", async () => {
		const { clock, holder, session, send, follow } = await followed();
		const { backend, target } = follow();
		await settle();
		let failures = 1;
		backend.fault = (call) => (call === "entryJson" && failures-- > 0 ? "lost" : null);
		const large = session.user("large");
		const storageId = await holder.upload(JSON.stringify(large));
		const body = { kind: "stored" as const, storageId, bytes: 1, columns: {} };
		await holder.append({ sessionId: SESSION, entries: [{ ...toPush(large), body }], leafId: large.id });
		await send(session.assistant("after"));
		expect(target.list).toHaveLength(2);
		await clock.advance(2_000);
		expect(target.list).toEqual(session.list);
	});

	test("a line that is no entry is left out and counted, and the others come", async () => {
		const { holder, session, send, follow } = await followed();
		const { target, follower } = follow();
		await settle();
		const odd = { ...session.user("odd") };
		await holder.append({ sessionId: SESSION, entries: [toPush(odd, '{"id":"other"}')] });
		session.list.pop();
		session.leaf = "00000002";
		await send(session.add("message", { id: "00000009", message: { role: "user", content: "good" } }));
		expect(target.list.map(({ id }) => id)).toEqual(["00000001", "00000002", "00000009"]);
		expect(follower.dropped).toBe(1);
		expect(follower.seq).toBe(4);
	});

	test("names, choices, shell commands and notes of extensions reach Pi in its own way", async () => {
		const { session, send, follow } = await followed();
		const { target, types } = follow();
		await settle();
		await send(session.add("session_info", { name: "a name" }));
		await send(session.add("model_change", { provider: "p", modelId: "m" }));
		await send(session.add("thinking_level_change", { thinkingLevel: "high" }));
		await send(session.add("custom_message", { customType: "c", content: "hi", display: true }));
		expect(types()).toEqual(["session_info_changed", "entry_appended"]);
		expect(target.choices.map(({ type }) => type)).toEqual(["model_change", "thinking_level_change"]);
		expect(target.redrawn).toEqual([]);
		await send(session.add("message", { message: { role: "bashExecution", command: "ls", output: "" } }));
		expect(target.redrawn).toEqual(["caughtUp"]);
	});

	test("the model's context is made again once they are there", async () => {
		const { session, send, follow } = await followed();
		const { target } = follow();
		await settle();
		const before = target.refreshed;
		await send(session.user("new"));
		expect(target.refreshed).toBeGreaterThan(before);
	});
});

describe("the leaf", () => {
	test("a move in the tree is followed and drawn", async () => {
		const { holder, session, follow } = await followed(4);
		const { target, said } = follow();
		await settle();
		session.leaf = "00000002";
		await holder.updateSession({ sessionId: SESSION, leafId: "00000002" });
		await settle();
		expect(target.leafId()).toBe("00000002");
		expect(target.redrawn).toEqual(["moved"]);
		expect(said.at(-1)).toBe("leaf 00000002");
		expect(target.screen.rows).toHaveLength(2);
	});

	test("a branch that is driven on elsewhere is gone over to", async () => {
		const { session, send, follow } = await followed(4);
		const { target } = follow();
		await settle();
		session.leaf = "00000002";
		await send(session.user("another way"));
		expect(target.leafId()).toBe("00000005");
		expect(target.redrawn).toEqual(["moved"]);
		expect(target.screen.rows.map((row) => row.kind)).toEqual(["user", "assistant", "user"]);
	});

	test("what somebody wrote on a side branch is kept beside the way, and said", async () => {
		const { holder, session, follow } = await followed(4);
		const { target, said } = follow();
		await settle();
		session.leaf = "00000002";
		await holder.append({ sessionId: SESSION, entries: [toPush(session.user("aside"))] });
		await settle();
		expect(target.list).toHaveLength(5);
		expect(target.leafId()).toBe("00000004");
		expect(target.redrawn).toEqual([]);
		expect(said).toContain("side branch");
	});

	test("while something of one's own is still to be sent, the leaf is one's own", async () => {
		const { holder, follow } = await followed(4);
		let level = false;
		const { target, follower } = follow(4, { isLevel: () => level });
		await settle();
		await holder.updateSession({ sessionId: SESSION, leafId: "00000002" });
		await settle();
		expect(target.leafId()).toBe("00000004");
		level = true;
		follower.look();
		await settle();
		expect(target.leafId()).toBe("00000002");
	});

	test("what Pi did not draw anew, as while it starts, is drawn a moment later", async () => {
		const { clock, session, send, follow } = await followed();
		const { target } = follow();
		await settle();
		target.cannotDraw = true;
		await send(session.add("message", { message: { role: "bashExecution", command: "ls", output: "o" } }));
		expect(target.redrawn).toEqual([]);
		target.cannotDraw = false;
		await clock.advance(300);
		expect(target.redrawn).toEqual(["caughtUp"]);
		expect(target.screen.rows).toEqual(drawn(session.list));
	});

	test("a move forward over what was never shown is drawn", async () => {
		const { holder, session, send, follow } = await followed(4);
		await holder.updateSession({ sessionId: SESSION, leafId: "00000001" });
		const { target } = follow(4);
		await settle();
		expect(target.leafId()).toBe("00000001");
		await send(session.user("on"));
		expect(target.leafId()).toBe("00000005");
		expect(target.screen.rows).toEqual(drawn(session.list));
	});

	test("a leaf that has not moved since this terminal came with more is nobody's move", async () => {
		const { holder, session, follow } = await followed(2);
		const more = [session.user("u2"), session.assistant("a3")];
		let level = false;
		const { target, follower } = follow(4, { isLevel: () => level });
		await settle();
		await holder.append({ sessionId: SESSION, entries: more.map((one) => toPush(one)) });
		level = true;
		follower.look();
		await settle();
		expect(target.leafId()).toBe("00000004");
		expect(target.redrawn).toEqual([]);
	});
});

describe("a run elsewhere", () => {
	const answer: DeltaOp[] = [
		["m", "assistant"],
		["t", 0, "Hel"],
	];

	test("is drawn from its ops, and its entries are not shown again", async () => {
		const { holder, session, send, push, follow } = await followed();
		const { target, follower, types } = follow();
		await settle();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		await push(...event({ type: "agent_start" }), ...event({ type: "turn_start" }));
		expect(follower.remote).toMatchObject({ streamId: "stream-1", terminalId: "holder" });
		expect(target.screen.working).toBe(true);
		const prompt = session.user("why?");
		await push(...event({ type: "message_start", message: prompt.message }));
		await send(prompt);
		await push(...answer);
		expect(target.screen.rows.at(-1)).toMatchObject({ kind: "assistant", text: "Hel", end: null });
		await push(["t", 0, "lo"], ["e"]);
		await send(session.assistant("Hello"));
		await push(...event({ type: "agent_end" }), ...event({ type: "agent_settled" }));
		await holder.endStream("stream-1");
		await settle();
		expect(target.screen.rows).toEqual(drawn(session.list));
		expect(target.screen.working).toBe(false);
		expect(follower.remote).toBeNull();
		expect(types().filter((type) => type === "agent_settled")).toHaveLength(1);
	});

	test("who joins begins behind what stored entries say", async () => {
		const { holder, session, push, follow } = await followed();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		await push(...event({ type: "agent_start" }), ...answer, ["t", 0, "lo"], ["e"]);
		const settles = { streamId: "stream-1", upTo: 5, entryId: "00000003" };
		const stored = session.assistant("Hello");
		await holder.append({ sessionId: SESSION, entries: [toPush(stored)], settles, leafId: stored.id });
		await push(["x", "c1", "bash", "{}"], ["o", "c1", 0, "out"]);
		const { target, types } = follow();
		await settle();
		expect(types()).toEqual(["turn_start", "tool_execution_start", "tool_execution_update"]);
		expect(target.screen.working).toBe(true);
	});

	test("what a late file has beyond the settled entry is not told again", async () => {
		const { holder, session, send, push, follow } = await followed();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		const prompt = session.user("why?");
		await push(...event({ type: "message_start", message: prompt.message }), ...answer);
		await send(prompt);
		const { target } = follow();
		await settle();
		expect(target.screen.rows.map((row) => row.kind)).toEqual(["user", "assistant", "user", "assistant"]);
	});

	test("pushes that were missed are read, also when reading fails at first", async () => {
		const { clock, holder, push, follow } = await followed();
		const { backend, target } = follow();
		await settle();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		await push(...answer);
		backend.auto = false;
		for (const letter of "abcdef") await push(["t", 0, letter]);
		let failures = 1;
		backend.fault = (call) => (call === "readStream" && failures-- > 0 ? "lost" : null);
		backend.deliver();
		await settle();
		expect(target.screen.rows.at(-1)?.text).toBe("Hel");
		await clock.advance(600);
		expect(target.screen.rows.at(-1)?.text).toBe("Helabcdef");
	});

	test("a run that breaks off leaves nothing turning", async () => {
		const { holder, push, follow } = await followed();
		const { target, types } = follow();
		await settle();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		await push(...event({ type: "turn_start" }), ...answer);
		await holder.endStream("stream-1");
		await settle();
		expect(types().slice(-3)).toEqual(["queue_update", "agent_end", "agent_settled"]);
		expect(target.screen.working).toBe(false);
		expect(target.screen.rows.map((row) => row.kind)).toEqual(["user", "assistant"]);
	});

	test("a compaction is drawn when its entry is there, and what follows comes after it", async () => {
		const { holder, session, send, push, follow } = await followed();
		const { target, types } = follow();
		await settle();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		await push(...event({ type: "compaction_start", reason: "manual" }));
		await push(...event({ type: "compaction_end", reason: "manual", result: { summary: "s" } }), ...answer);
		expect(types()).toEqual(["compaction_start"]);
		await send(session.add("compaction", { summary: "s", firstKeptEntryId: "00000001", tokensBefore: 1 }));
		expect(types()).toEqual(["compaction_start", "compaction_end", "message_start", "message_update"]);
		expect(target.screen.rows.map((row) => row.kind)).toEqual([
			"user",
			"assistant",
			"compaction",
			"assistant",
		]);
		expect(target.refused).toBe(0);
	});

	test("a compaction that failed waits for nothing", async () => {
		const { holder, push, follow } = await followed();
		const { types } = follow();
		await settle();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		await push(...event({ type: "compaction_end", aborted: true }));
		expect(types()).toEqual(["compaction_end"]);
	});

	test("a stream of one's own is not drawn", async () => {
		const { holder, push, follow } = await followed();
		const { follower, types } = follow();
		await settle();
		await holder.startStream({ ...START, terminalId: "follower", afterEntryId: "00000002" });
		await push(...answer);
		expect(follower.remote).toBeNull();
		expect(types()).toEqual([]);
	});

	test("events that are none are counted and drawn by nobody", async () => {
		const { holder, push, follow } = await followed();
		const { follower, target } = follow();
		await settle();
		await holder.startStream({ ...START, afterEntryId: "00000002" });
		await push(
			["v", 0, "{"],
			["v", 0, '{"type":7}'],
			["v", 0, '{"type":"message_start","message":7}'],
			...answer,
		);
		expect(follower.dropped).toBe(3);
		expect(target.screen.rows.at(-1)?.text).toBe("Hel");
	});
});

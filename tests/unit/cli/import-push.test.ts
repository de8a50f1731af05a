import { expect, test } from "bun:test";
import type { History } from "../../../src/agents/history.ts";
import type { AgentBackend } from "../../../src/backend/agent-backend.ts";
import { pushHistory } from "../../../src/cli/import-push.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import { agentEntry } from "../../../src/protocol/agent-entry.ts";
import type { AgentOutcome, PushAgentSession } from "../../../src/protocol/agent-session.ts";
import { APPEND_MAX_BYTES, APPEND_MAX_ENTRIES, INLINE_ENTRY_BYTES } from "../../../src/protocol/limits.ts";
import { BackendError } from "../../../src/sync/ports.ts";

/** Waits are over at once. */
const clock: Clock = {
	now: () => 0,
	after(_ms, run) {
		queueMicrotask(run);
		return () => {};
	},
};

const history = (count: number, text = "said"): History => ({
	session: { externalId: "s", source: "codex-cli" },
	messages: Array.from({ length: count }, (_, at) => ({
		externalId: `m${at}`,
		role: "user" as const,
		parts: [{ type: "text", content: `${text} ${at}` }],
	})),
});

/** Answers a push; may throw. */
type Rule = (args: PushAgentSession, call: number) => AgentOutcome;

function backend(rule: Rule): { port: AgentBackend; pushes: PushAgentSession[]; uploads: string[] } {
	const pushes: PushAgentSession[] = [];
	const uploads: string[] = [];
	const port = {
		push: async (args: PushAgentSession) => {
			pushes.push(args);
			const outcome = rule(args, pushes.length);
			return {
				session: outcome,
				entries: args.entries.map(({ entryId }) => ({ entryId, outcome })),
			};
		},
		upload: async (json: string) => `file-${uploads.push(json)}`,
	} as unknown as AgentBackend;
	return { port, pushes, uploads };
}

const push = (port: AgentBackend, what: History) =>
	pushHistory(
		{ backend: port, clock, outgoing: (message) => ({ ...agentEntry(message), hidden: {} }) },
		what,
	);

test("a session goes in batches within the limits, in order, as imported", async () => {
	const { port, pushes } = backend(() => "added");
	const pushed = await push(port, history(2 * APPEND_MAX_ENTRIES + 1));
	expect(pushed).toMatchObject({ session: "stored", added: 2 * APPEND_MAX_ENTRIES + 1, parked: [] });
	expect(pushes.map(({ entries, imported }) => [entries.length, imported])).toEqual([
		[APPEND_MAX_ENTRIES, true],
		[APPEND_MAX_ENTRIES, true],
		[1, true],
	]);
	expect(pushes.flatMap(({ entries }) => entries.map(({ entryId }) => entryId))).toEqual(
		history(2 * APPEND_MAX_ENTRIES + 1).messages.map(({ externalId }) => externalId),
	);
});

test("large messages make smaller batches, and what is too large for a row is uploaded", async () => {
	const { port, pushes, uploads } = backend(() => "added");
	await push(port, history(30, "x".repeat(INLINE_ENTRY_BYTES - 1000)));
	for (const { entries } of pushes)
		expect(
			entries.reduce((sum, { body }) => sum + (body.kind === "inline" ? body.json.length : 0), 0),
		).toBeLessThanOrEqual(APPEND_MAX_BYTES);
	await push(port, history(1, "x".repeat(INLINE_ENTRY_BYTES)));
	expect(uploads).toHaveLength(1);
	expect(pushes.at(-1)?.entries[0]?.body).toMatchObject({
		kind: "stored",
		storageId: "file-1",
		columns: { role: "user" },
	});
});

test("a message that the backend refuses for good is named, and the others arrive", async () => {
	const { port } = backend(({ entries }) => {
		if (entries.some(({ entryId }) => entryId === "m5"))
			throw new BackendError("refused", "invalid", "m5 is odd.");
		return "added";
	});
	expect(await push(port, history(8))).toMatchObject({
		added: 7,
		parked: [{ entryId: "m5", message: "m5 is odd." }],
	});
});

test("a session that is refused itself blames no message", async () => {
	const { port, pushes } = backend(() => {
		throw new BackendError("refused", "invalid", "The session id is empty.");
	});
	expect(push(port, history(8))).rejects.toThrow("The session id is empty.");
	await Bun.sleep(0);
	expect(pushes.length).toBeLessThanOrEqual(2);
});

test("a backend that is away is asked again, and one that stays away is an error", async () => {
	const away = () => new BackendError("unreachable", "unexpected", "Nobody there.");
	const back = backend((_args, call) => {
		if (call < 4) throw away();
		return "added";
	});
	expect(await push(back.port, history(1))).toMatchObject({ added: 1 });
	const gone = backend(() => {
		throw away();
	});
	expect(push(gone.port, history(1))).rejects.toThrow("Nobody there.");
});

test("a session that Pi syncs is left alone after the first answer", async () => {
	const { port, pushes } = backend(() => "kept");
	expect(await push(port, history(3 * APPEND_MAX_ENTRIES))).toMatchObject({ session: "kept", added: 0 });
	expect(pushes).toHaveLength(1);
});

test("a session is not removed for one in which nothing was said", async () => {
	const { port, pushes } = backend(() => "unchanged");
	const removed: string[] = [];
	Object.assign(port, {
		session: async () => ({ via: "openSync", entryCount: 2, machine: "box" }),
		remove: async (id: string) => void removed.push(id),
	});
	const outgoing = (message: Parameters<typeof agentEntry>[0]) => ({ ...agentEntry(message), hidden: {} });
	await pushHistory({ backend: port, clock, outgoing, others: "remove" }, history(0));
	expect([removed, pushes.length]).toEqual([[], 1]);
	await pushHistory({ backend: port, clock, outgoing, others: "remove" }, history(1));
	expect(removed).toEqual(["s"]);
});

test("what stands already is counted apart from what was replaced", async () => {
	expect(await push(backend(() => "unchanged").port, history(3))).toMatchObject({ unchanged: 3, added: 0 });
	expect(await push(backend(() => "updated").port, history(3))).toMatchObject({ updated: 3, unchanged: 0 });
});

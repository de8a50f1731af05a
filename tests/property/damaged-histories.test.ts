/** Whatever happens to a history's file, reading it never throws, and what is not damaged is still there. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { readClaudeCode } from "../../src/agents/claude-code.ts";
import { readCodex } from "../../src/agents/codex.ts";
import type { History, HistoryFile, Read } from "../../src/agents/history.ts";
import { readHostedSession } from "../../src/agents/hosted-opensync.ts";
import { readOpenCode } from "../../src/agents/opencode.ts";
import type { Json } from "../../src/lib/json.ts";
import { agentEntry } from "../../src/protocol/agent-entry.ts";
import { runs } from "../support/arbitraries.ts";

const ID = "00000000-0000-4000-8000-0000000000aa";

/** What a message says is its number, so that it can be found again. */
const said = (at: number): string => `said-${at}`;

const claudeLine = (at: number): Json => ({
	type: at % 2 === 0 ? "user" : "assistant",
	uuid: `uuid-${at}`,
	parentUuid: null,
	sessionId: ID,
	version: "2.1.37",
	timestamp: new Date(1_770_000_000_000 + at).toISOString(),
	message:
		at % 2 === 0
			? { role: "user", content: said(at) }
			: { role: "assistant", id: `msg-${at}`, content: [{ type: "text", text: said(at) }] },
});

const codexLine = (at: number): Json => ({
	timestamp: new Date(1_770_000_000_000 + at).toISOString(),
	type: "response_item",
	payload: {
		type: "message",
		role: at % 2 === 0 ? "user" : "assistant",
		content: [{ type: at % 2 === 0 ? "input_text" : "output_text", text: said(at) }],
	},
});

type Damage =
	| { kind: "none" }
	| { kind: "cut"; at: number }
	| { kind: "replaced"; by: string }
	| { kind: "value"; path: string[]; by: unknown };

const FIELDS = [
	"type",
	"uuid",
	"message",
	"payload",
	"timestamp",
	"content",
	"role",
	"isSidechain",
	"id",
	"version",
];

const damage: fc.Arbitrary<Damage> = fc.oneof(
	{ weight: 3, arbitrary: fc.constant<Damage>({ kind: "none" }) },
	fc.record({ kind: fc.constant("cut" as const), at: fc.nat(200) }),
	fc.record({ kind: fc.constant("replaced" as const), by: fc.string({ unit: "binary" }) }),
	fc.record({
		kind: fc.constant("value" as const),
		path: fc.array(fc.constantFrom(...FIELDS), { minLength: 1, maxLength: 3 }),
		by: fc.anything(),
	}),
);

function damaged(line: Json, one: Damage): string {
	const text = JSON.stringify(line);
	switch (one.kind) {
		case "none":
			return text;
		case "cut":
			return text.slice(0, one.at % text.length);
		case "replaced":
			return one.by.replaceAll("\n", " ");
		case "value": {
			const copy = JSON.parse(text) as Record<string, unknown>;
			let place = copy;
			for (const name of one.path.slice(0, -1)) {
				const next = place[name];
				if (typeof next !== "object" || next === null || Array.isArray(next)) break;
				place = next as Record<string, unknown>;
			}
			place[one.path.at(-1) as string] = one.by;
			return json(copy);
		}
	}
}

/** What is no JSON becomes nothing. */
function json(value: unknown): string {
	try {
		return JSON.stringify(value) ?? "";
	} catch {
		return "";
	}
}

const textsOf = (histories: readonly History[]): string =>
	histories.flatMap(({ messages }) => messages.map((message) => agentEntry(message).json)).join("\n");

function check(read: (file: HistoryFile) => Read, line: (at: number) => Json, name: string): void {
	fc.assert(
		fc.property(fc.array(damage, { maxLength: 12 }), (damages) => {
			const text = damages.map((one, at) => damaged(line(at), one)).join("\n");
			const { histories } = read({ name, text });
			const told = textsOf(histories);
			for (const [at, one] of damages.entries())
				if (one.kind === "none") expect(told).toContain(`"${said(at)}"`);
			for (const { session, messages } of histories) {
				const ids = messages.map(({ externalId }) => externalId);
				expect([session.externalId === "", new Set(ids).size]).toEqual([false, ids.length]);
				for (const { createdAt } of messages) expect(createdAt ?? 0).toBeGreaterThanOrEqual(0);
			}
		}),
		runs(300),
	);
}

test("a damaged history of Claude Code never throws and loses no message that is whole", () => {
	check(readClaudeCode, claudeLine, `${ID}.jsonl`);
});

test("a damaged history of Codex never throws and loses no message that is whole", () => {
	check(readCodex, codexLine, `rollout-2026-02-02T00-00-00-${ID}.jsonl`);
});

test("whatever stands in OpenCode's files, reading never throws and loses no message that is whole", () => {
	const whole = (at: number) => ({
		id: `msg_${at}`,
		info: { role: at % 2 === 0 ? "user" : "assistant", time: { created: 1_770_000_000_000 + at } } as Json,
		parts: [{ id: `prt_${at}`, part: { type: "text", text: said(at) } as Json }],
	});
	const anyObject = fc.dictionary(fc.string(), fc.anything()) as fc.Arbitrary<Json>;
	fc.assert(
		fc.property(
			anyObject,
			fc.array(fc.option(fc.tuple(anyObject, anyObject)), { maxLength: 8 }),
			(info, damages) => {
				const messages = damages.map((one, at) =>
					one ? { id: `msg_${at}`, info: one[0], parts: [{ id: "prt", part: one[1] }] } : whole(at),
				);
				const told = textsOf(readOpenCode({ id: "ses_1", info, messages }).histories);
				for (const [at, one] of damages.entries()) if (!one) expect(told).toContain(`"${said(at)}"`);
			},
		),
		runs(200),
	);
});

test("whatever a hosted OpenSync answers, reading never throws and loses no message that is whole", () => {
	const anyObject = fc.dictionary(fc.string(), fc.anything()) as fc.Arbitrary<Json>;
	fc.assert(
		fc.property(anyObject, fc.array(fc.option(anyObject), { maxLength: 8 }), (session, damages) => {
			const messages = damages.map(
				(one, at): Json =>
					one ?? {
						externalId: `m${at}`,
						role: "user",
						createdAt: 1_770_000_000_000 + at,
						parts: [{ type: "text", content: said(at) }],
					},
			);
			const told = textsOf(readHostedSession({ ...session, externalId: ID }, messages).histories);
			for (const [at, one] of damages.entries()) if (!one) expect(told).toContain(`"${said(at)}"`);
		}),
		runs(200),
	);
});

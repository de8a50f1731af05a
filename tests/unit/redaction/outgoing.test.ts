/** What leaves the machine of a run's events (A4, A5). */
import { expect, test } from "bun:test";
import type { DeltaOp } from "../../../src/protocol/stream.ts";
import { createOutgoing, type OutgoingOptions } from "../../../src/redaction/outgoing.ts";
import { EventPieces, eventOps } from "../../../src/session/event-pieces.ts";

const GITHUB = `ghp_${"a1B2".repeat(9)}`;
const PIECE = 16 * 1024;

async function sent(options: OutgoingOptions, ops: DeltaOp[]): Promise<DeltaOp[]> {
	const { transformOp = (op: DeltaOp) => [op] } = await createOutgoing(options);
	return ops.flatMap(transformOp);
}

/** The events among ops. */
function events(ops: DeltaOp[]): Record<string, unknown>[] {
	const pieces = new EventPieces();
	return ops.flatMap((op) => {
		const json = op[0] === "v" ? pieces.add(op[1], op[2]) : null;
		return json === null ? [] : [JSON.parse(json) as Record<string, unknown>];
	});
}

const REDACT = { redact: true, toolCalls: true, thinking: true };
const event = (one: Record<string, unknown>) => eventOps(JSON.stringify(one));
const prompt = (text: string) => ({
	type: "message_start",
	message: { role: "user", content: [{ type: "text", text }] },
});

test("where nothing is to be hidden nothing is changed, and no rule is loaded", async () => {
	expect(await createOutgoing({ redact: false, toolCalls: true, thinking: true })).toEqual({});
});

test("a secret that lies across two pieces does not get through, wherever it is cut", async () => {
	const before = JSON.stringify(prompt("")).indexOf('""') + 1;
	for (const part of [1, 4, 5, 20, GITHUB.length - 1]) {
		const text = `${"w ".repeat((PIECE - before - part) / 2)}${GITHUB} after ${"w ".repeat(PIECE)}`;
		const cut = event(prompt(text));
		expect(cut.length).toBeGreaterThan(2);
		expect(cut.some((op) => String(op[2]).includes(GITHUB))).toBe(false);
		const ops = await sent(REDACT, cut);
		const whole = ops.map((op) => op[2]).join("");
		expect(whole).not.toContain(GITHUB.slice(0, 20));
		expect(whole).not.toContain(GITHUB.slice(-20));
		const [one] = events(ops);
		expect(JSON.stringify(one)).toContain(" after w ");
	}
}, 20_000);

test("every field of an event is looked at, and it stays an event", async () => {
	const all = [
		prompt(`use ${GITHUB} please`),
		{ type: "queue_update", steering: [`token ${GITHUB}`], followUp: [] },
		{ type: "tool_execution_end", toolCallId: "c1", details: { diff: `+${GITHUB}\n` }, isError: false },
		{ type: "auto_retry_start", errorMessage: `refused: ${GITHUB}` },
		{ type: "compaction_end", result: { summary: `the key is ${GITHUB}` } },
	];
	const ops = await sent(REDACT, all.flatMap(event));
	expect(JSON.stringify(ops)).not.toContain(GITHUB);
	expect(events(ops).map(({ type }) => type)).toEqual(all.map(({ type }) => type));
});

test("an event between two halves of a secret in the answer lets none of it go", async () => {
	const ops = await sent(REDACT, [
		["m", "assistant"],
		["t", 0, `key ${GITHUB.slice(0, 12)}`],
		...event({ type: "queue_update", steering: [], followUp: [] }),
		["t", 0, `${GITHUB.slice(12)} and more`],
		["e"],
	]);
	const said = ops.flatMap((op) => (op[0] === "t" ? [op[2]] : [])).join("");
	expect(said).not.toContain(GITHUB.slice(0, 12));
	expect(said).toEndWith(" and more");
	expect(events(ops)).toHaveLength(1);
});

test("without tool calls their events stay here, in however many pieces, and the others go", async () => {
	const tool = (type: string) => ({ type, toolCallId: "c1", details: { printed: "x".repeat(PIECE * 2) } });
	for (const redact of [false, true]) {
		const ops = await sent({ redact, toolCalls: false, thinking: true }, [
			...event({ type: "turn_start" }),
			...event(tool("tool_execution_start")),
			["x", "c1", "bash", '{"command":"ls"}'],
			...event(tool("tool_execution_update")),
			["o", "c1", 0, "printed"],
			...event(tool("tool_execution_end")),
			["d", "c1", 0],
			...event({ type: "agent_end", messages: [] }),
		]);
		expect(events(ops).map(({ type }) => type)).toEqual(["turn_start", "agent_end"]);
		expect(ops.filter((op) => op[0] !== "v")).toEqual([
			["x", "c1", "bash", ""],
			["d", "c1", 0],
		]);
		expect(JSON.stringify(ops)).not.toContain("printed");
	}
});

test("without thinking it is in no event either", async () => {
	const message = { role: "assistant", stopReason: "stop" };
	const ops = await sent({ redact: false, toolCalls: true, thinking: false }, [
		["m", "assistant"],
		...event({ type: "message_start", message }),
		["h", 0, "secretly"],
		["t", 1, "said"],
		...event({ type: "message_end", message }),
		["e"],
	]);
	expect(JSON.stringify(ops)).not.toContain("secretly");
	expect(events(ops)).toHaveLength(2);
});

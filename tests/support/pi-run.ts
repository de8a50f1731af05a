/**
 * Random runs of Pi: the events that its session emits and the entries that it stores, in its order (an
 * entry comes after the `message_end` of its message; results of parallel tools are stored in the order of
 * their calls). A run is drawn as a script, so that a failure shrinks to a short story.
 */
import fc from "fast-check";
import type { PiEvent } from "../../src/session/pi-events.ts";

export type ToolScript = {
	name: "bash" | "edit";
	/** The output grows by these; each is one report. */
	output: string[];
	details: boolean;
	image: boolean;
	isError: boolean;
	nested: boolean;
	longArgs: boolean;
};
export type Block =
	| { kind: "text" | "thinking"; deltas: string[] }
	/** The provider says it without deltas. */
	| { kind: "atOnce"; text: string };
export type TurnScript = {
	before: ("steer" | "custom" | "label" | "model" | "compaction" | "lateCompaction")[];
	/** False: the provider failed before it said anything. */
	started: boolean;
	blocks: Block[];
	tools: ToolScript[];
	/** Order in which the tools end, by rank. */
	ends: number[];
	stop: "fine" | "error" | "aborted";
};
export type RunScript = { prompts: number; turns: TurnScript[] };

export type Step =
	| { kind: "event"; event: PiEvent }
	| { kind: "entry"; type: string; rest: Record<string, unknown> };

const word = fc.constantFrom("a", "bc ", "dé", "\n", "🎉", "# x\n", "  ", "longer words ");
const texts = fc.array(word, { minLength: 0, maxLength: 4 });
const block: fc.Arbitrary<Block> = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("text", "thinking"), deltas: texts }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("atOnce" as const), text: word }) },
) as fc.Arbitrary<Block>;
const COMPACTIONS = ["compaction", "lateCompaction"] as const;
const rarely = fc.integer({ min: 0, max: 5 }).map((one) => one === 5);
const tool: fc.Arbitrary<ToolScript> = fc.record({
	name: fc.constantFrom("bash" as const, "edit" as const),
	output: fc.array(word, { maxLength: 4 }),
	details: fc.boolean(),
	image: rarely,
	isError: rarely,
	nested: rarely,
	longArgs: rarely,
});
const turn: fc.Arbitrary<TurnScript> = fc.record({
	before: fc.array(
		fc.oneof(
			{ weight: 3, arbitrary: fc.constantFrom("steer" as const, "custom" as const) },
			{ weight: 2, arbitrary: fc.constantFrom("label" as const, "model" as const) },
			{ weight: 1, arbitrary: fc.constantFrom(...COMPACTIONS) },
		),
		{ maxLength: 2 },
	),
	started: rarely.map((one) => !one),
	blocks: fc.array(block, { maxLength: 3 }),
	tools: fc.array(tool, { maxLength: 3 }),
	ends: fc.array(fc.nat(2), { minLength: 3, maxLength: 3 }),
	stop: fc.oneof(
		{ weight: 5, arbitrary: fc.constant("fine" as const) },
		{ weight: 1, arbitrary: fc.constantFrom("error" as const, "aborted" as const) },
	),
});
export const runScript: fc.Arbitrary<RunScript> = fc.record({
	prompts: fc.integer({ min: 1, max: 2 }),
	turns: fc.array(turn, { minLength: 1, maxLength: 3 }),
});

/** Writes the steps of runs that follow each other in one session. */
export class RunWriter {
	#steps: Step[] = [];
	#count = 0;

	write(script: RunScript): Step[] {
		this.#steps = [];
		this.#event({ type: "agent_start" });
		this.#event({ type: "turn_start" });
		for (let prompt = 0; prompt < script.prompts; prompt += 1) this.#said("user", `prompt ${this.#next()}`);
		for (const [index, one] of script.turns.entries()) {
			if (index > 0) this.#event({ type: "turn_start" });
			for (const what of one.before) this.#between(what);
			this.#turn(one, index + 1 < script.turns.length);
			if (one.stop === "aborted") break;
		}
		this.#event({ type: "agent_end", messages: [], willRetry: false });
		this.#event({ type: "agent_settled" });
		return this.#steps;
	}

	#turn(script: TurnScript, goesOn: boolean): void {
		const tools = script.tools.map((one) => ({ ...one, id: `call-${this.#next()}`, text: "" }));
		const message = this.#assistant(script, tools);
		if (script.stop === "fine") this.#runTools(tools, script.ends);
		this.#event({ type: "turn_end", message, toolResults: [] });
		if (script.stop !== "error" || !goesOn) return;
		this.#event({ type: "agent_end", messages: [], willRetry: true });
		const retry = { attempt: 1, maxAttempts: 3, delayMs: 1, errorMessage: "overloaded" };
		this.#event({ type: "auto_retry_start", ...retry });
		this.#event({ type: "agent_start" });
		this.#event({ type: "auto_retry_end", success: true, attempt: 1 });
	}

	#assistant(script: TurnScript, tools: (ToolScript & { id: string })[]): Record<string, unknown> {
		const content: Record<string, unknown>[] = [];
		const base = { role: "assistant", provider: "p", model: "m", timestamp: this.#next(), content };
		const isFine = script.stop === "fine";
		const stopReason = isFine ? (tools.length > 0 ? "toolUse" : "stop") : script.stop;
		const end = { stopReason, ...(isFine ? {} : { errorMessage: "it failed" }) };
		if (script.started || isFine) {
			this.#event({ type: "message_start", message: { ...base, stopReason: "stop", content: [] } });
			for (const one of script.blocks) this.#block(content, one, base);
			for (const one of tools) this.#call(content, one, base);
		} else this.#event({ type: "message_start", message: { ...base, ...end } });
		const message = { ...base, ...end, usage: { input: 1, output: 2 } };
		this.#event({ type: "message_end", message });
		this.#entry("message", { message });
		return message;
	}

	#update(event: Record<string, unknown>, base: { content: unknown[] }): void {
		const message = { ...base, content: [...base.content] };
		this.#event({ type: "message_update", message, assistantMessageEvent: { ...event, partial: message } });
	}

	#block(content: Record<string, unknown>[], one: Block, base: { content: unknown[] }): void {
		const contentIndex = content.length;
		const kind = one.kind === "thinking" ? "thinking" : "text";
		const whole: Record<string, unknown> = { type: kind, [kind]: "" };
		content.push(whole);
		this.#update({ type: `${kind}_start`, contentIndex }, base);
		if (one.kind === "atOnce") whole[kind] = one.text;
		else
			for (const delta of one.deltas) {
				whole[kind] = String(whole[kind]) + delta;
				this.#update({ type: `${kind}_delta`, contentIndex, delta }, base);
			}
		this.#update({ type: `${kind}_end`, contentIndex, content: whole[kind] }, base);
	}

	#call(
		content: Record<string, unknown>[],
		tool: ToolScript & { id: string },
		base: { content: unknown[] },
	): void {
		const contentIndex = content.length;
		const args = argsOf(tool);
		const call = { type: "toolCall", id: tool.id, name: tool.name, arguments: args };
		content.push(call);
		this.#update({ type: "toolcall_start", contentIndex }, base);
		const json = JSON.stringify(args);
		const middle = Math.floor(json.length / 2);
		for (const delta of [json.slice(0, middle), json.slice(middle)])
			this.#update({ type: "toolcall_delta", contentIndex, delta }, base);
		this.#update({ type: "toolcall_end", contentIndex, toolCall: call }, base);
	}

	#runTools(tools: (ToolScript & { id: string; text: string })[], ends: number[]): void {
		for (const one of tools) {
			const { id: toolCallId, name: toolName } = one;
			this.#event({ type: "tool_execution_start", toolCallId, toolName, args: argsOf(one) });
			if (one.nested) this.#nested(toolCallId);
			for (const more of one.output.slice(0, 1)) this.#report(one, more);
		}
		const order = [...tools].sort((a, b) => (ends[tools.indexOf(a)] ?? 0) - (ends[tools.indexOf(b)] ?? 0));
		for (const one of order) {
			for (const more of one.output.slice(1)) this.#report(one, more);
			const { id: toolCallId, name: toolName, isError } = one;
			this.#event({ type: "tool_execution_end", toolCallId, toolName, result: resultOf(one), isError });
		}
		for (const one of tools) {
			const { id: toolCallId, name: toolName, isError } = one;
			const message = { role: "toolResult", toolCallId, toolName, ...resultOf(one), isError };
			this.#event({ type: "message_start", message });
			this.#event({ type: "message_end", message });
			this.#entry("message", { message });
		}
	}

	#report(tool: ToolScript & { id: string; text: string }, more: string): void {
		tool.text += more;
		const { id: toolCallId, name: toolName } = tool;
		const partialResult = { content: [{ type: "text", text: tool.text }], ...detailsOf(tool) };
		this.#event({
			type: "tool_execution_update",
			...{ toolCallId, toolName, args: argsOf(tool), partialResult },
		});
	}

	/** A tool that a tool runs: it has no row of its own. */
	#nested(parentToolCallId: string): void {
		const inner = { toolCallId: `inner-${this.#next()}`, toolName: "inner", parentToolCallId };
		this.#event({ type: "tool_execution_start", ...inner, args: {} });
		const result = { content: [{ type: "text", text: "inner output" }] };
		this.#event({ type: "tool_execution_update", ...inner, args: {}, partialResult: result });
		this.#event({ type: "tool_execution_end", ...inner, result, isError: false });
	}

	#between(what: TurnScript["before"][number]): void {
		switch (what) {
			case "steer":
				this.#event({ type: "queue_update", steering: [`steer ${this.#count}`], followUp: [] });
				this.#event({ type: "queue_update", steering: [], followUp: [] });
				return this.#said("user", `steer ${this.#next()}`);
			case "custom": {
				const custom = { customType: "note", content: `custom ${this.#next()}`, display: true };
				const message = { role: "custom", ...custom };
				this.#event({ type: "message_start", message });
				this.#event({ type: "message_end", message });
				return this.#entry("custom_message", custom);
			}
			case "label":
				return this.#entry("label", { targetId: "00000001", label: `label ${this.#next()}` });
			case "model":
				return this.#entry("model_change", { provider: "p", modelId: `model ${this.#next()}` });
			case "compaction":
			case "lateCompaction":
				return this.#compaction(what === "lateCompaction");
		}
	}

	/** @param late its entry is seen after the end was told, as when nothing happened in between. */
	#compaction(late: boolean): void {
		this.#event({ type: "compaction_start", reason: "threshold" });
		const result = { summary: `summary ${this.#next()}`, tokensBefore: 5, firstKeptEntryId: "00000001" };
		const end = { reason: "threshold", result, aborted: false, willRetry: false };
		if (!late) this.#entry("compaction", result);
		this.#event({ type: "compaction_end", ...end });
		if (late) this.#entry("compaction", result);
	}

	#said(role: string, text: string): void {
		const message = { role, content: [{ type: "text", text }], timestamp: this.#count };
		this.#event({ type: "message_start", message });
		this.#event({ type: "message_end", message });
		this.#entry("message", { message });
	}

	#event(event: PiEvent): void {
		// What Pi goes on changing afterwards.
		this.#steps.push({ kind: "event", event: structuredClone(event) });
	}

	#entry(type: string, rest: Record<string, unknown>): void {
		this.#steps.push({ kind: "entry", type, rest });
	}

	#next(): number {
		this.#count += 1;
		return this.#count;
	}
}

const argsOf = ({ longArgs }: ToolScript): unknown => ({
	command: longArgs ? "x".repeat(1500) : "ls",
	list: [1, 2],
});

const detailsOf = ({ details }: ToolScript) => (details ? { details: { diff: "+1" } } : {});

function resultOf(tool: ToolScript & { text: string }): Record<string, unknown> {
	const image = tool.image ? [{ type: "image", data: "aGk=", mimeType: "image/png" }] : [];
	return { content: [{ type: "text", text: tool.text }, ...image], ...detailsOf(tool) };
}

/** Whatever Pi, or another extension, sends: no handler throws, answers, or lets Pi wait (H1). */
import { beforeAll, describe, expect, spyOn, test } from "bun:test";
import type { ExtensionAPI } from "@earendil-works/pi-coding-agent";
import opensync from "../../../src/extension/index.ts";

type Handler = (event: unknown, ctx: unknown) => unknown;

/** As much of Pi as registering needs. */
function fakePi() {
	const handlers = new Map<string, Handler[]>();
	const commands = new Map<string, { handler: (args: string, ctx: unknown) => Promise<void> }>();
	const flags: string[] = [];
	const pi = {
		on: (name: string, handler: Handler) => handlers.set(name, [...(handlers.get(name) ?? []), handler]),
		registerFlag: (name: string) => flags.push(name),
		registerCommand: (name: string, command: { handler: (args: string, ctx: unknown) => Promise<void> }) =>
			commands.set(name, command),
		getFlag: () => false,
	};
	return { pi: pi as unknown as ExtensionAPI, handlers, commands, flags };
}

const GARBAGE: unknown[] = [
	undefined,
	null,
	7,
	"text",
	[],
	{},
	{ message: null },
	{ message: { role: 7 } },
	{ message: { role: "assistant" }, assistantMessageEvent: null },
	{ assistantMessageEvent: { type: "text_delta", contentIndex: 0 } },
	{ assistantMessageEvent: { type: "toolcall_delta", contentIndex: 99, partial: { content: null } } },
	{ toolCallId: "c", partialResult: { content: [null, 7, { type: "text" }] } },
	{ toolCallId: "c", toolName: "x", args: { toJSON: () => undefined } },
];

describe("with events that are none", () => {
	const { pi, handlers, commands, flags } = fakePi();
	beforeAll(() => opensync(pi));

	test("no handler throws, answers or prints", async () => {
		const printed = [spyOn(console, "log"), spyOn(console, "error"), spyOn(console, "warn")];
		const circular: Record<string, unknown> = { toolCallId: "c", toolName: "x" };
		circular.args = circular;
		for (const [name, list] of handlers) {
			if (name === "session_shutdown") continue;
			for (const event of [...GARBAGE, circular]) {
				for (const handler of list) {
					expect(await handler(event, event)).toBeUndefined();
					expect(await handler(event, { sessionManager: { getSessionId: () => "s" } })).toBeUndefined();
				}
			}
		}
		for (const spy of printed) {
			expect(spy).not.toHaveBeenCalled();
			spy.mockRestore();
		}
	});

	test("a running assistant message takes garbage in its stride", () => {
		const emit = (name: string, event: unknown) => {
			for (const handler of handlers.get(name) ?? []) expect(handler(event, {})).toBeUndefined();
		};
		emit("agent_start", {});
		emit("message_start", { message: { role: "assistant" } });
		for (const event of GARBAGE) emit("message_update", event);
		for (const event of GARBAGE) emit("tool_execution_update", event);
		emit("message_end", { message: { role: "assistant" } });
		emit("agent_settled", {});
	});

	test("the end of a session that never began is quick", async () => {
		for (const handler of handlers.get("session_shutdown") ?? []) {
			expect(await handler({ type: "session_shutdown", reason: "quit" }, {})).toBeUndefined();
		}
	});

	test("commands do nothing where nobody could see it", async () => {
		const verbs = [
			"along",
			"attach",
			"config",
			"detach",
			"doctor",
			"open",
			"redraw",
			"status",
			"stop",
			"sync",
			"take",
		];
		expect([...commands.keys()].sort()).toEqual(verbs.map((verb) => `opensync:${verb}`));
		expect(flags).toEqual(["no-opensync", "opensync-attach", "opensync-read-only"]);
		for (const verb of ["config", "status", "doctor", "open", "detach", "take", "along", "stop", "redraw"]) {
			await commands.get(`opensync:${verb}`)?.handler("", { hasUI: false });
		}
	});
});

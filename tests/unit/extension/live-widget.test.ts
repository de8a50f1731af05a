/** Another terminal's run above the editor, for a Pi whose screen cannot be told events. */
import { expect, test } from "bun:test";
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import { LiveWidget } from "../../../src/extension/live-widget.ts";

function made(hasUI = true) {
	const shown: (string[] | undefined)[] = [];
	const ui = { setWidget: (_name: string, lines: string[] | undefined) => shown.push(lines) };
	return { widget: new LiveWidget({ hasUI, ui } as unknown as ExtensionContext), shown };
}
const message = (role: string, ...content: unknown[]) => ({ role, content });
const text = (one: string) => ({ type: "text", text: one });

test("shows what is said and what runs, and goes with the run", () => {
	const { widget, shown } = made();
	widget.show({ type: "agent_start" });
	widget.show({ type: "message_start", message: message("user", text("why?")) });
	widget.show({
		type: "message_update",
		message: message("assistant", { type: "thinking", thinking: "hm" }, text("because")),
	});
	widget.show({ type: "tool_execution_start", toolName: "bash" });
	widget.show({ type: "tool_execution_update", toolName: "bash", partialResult: { content: [text("out")] } });
	widget.show({ type: "tool_execution_end", toolName: "bash" });
	widget.show({ type: "agent_settled" });
	expect(shown).toEqual([
		["> why?"],
		["hm", "because"],
		["hm", "because", "bash …"],
		["hm", "because", "bash", "out"],
		["hm", "because"],
		undefined,
	]);
});

test("a long answer shows its end", () => {
	const { widget, shown } = made();
	const lines = Array.from({ length: 50 }, (_, index) => `line ${index}`);
	widget.show({ type: "message_update", message: message("assistant", text(lines.join("\n"))) });
	expect(shown[0]).toHaveLength(12);
	expect(shown[0]?.at(-1)).toBe("line 49");
});

test("odd events, and a Pi without a screen, are no matter", () => {
	const { widget, shown } = made();
	for (const type of ["message_start", "message_update", "tool_execution_update", "unheard_of"])
		for (const more of [
			{},
			{ message: null },
			{ message: { role: "user", content: [null] } },
			{ partialResult: 7 },
		])
			expect(() => widget.show({ type, ...more })).not.toThrow();
	const without = made(false);
	without.widget.show({ type: "message_start", message: message("user", text("why?")) });
	without.widget.clear();
	expect(without.shown).toEqual([]);
	expect(shown.length).toBeGreaterThan(0);
});

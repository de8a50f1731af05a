/** Loaded into Pi with `-e` by tests of dialogs: one command, and one tool for the model, that ask the person. */
import type { ExtensionAPI, ExtensionContext } from "@earendil-works/pi-coding-agent";
import { Type } from "typebox";

async function ask(ctx: ExtensionContext, kind: string): Promise<string> {
	const { ui } = ctx;
	if (kind === "select") return String(await ui.select("Which number?", ["one", "two", "three"]));
	if (kind === "confirm") return String(await ui.confirm("Are you sure?", "It cannot be undone."));
	if (kind === "input") return String(await ui.input("What is your name?", "first name"));
	return String(await ui.editor("Improve this text", "a draft"));
}

export default function askingExtension(pi: ExtensionAPI): void {
	pi.registerCommand("test:ask", {
		description: "asks with a select, confirm, input or editor",
		handler: async (kind, ctx) => ctx.ui.notify(`${kind} answered: ${await ask(ctx, kind)}`, "info"),
	});
	pi.registerTool({
		name: "ask_person",
		label: "Ask",
		description: "Asks the person.",
		parameters: Type.Object({ kind: Type.String() }),
		execute: async (_id, { kind }, _signal, _onUpdate, ctx) => ({
			content: [{ type: "text", text: `the answer: ${await ask(ctx, kind)}` }],
			details: {},
		}),
	});
}

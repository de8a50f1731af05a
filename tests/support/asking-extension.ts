/** Loaded into Pi with `-e` by tests of dialogs: one command, and one tool for the model, that ask the person. */
import type { ExtensionAPI, ExtensionContext } from "@earendil-works/pi-coding-agent";
import { Type } from "typebox";

/** @param what the kind of dialog, and a word that stands in its title. */
async function ask(ctx: ExtensionContext, what: string): Promise<string> {
	const { ui } = ctx;
	const [kind, word = ""] = what.split(" ");
	if (kind === "select") return String(await ui.select(`Which number? ${word}`, ["one", "two", "three"]));
	if (kind === "confirm") return String(await ui.confirm(`Are you sure? ${word}`, "It cannot be undone."));
	if (kind === "input") return String(await ui.input(`What is your name? ${word}`, "first name"));
	return String(await ui.editor(`Improve this text ${word}`, "a draft"));
}

export default function askingExtension(pi: ExtensionAPI): void {
	pi.registerCommand("test:ask", {
		description: "asks with a select, confirm, input or editor",
		handler: async (what, ctx) => ctx.ui.notify(`${what} answered: ${await ask(ctx, what)}`, "info"),
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

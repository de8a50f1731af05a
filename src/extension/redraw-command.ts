/** `/opensync:redraw` and `/opensync:stop`: by hand what Pi's screen and its Escape key do where they can be reached. */
import type { ExtensionCommandContext } from "@earendil-works/pi-coding-agent";
import type { Terminal } from "./terminal.ts";

export async function runRedraw(_terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	const leafId = ctx.sessionManager.getLeafId();
	const leaf = leafId === null ? undefined : ctx.sessionManager.getEntry(leafId);
	// Going to a prompt would take it back into the editor.
	const isPrompt = leaf?.type === "message" && leaf.message.role === "user";
	if (leaf && !isPrompt && leaf.type !== "custom_message") await ctx.navigateTree(leaf.id);
}

export async function runStop(terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	if (!terminal.shared?.stopRemote() && ctx.hasUI)
		ctx.ui.notify("OpenSync: no other terminal runs this session.", "info");
}

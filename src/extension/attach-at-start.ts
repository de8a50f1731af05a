/** `pi --opensync-attach <id>`: the session is fetched before Pi draws, so that it is drawn as its own. */
import type { ExtensionContext } from "@earendil-works/pi-coding-agent";
import { fetchReplica, findSession, takeOverChoice, whenConnected } from "./attach.ts";
import { loadConnect } from "./open-sync.ts";
import { PiInternals } from "./pi-internals.ts";
import { processTerminal } from "./process-terminal.ts";
import { lookOn } from "./replica.ts";
import type { Terminal } from "./terminal.ts";

/** The person waits for this: it is what was asked for. */
const CONNECT_MS = 5_000;

/** @returns what went wrong, as a sentence, or null. */
export async function attachAtStart(
	terminal: Terminal,
	ctx: ExtensionContext,
	{ id, readOnly }: { id: string; readOnly: boolean },
): Promise<string | null> {
	if (terminal.notLive !== null) return terminal.notLive;
	const internals = new PiInternals(ctx);
	if (!internals.canAppend || !internals.canMoveFile)
		return "This version of Pi gives no way to follow a session.";
	const backend = (await loadConnect())(terminal.settings, terminal.log);
	if (ctx.hasUI) ctx.ui.setStatus("opensync", "opensync: connecting");
	try {
		await whenConnected(backend, CONNECT_MS);
		const session = await findSession(backend, id);
		if (typeof session === "string") {
			await backend.close();
			return session;
		}
		const path = await fetchReplica(backend, session, ctx.cwd, (done, all) => {
			if (ctx.hasUI) ctx.ui.setStatus("opensync", `opensync: fetching ${done} of ${all}`);
		});
		if (readOnly) {
			processTerminal().readOnly.add(path);
			lookOn(path);
		}
		internals.setSessionFile(path);
		takeOverChoice(ctx, internals);
		internals.refreshContext();
		terminal.takeBackend(backend);
		return null;
	} catch (error) {
		await backend.close();
		return error instanceof Error ? error.message : String(error);
	}
}

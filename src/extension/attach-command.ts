/** `/opensync:attach`, `/opensync:detach`, `/opensync:take` and `/opensync:along`. */
import type { ExtensionCommandContext } from "@earendil-works/pi-coding-agent";
import { plainLine } from "../lib/plain-text.ts";
import type { Attachable } from "../protocol/turn-lock.ts";
import { fetchReplica, findSession, whenConnected } from "./attach.ts";
import { processTerminal } from "./process-terminal.ts";
import { lookOn } from "./replica.ts";
import type { Terminal } from "./terminal.ts";

const READ_ONLY = "--read-only";
const CONNECT_MS = 5_000;
const SHOWN = 50;

export async function runAttach(
	terminal: Terminal,
	ctx: ExtensionCommandContext,
	args: string,
): Promise<void> {
	const words = args.split(/\s+/).filter((word) => word !== "");
	const readOnly = words.includes(READ_ONLY);
	const [id, ...rest] = words.filter((word) => word !== READ_ONLY);
	const wrong = rest[0] ?? (id?.startsWith("-") ? id : undefined);
	if (wrong)
		return ctx.ui.notify(
			`OpenSync: "${wrong}" is not understood: /opensync:attach [id] [--read-only]`,
			"warning",
		);
	if (terminal.notLive !== null) return ctx.ui.notify(`OpenSync: ${terminal.notLive}`, "warning");
	await terminal.whenLoaded(CONNECT_MS);
	const { backend } = terminal;
	if (!backend) return ctx.ui.notify("OpenSync has not started yet. Try again in a moment.", "warning");
	await whenConnected(backend, CONNECT_MS);
	const chosen = id ?? (await choose(terminal, ctx, await backend.attachable(SHOWN)));
	if (chosen === null) return;
	const session = await findSession(backend, chosen);
	if (typeof session === "string") return ctx.ui.notify(`OpenSync: ${session}`, "warning");
	if (session.sessionId === ctx.sessionManager.getSessionId())
		return ctx.ui.notify("OpenSync: this terminal is at that session already.", "info");
	const path = await fetchReplica(backend, session, ctx.cwd, (done, all) =>
		ctx.ui.setStatus("opensync", `opensync: fetching ${done} of ${all}`),
	);
	const own = processTerminal();
	if (readOnly) {
		own.readOnly.add(path);
		lookOn(path);
	} else own.readOnly.delete(path);
	own.before.set(path, ctx.sessionManager.getSessionFile() ?? null);
	await ctx.switchSession(path);
}

/** Back to the session that was left for this one, or to a new one. */
export async function runDetach(terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	const file = ctx.sessionManager.getSessionFile();
	if (!file || !terminal.place?.isReplica)
		return ctx.ui.notify("OpenSync: this terminal follows no other one.", "info");
	const before = processTerminal().before.get(file) ?? null;
	if (before !== null) await ctx.switchSession(before);
	else await ctx.newSession();
}

export async function runTake(terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	const { shared } = terminal;
	if (!shared) return ctx.ui.notify("OpenSync: nothing is shared here.", "info");
	const { lock, readOnly } = shared.state;
	if (readOnly) return ctx.ui.notify("OpenSync: this terminal only looks on.", "warning");
	if (lock.kind === "mine") return ctx.ui.notify("OpenSync: this terminal has the turn lock.", "info");
	const { holder } = lock;
	if (!holder) return ctx.ui.notify("OpenSync: nobody has the turn lock. Type here to go on.", "info");
	const since = new Date(holder.acquiredAt).toLocaleTimeString();
	const question = `${plainLine(holder.label)} has had it since ${since}. What it still writes becomes a side branch.`;
	if (!(await shared.privately(() => ctx.ui.confirm("Take the turn lock over?", question)))) return;
	ctx.ui.notify(`OpenSync: ${plainLine(await shared.takeOver(lock.epoch))}`, "info");
}

/** To the session that the other terminal went on to. */
export async function runAlong(terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	const next = terminal.shared?.wentTo ?? null;
	if (!next) return ctx.ui.notify("OpenSync: nobody went on from this session.", "info");
	await runAttach(terminal, ctx, next.sessionId);
}

async function choose(
	terminal: Terminal,
	ctx: ExtensionCommandContext,
	rows: readonly Attachable[],
): Promise<string | null> {
	const others = rows.filter(({ session }) => session.sessionId !== ctx.sessionManager.getSessionId());
	if (others.length === 0) {
		ctx.ui.notify("OpenSync: the backend has no other session.", "info");
		return null;
	}
	const { chooseSession } = await import("./attach-screen.ts");
	const show = () => chooseSession(ctx, others, Date.now());
	return (await terminal.shared?.privately(show)) ?? (terminal.shared ? null : await show());
}

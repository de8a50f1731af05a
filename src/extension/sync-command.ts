/** `/opensync:sync`: compares this session with the backend, and starts to sync where nothing did. */
import type { ExtensionCommandContext } from "@earendil-works/pi-coding-agent";
import type { Terminal } from "./terminal.ts";

export async function runSync(terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	const report = await terminal.resync();
	if (!ctx.hasUI) return;
	if (report.kind === "failed") {
		ctx.ui.notify(`OpenSync: not everything could be sent yet. ${report.message}`, "warning");
		return;
	}
	const sent = report.sent === 0 ? "nothing was missing" : `${entries(report.sent)} sent`;
	const parked = report.parked === 0 ? "" : `, ${entries(report.parked)} refused (see /opensync:status)`;
	ctx.ui.notify(
		`OpenSync: ${entries(report.checked)} compared, ${sent}${parked}.`,
		report.parked === 0 ? "info" : "warning",
	);
}

const entries = (count: number): string => (count === 1 ? "1 entry" : `${count} entries`);

/** `/opensync:status`: where this session goes, what waits, what was hidden, who else is here. */
import type { ExtensionCommandContext } from "@earendil-works/pi-coding-agent";
import type { Settings } from "../config/options.ts";
import { recordRedactionOf, redactionOf, streamingOf } from "../config/sending.ts";
import { plainLine } from "../lib/plain-text.ts";
import type { SyncState } from "../sync/contract.ts";
import type { RecordState } from "../sync/record-contract.ts";
import type { Condition } from "./footer-text.ts";
import type { SharedState } from "./shared-session.ts";
import type { Terminal } from "./terminal.ts";

export async function runStatus(terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	if (!ctx.hasUI) return;
	const lines = statusLines({
		condition: terminal.condition,
		settings: terminal.settings,
		sessionId: ctx.sessionManager.getSessionId(),
		inFile: ctx.sessionManager.getSessionFile() !== undefined,
		isReplica: terminal.place?.isReplica ?? false,
		lastFailure: terminal.lastFailure,
	});
	ctx.ui.notify(lines.join("\n"), "info");
}

export type StatusFacts = {
	condition: Condition;
	settings: Settings;
	sessionId: string;
	/** False with `--no-session`. */
	inFile: boolean;
	/** Its own file is open elsewhere, or on another machine. */
	isReplica: boolean;
	lastFailure: string | null;
};

/** One fact a line, aligned. */
export function statusLines(facts: StatusFacts): string[] {
	const { settings, condition } = facts;
	const isLive = condition.kind !== "recording";
	const hasBackend = isLive && (settings.apiKey !== "" || settings.openSyncUrl === "");
	const rows: [string, string][] = [
		...(hasBackend ? [["backend", settings.convexUrl] satisfies [string, string]] : []),
		["session", `${facts.sessionId}${facts.inFile ? "" : " (not stored on this machine)"}`],
		["state", stateText(condition)],
	];
	if (facts.isReplica) rows.push(["file", "a replica: the session's own file is open elsewhere"]);
	if (condition.kind === "syncing") {
		rows.push(...syncRows(condition.state, settings));
		if (condition.shared) rows.push(["turn lock", lockText(condition.shared)]);
	}
	if (condition.kind === "syncing" || condition.kind === "recording")
		rows.push(...recordRows(condition.records ?? [], settings));
	const { mode } = streamingOf(settings);
	rows.push([
		"live answer",
		!isLive
			? "not sent: OpenSync keeps a record and nothing live"
			: mode === "always"
				? "sent as it is said"
				: mode === "watched"
					? "sent while somebody watches"
					: "not sent",
	]);
	const left = [settings.syncToolCalls ? "" : "tool calls", settings.syncThinking ? "" : "thinking"].filter(
		Boolean,
	);
	if (left.length > 0) rows.push(["left out", left.join(" and ")]);
	if (facts.lastFailure) rows.push(["last failure", facts.lastFailure]);
	const width = Math.max(...rows.map(([name]) => name.length));
	return ["OpenSync", ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${plainLine(value)}`)];
}

function stateText(condition: Condition): string {
	switch (condition.kind) {
		case "off":
			return "off (send this session with /opensync:sync)";
		case "unset":
			return "no API key: set one with /opensync:config";
		case "starting":
			return "starting";
		case "broken":
			return `could not be started: ${condition.reason}`;
		case "syncing":
			return linkText(condition.state);
		case "recording":
			return `recorded at ${condition.records.map(({ host }) => host).join(" and ")}`;
	}
}

/** What goes to hosted OpenSyncs. */
function recordRows(records: readonly RecordState[], settings: Settings): [string, string][] {
	return records.flatMap(({ host, link, reason, sentCount, queued, parked, hidden }): [string, string][] => [
		["record", `${host}: ${RECORD_LINKS[link]}${reason ? `: ${reason}` : ""}`],
		["", `${sentCount} messages sent, ${queued} entries queued`],
		...parked
			.slice(0, 3)
			.map(({ entryId, message }): [string, string] => ["refused", `${entryId}: ${message}`]),
		...(parked.length > 3 ? [["", `and ${parked.length - 3} more`] satisfies [string, string]] : []),
		["secrets", hiddenText(hidden, recordRedactionOf(settings))],
	]);
}

const RECORD_LINKS = {
	recording: "recording",
	connecting: "connecting",
	offline: "offline",
	signedOut: "signed out",
};

function linkText(state: SyncState): string {
	const reason = state.reason ? `: ${state.reason}` : "";
	switch (state.link) {
		case "live":
			return state.queued === 0 ? "synced" : "sending";
		case "connecting":
			return "connecting";
		case "offline":
			return `offline${reason}`;
		case "signedOut":
			return `signed out${reason}`;
	}
}

function syncRows(state: SyncState, settings: Settings): [string, string][] {
	const rows: [string, string][] = [["entries", `${state.sentCount} stored, ${state.queued} queued`]];
	for (const one of state.parked.slice(0, 3)) rows.push(["refused", `${one.entryId}: ${one.message}`]);
	if (state.parked.length > 3) rows.push(["", `and ${state.parked.length - 3} more`]);
	rows.push(["secrets", hiddenText(state.hidden, redactionOf(settings))]);
	rows.push(["here too", state.present.map((one) => one.label || one.kind).join(", ") || "nobody"]);
	return rows;
}

function lockText({ lock, readOnly }: SharedState): string {
	const looking = readOnly ? "; this terminal only looks on" : "";
	if (lock.kind === "mine") return `here${looking}`;
	if (lock.kind === "none" || !lock.holder) return `free${looking}`;
	return `${lock.holder.label}, since ${new Date(lock.holder.acquiredAt).toLocaleTimeString()}${looking}`;
}

function hiddenText(hidden: SyncState["hidden"], isRedacted: boolean): string {
	if (!isRedacted) return "redaction is off";
	const kinds = Object.entries(hidden).filter(([, count]) => count > 0);
	if (kinds.length === 0) return "none found";
	const total = kinds.reduce((sum, [, count]) => sum + count, 0);
	return `${total} replaced (${kinds.map(([rule, count]) => `${rule} ${count}`).join(", ")})`;
}

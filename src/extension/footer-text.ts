/** The state of the sync in the few characters that a footer has. */
import { plainLine } from "../lib/plain-text.ts";
import type { Present } from "../protocol/presence.ts";
import type { SyncState } from "../sync/contract.ts";
import type { RecordState } from "../sync/record-contract.ts";
import type { SharedState } from "./shared-session.ts";

/** What the terminal as a whole is in, the sync's own state being one case. */
export type Condition =
	/** Switched off by setting or flag. */
	| { kind: "off" }
	/** No key: nothing can be sent. */
	| { kind: "unset" }
	/** What syncs could not be loaded. */
	| { kind: "broken"; reason: string }
	| { kind: "starting" }
	| { kind: "syncing"; state: SyncState; shared?: SharedState | null; records?: readonly RecordState[] }
	/** At hosted OpenSyncs, and nothing else: `state` is that of all of them together. */
	| { kind: "recording"; state: SyncState; records: readonly RecordState[] };

/** Footer text, or undefined for none. */
export function footerText(condition: Condition): string | undefined {
	switch (condition.kind) {
		case "off":
			return undefined;
		case "unset":
			return "opensync: not set up";
		case "broken":
			return "opensync: failed";
		case "starting":
			return "opensync: …";
		case "syncing":
			return plainLine(
				`opensync: ${[linkText(condition.state), ...recordTexts(condition.records), sharedText(condition)].filter(Boolean).join(" · ")}`,
			);
		case "recording":
			return plainLine(`opensync: ${recordingText(condition)}`);
	}
}

/** Who drives, where that is another terminal; else who else is here. */
function sharedText({ state, shared }: Condition & { kind: "syncing" }): string {
	const looking = shared?.readOnly ? "looking on" : shared?.isReplica ? "second view" : "";
	const { holder } = shared?.lock ?? {};
	if (shared?.isRemote && holder) return [`${holder.label} is working`, looking].filter(Boolean).join(" · ");
	return [looking, presentText(state.present)].filter(Boolean).join(" · ");
}

function recordingText({ state, records }: Condition & { kind: "recording" }): string {
	const [isWell, waits] = [state.link === "live", state.queued > 0 ? `, ${state.queued} queued` : ""];
	if (!isWell) return linkText(state);
	const refused = state.parked.length > 0 ? `, ${state.parked.length} refused` : "";
	return `recorded at ${records.map(({ host }) => host).join(" and ")}${waits}${refused}`;
}

/** Besides the backend: that it is recorded, or what is wrong there. */
function recordTexts(records: readonly RecordState[] = []): string[] {
	return records.map(({ host, link, parked, queued }) => {
		if (link === "offline") return `${host} offline${queued > 0 ? `, ${queued} queued` : ""}`;
		if (link === "signedOut") return `${host} signed out`;
		return parked.length > 0 ? `recorded, ${parked.length} refused` : "recorded";
	});
}

function linkText(state: SyncState): string {
	const waiting = state.queued > 0 ? `${state.queued} queued` : "";
	switch (state.link) {
		case "connecting":
			return waiting || "…";
		case "offline":
			return waiting ? `offline, ${waiting}` : "offline";
		case "signedOut":
			return "signed out";
		case "live": {
			const refused = state.parked.length > 0 ? `, ${state.parked.length} refused` : "";
			return `${waiting || "synced"}${refused}`;
		}
	}
}

/** Who else is here: one by name, more by number. */
function presentText(present: readonly Present[]): string {
	if (present.length === 0) return "";
	if (present.length === 1) return `with ${present[0]?.label || present[0]?.kind}`;
	return `with ${present.length} others`;
}

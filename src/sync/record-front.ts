/**
 * One front for everything that a session goes to: the backend, hosted OpenSyncs, or both. Callers talk to it
 * as to the sync of one backend; records are told of entries and runs, and nothing of what is live.
 */
import type { SessionSync, SyncReport, SyncState } from "./contract.ts";
import type { RecordState, RecordSync } from "./record-contract.ts";

/** @param live null: the session is recorded and nothing else. Then the state is that of the records. */
export function withRecords(live: SessionSync | null, records: readonly RecordSync[]): SessionSync {
	if (live && records.length === 0) return live;
	const each = (call: (record: RecordSync) => void): void => {
		for (const record of records) call(record);
	};
	const state = (): SyncState => live?.state() ?? recordedState(records.map((record) => record.state()));
	return {
		wake() {
			live?.wake();
			each((record) => record.wake());
		},
		status: (status) => live?.status(status),
		beginRun(startedAt) {
			live?.beginRun(startedAt);
			each((record) => record.beginRun());
		},
		op: (op) => live?.op(op),
		messageDone: () => live?.messageDone(),
		endRun() {
			live?.endRun();
			each((record) => record.endRun());
		},
		held: (entryIds) => live?.held(entryIds),
		leafIs: (leafId) => live?.leafIs(leafId),
		progress: () => live?.progress() ?? { lastSeq: 0, added: 0 },
		touch: () => live?.touch(),
		state,
		onState(listener) {
			const ends = [
				...(live ? [live.onState(listener)] : []),
				...records.map((record) => record.onState(() => listener(state()))),
			];
			return () => {
				for (const end of ends) end();
			};
		},
		async resync() {
			return together(
				await Promise.all([
					...(live ? [live.resync()] : []),
					...records.map(async (record) => named(record, await record.resync())),
				]),
			);
		},
		async flush(deadlineMs) {
			const all = [live, ...records].map((one) => one?.flush(deadlineMs) ?? true);
			return (await Promise.all(all)).every(Boolean);
		},
		async dispose() {
			await Promise.all([live?.dispose(), ...records.map((record) => record.dispose())]);
		},
	};
}

const LINKS = {
	recording: "live",
	connecting: "connecting",
	offline: "offline",
	signedOut: "signedOut",
} as const;

/** The worst of several, as the state of a sync. */
function recordedState(records: readonly RecordState[]): SyncState {
	const order: RecordState["link"][] = ["signedOut", "offline", "connecting", "recording"];
	const worst = order.flatMap((link) => records.filter((one) => one.link === link))[0];
	const hidden: Record<string, number> = {};
	for (const one of records)
		for (const [rule, count] of Object.entries(one.hidden)) hidden[rule] = Math.max(hidden[rule] ?? 0, count);
	return {
		link: worst ? LINKS[worst.link] : "connecting",
		reason: worst?.reason ?? null,
		queued: Math.max(0, ...records.map(({ queued }) => queued)),
		sentCount: records.reduce((sum, { sentCount }) => sum + sentCount, 0),
		parked: records.flatMap(({ parked }) => parked),
		hidden,
		present: [],
	};
}

function named(record: RecordSync, report: SyncReport): SyncReport {
	return report.kind === "done"
		? report
		: { ...report, message: `${record.state().host}: ${report.message}` };
}

/** One report of several: what one destination lacks is missing. */
function together(reports: readonly SyncReport[]): SyncReport {
	const failed = reports.flatMap((one) => (one.kind === "failed" ? [one.message] : []));
	if (failed.length > 0) return { kind: "failed", message: failed.join(" ") };
	const done = reports.flatMap((one) => (one.kind === "done" ? [one] : []));
	return {
		kind: "done",
		checked: Math.max(0, ...done.map(({ checked }) => checked)),
		sent: done.reduce((sum, { sent }) => sum + sent, 0),
		parked: done.reduce((sum, { parked }) => sum + parked, 0),
	};
}

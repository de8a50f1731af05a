/**
 * The records of this terminal's session at hosted OpenSyncs, and of what earlier sessions of this machine
 * left unsent: those follow in the background, a bounded number at each start.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { createOpenSyncClient } from "../backend/opensync-client.ts";
import { createOpenSyncJournal, forgetUnsent, unsentSessions } from "../backend/opensync-journal.ts";
import { ownFetch } from "../backend/own-machine.ts";
import { endable, type Fetch } from "../backend/token-exchange.ts";
import type { Settings } from "../config/options.ts";
import { dataPaths, pathsOf } from "../config/paths.ts";
import { recordRedactionOf } from "../config/sending.ts";
import type { Clock } from "../lib/clock.ts";
import { createOutgoing } from "../redaction/outgoing.ts";
import type { SessionSource } from "../sync/ports.ts";
import type { RecordSync } from "../sync/record-contract.ts";
import { createRecordSync } from "../sync/record-sync.ts";
import type { RecordTarget } from "./destinations.ts";
import { fileSource } from "./file-source.ts";
import { processTerminal } from "./process-terminal.ts";
import { lockSessionFile } from "./session-lock.ts";

export type RecordingOptions = {
	settings: Settings;
	/** Whether thinking is recorded. */
	thinking: boolean;
	targets: readonly RecordTarget[];
	source: SessionSource;
	/** The session's own file; null: it is not stored on this machine. */
	file: string | null;
	cwd: string;
	clock: Clock;
	log: (line: string) => void;
};

/** The session of the terminal goes first. */
const LEFTOVERS_AFTER_MS = 3_000;
/** Sessions of earlier Pis at one start, for each OpenSync. */
const MOST_LEFTOVERS = 20;
/** For one of them. */
const LEFTOVER_MS = 120_000;

/** Starts to record. Rejects when the redaction rules cannot be loaded: then nothing may be sent. */
export async function startRecording(options: RecordingOptions): Promise<{
	records: RecordSync[];
	/** What earlier sessions left goes on no longer, and no answer is waited for. */
	stop(): void;
}> {
	const { source, file, cwd, clock, targets } = options;
	const end = new AbortController();
	const fetch = endable(ownFetch, end.signal);
	const records: RecordSync[] = [];
	for (const target of targets) records.push(await recordOf(options, fetch, target, source, file, cwd));
	let stopped = false;
	const cancel = clock.after(LEFTOVERS_AFTER_MS, () => {
		void sendLeftovers(options, fetch, () => stopped).catch((error: unknown) =>
			options.log(`what earlier sessions left was not sent: ${String(error)}`),
		);
	});
	return {
		records,
		stop() {
			stopped = true;
			cancel();
			end.abort();
		},
	};
}

async function recordOf(
	{ settings, thinking, clock }: RecordingOptions,
	fetch: Fetch,
	{ siteUrl, apiKey }: RecordTarget,
	source: SessionSource,
	file: string | null,
	cwd: string,
): Promise<RecordSync> {
	const kept = { toolCalls: settings.syncToolCalls, thinking };
	const { transform } = await createOutgoing({ redact: recordRedactionOf(settings), ...kept });
	const { recordsDir } = dataPaths(pathsOf().dataDir);
	const startedAt = Date.parse(String(source.header()?.timestamp));
	const place = {
		projectPath: cwd,
		projectName: basename(cwd) || cwd,
		startedAt: Number.isFinite(startedAt) ? startedAt : clock.now(),
	};
	return createRecordSync({
		destination: createOpenSyncClient({ siteUrl, apiKey, version: packageVersion(), fetch }),
		journal: createOpenSyncJournal({ recordsDir, siteUrl, sessionId: source.sessionId, file }),
		source,
		place: () => place,
		kept,
		...(transform ? { transform } : {}),
		clock,
	});
}

async function sendLeftovers(options: RecordingOptions, fetch: Fetch, isOver: () => boolean): Promise<void> {
	const { recordsDir, locksDir } = dataPaths(pathsOf().dataDir);
	for (const target of options.targets) {
		const waiting = await unsentSessions(recordsDir, target.siteUrl);
		// The newest are the likeliest to be missed.
		const chosen = waiting
			.filter(({ sessionId }) => sessionId !== options.source.sessionId)
			.reverse()
			.slice(0, MOST_LEFTOVERS);
		for (const { sessionId, file } of chosen) {
			if (isOver()) return;
			if (!existsSync(file)) await forgetUnsent(recordsDir, target.siteUrl, sessionId);
			else if (!isOpenElsewhere(locksDir, file)) await sendLeftover(options, fetch, target, file, isOver);
		}
	}
}

async function sendLeftover(
	options: RecordingOptions,
	fetch: Fetch,
	target: RecordTarget,
	file: string,
	isOver: () => boolean,
): Promise<void> {
	const source = await fileSource(file);
	if (!source || isOver()) return;
	const cwd = source.header()?.cwd;
	const record = await recordOf(
		options,
		fetch,
		target,
		source,
		file,
		typeof cwd === "string" ? cwd : options.cwd,
	);
	const until = options.clock.now() + LEFTOVER_MS;
	// In small pieces, so that a Pi that quits is not held up by it.
	while (!isOver() && options.clock.now() < until && !(await record.flush(250))) {
		const { link } = record.state();
		if (link === "offline" || link === "signedOut") break;
	}
	await record.dispose();
}

/** Another Pi has it open, and records it itself. */
function isOpenElsewhere(locksDir: string, file: string): boolean {
	const lock = lockSessionFile(locksDir, file, processTerminal().terminalId);
	if (lock.mine) lock.release();
	return !lock.mine;
}

/** Of this package, for its name in requests. */
export function packageVersion(): string {
	try {
		const file = new URL("../../package.json", import.meta.url);
		return String((JSON.parse(readFileSync(file, "utf8")) as { version?: unknown }).version);
	} catch {
		// Bundled by somebody: the name alone has to do.
		return "unknown";
	}
}

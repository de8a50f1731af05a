/**
 * Everything heavy: backend, session sync, redaction, records. Loaded after Pi's first paint, one part after the
 * other with room for Pi between, so that no keystroke waits for all of it.
 */

import { hostname } from "node:os";
import type { Settings } from "../config/options.ts";
import { redactionOf, streamingOf } from "../config/sending.ts";
import type { Clock } from "../lib/clock.ts";
import { settledWithin } from "../lib/settled-within.ts";
import type { SessionSync, SessionSyncOptions } from "../sync/contract.ts";
import type { LiveBackend, SessionSource } from "../sync/ports.ts";
import type { RecordSync } from "../sync/record-contract.ts";
import type { Destinations } from "./destinations.ts";
import type { SharedSession, SharedSessionOptions } from "./shared-session.ts";

/** A backend that stands still is not waited for: it finds out at its deadlines, and a Pi in print mode would not end. */
const GOODBYE_MS = 3_000;

export type OpenSyncOptions = {
	settings: Settings;
	destinations: Destinations;
	/** Whether thinking goes to the records too. */
	recordThinking: boolean;
	/** The session's own file, for the records; null: it is not stored on this machine. */
	file: string | null;
	cwd: string;
	source: SessionSource;
	describe: SessionSyncOptions["describe"];
	describeParent: NonNullable<SessionSyncOptions["describeParent"]>;
	parent: () => Promise<SessionSource | null>;
	clock: Clock;
	terminalId: string;
	log: (line: string) => void;
	/** What sharing the session with other terminals needs; null: it is synced and nothing else. */
	shared: Pick<
		SharedSessionOptions,
		"pi" | "ctx" | "internals" | "readOnly" | "isReplica" | "ownsFile" | "onChange"
	> | null;
	/** A backend that is connected already. Default: a new one. */
	backend?: LiveBackend;
};

export type OpenedSync = {
	/** Of everything that the session goes to. */
	sync: SessionSync;
	/** Of the backend alone; null: the session is recorded and nothing else. */
	live: SessionSync | null;
	backend: LiveBackend | null;
	records: readonly RecordSync[];
	shared: SharedSession | null;
	close(): Promise<void>;
};

/** Starts to sync. Nothing waits for the network; rejects only when a part of ours cannot be loaded. */
export async function openSync(options: OpenSyncOptions): Promise<OpenedSync> {
	const { settings, destinations } = options;
	// First of all, so that its way to the backend and the loading of the rest go on together.
	const backend = destinations.live
		? (options.backend ?? (await loadConnect())(settings, options.log))
		: null;
	try {
		const live = backend ? await openLive(options, backend) : null;
		const recording = await openRecords(options);
		const { withRecords } = await import("../sync/record-front.ts");
		const shared = live?.shared ?? null;
		return {
			sync: withRecords(live?.sync ?? null, recording.records),
			live: live?.sync ?? null,
			backend,
			records: recording.records,
			shared,
			async close() {
				recording.stop();
				const goodbye = (async () => {
					await shared?.stop();
					await live?.sync.dispose();
				})();
				await Promise.all([
					// What is said in it ends with the connection at the latest.
					settledWithin(goodbye, options.clock, GOODBYE_MS).finally(() => backend?.close()),
					...recording.records.map((record) => record.dispose()),
				]);
			},
		};
	} catch (error) {
		await backend?.close();
		throw error;
	}
}

async function openRecords({
	destinations: { records: targets },
	recordThinking: thinking,
	...options
}: OpenSyncOptions) {
	if (targets.length === 0) return { records: [], stop: () => {} };
	await roomForPi();
	const { startRecording } = await import("./recording.ts");
	await roomForPi();
	return await startRecording({ ...options, thinking, targets });
}

async function openLive(
	options: OpenSyncOptions,
	backend: LiveBackend,
): Promise<{ sync: SessionSync; shared: SharedSession | null }> {
	const { settings } = options;
	await roomForPi();
	const { createSessionSync } = await import("../sync/session-sync.ts");
	await roomForPi();
	const { createOutgoing } = await import("../redaction/outgoing.ts");
	const outgoing = await createOutgoing({
		redact: redactionOf(settings),
		toolCalls: settings.syncToolCalls,
		thinking: settings.syncThinking,
	});
	await roomForPi();
	const { SharedSession } = await import("./shared-session.ts");
	const { clock, terminalId, log, source } = options;
	const label = hostname();
	const shared = options.shared
		? new SharedSession({
				...options.shared,
				backend,
				clock,
				terminalId,
				label,
				log,
				sessionId: source.sessionId,
			})
		: null;
	const sync = createSessionSync({
		backend,
		source: options.source,
		describe: options.describe,
		describeParent: options.describeParent,
		parent: options.parent,
		...outgoing,
		clock: options.clock,
		terminalId: options.terminalId,
		presence: { label, ...(shared ? { watching: shared.watching } : {}) },
		streaming: streamingOf(settings),
		...(shared
			? { epoch: shared.epoch, drives: shared.drives, onStale: shared.onStale, pushes: shared.pushes }
			: {}),
	});
	shared?.attach(sync);
	return { sync, shared };
}

/** Gives what connects to a backend by the settings. */
export async function loadConnect(): Promise<
	(settings: Settings, log: (line: string) => void) => LiveBackend
> {
	const { createConvexBackend } = await import("../backend/convex-backend.ts");
	return (settings, log) =>
		createConvexBackend({
			convexUrl: settings.convexUrl,
			siteUrl: settings.siteUrl || null,
			apiKey: settings.apiKey,
			log,
		});
}

const roomForPi = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

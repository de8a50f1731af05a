/**
 * Everything heavy behind one import: backend, redaction, session sync. Loaded after Pi's first paint
 * (the client of a deployment costs some 30 ms, the redaction rules some 25).
 */

import { hostname } from "node:os";
import { createConvexBackend } from "../backend/convex-backend.ts";
import type { Settings } from "../config/options.ts";
import type { Clock } from "../lib/clock.ts";
import { createOutgoing } from "../redaction/outgoing.ts";
import type { SessionSync, SessionSyncOptions } from "../sync/contract.ts";
import type { Backend, SessionSource } from "../sync/ports.ts";
import { createSessionSync } from "../sync/session-sync.ts";
import { redactionOf, streamingOf } from "./sending.ts";

export type OpenSyncOptions = {
	settings: Settings;
	source: SessionSource;
	describe: SessionSyncOptions["describe"];
	describeParent: NonNullable<SessionSyncOptions["describeParent"]>;
	parent: () => Promise<SessionSource | null>;
	clock: Clock;
	terminalId: string;
	log: (line: string) => void;
};

export type OpenedSync = { sync: SessionSync; backend: Backend; close(): Promise<void> };

/** Starts to sync. Nothing waits for the network; rejects only when a part of ours cannot be loaded. */
export async function openSync(options: OpenSyncOptions): Promise<OpenedSync> {
	const { settings } = options;
	const outgoing = await createOutgoing({
		redact: redactionOf(settings),
		toolCalls: settings.syncToolCalls,
		thinking: settings.syncThinking,
	});
	const backend = createConvexBackend({
		convexUrl: settings.convexUrl,
		siteUrl: settings.siteUrl || null,
		apiKey: settings.apiKey,
		log: options.log,
	});
	const sync = createSessionSync({
		backend,
		source: options.source,
		describe: options.describe,
		describeParent: options.describeParent,
		parent: options.parent,
		...outgoing,
		clock: options.clock,
		terminalId: options.terminalId,
		presence: { label: hostname() },
		streaming: streamingOf(settings),
	});
	return {
		sync,
		backend,
		async close() {
			await sync.dispose();
			await backend.close();
		},
	};
}

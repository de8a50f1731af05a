/**
 * Everything heavy: backend, session sync, redaction. Loaded after Pi's first paint, one part after the
 * other with room for Pi between, so that no keystroke waits for all of it.
 */

import { hostname } from "node:os";
import type { Settings } from "../config/options.ts";
import { redactionOf, streamingOf } from "../config/sending.ts";
import type { Clock } from "../lib/clock.ts";
import type { SessionSync, SessionSyncOptions } from "../sync/contract.ts";
import type { Backend, SessionSource } from "../sync/ports.ts";

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
	const { createConvexBackend } = await import("../backend/convex-backend.ts");
	await roomForPi();
	const { createSessionSync } = await import("../sync/session-sync.ts");
	await roomForPi();
	const { createOutgoing } = await import("../redaction/outgoing.ts");
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

const roomForPi = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

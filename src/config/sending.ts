/** What the `auto` settings mean for a backend. */
import { isLoopback } from "../lib/loopback.ts";
import type { Settings } from "./options.ts";
import type { Loaded } from "./settings.ts";

type Streaming = {
	mode: "always" | "watched" | "off" /** Least time between two pushes. */;
	intervalMs: number;
};

const CLOUD_INTERVAL_MS = 100;

/** How the running answer is sent; `auto` depends on where the backend is. */
export function streamingOf(settings: Settings): Streaming {
	const near = isLoopback(settings.convexUrl);
	const mode = settings.liveStreaming === "auto" ? (near ? "always" : "watched") : settings.liveStreaming;
	return { mode, intervalMs: settings.streamIntervalMs ?? (near ? 0 : CLOUD_INTERVAL_MS) };
}

/** The same for what goes to a hosted OpenSync, which never is on this machine for the person who reads there. */
export const recordRedactionOf = (settings: Settings): boolean => settings.redaction !== "off";

/** Whether thinking goes to a hosted OpenSync: as with pi-opensync-plugin only for who said so, whatever the default is. */
export const recordsThinking = ({ settings, sources }: Loaded): boolean =>
	settings.syncThinking && sources.syncThinking !== "default";

/** Whether secrets are replaced before anything leaves the machine; `auto`: unless it stays on it. */
export function redactionOf(settings: Settings): boolean {
	return settings.redaction === "auto" ? !isLoopback(settings.convexUrl) : settings.redaction === "on";
}

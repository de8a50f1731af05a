/**
 * The one table of settings: name, kind, default, environment variable, help. File, environment, command
 * line, Pi's settings list and the README all follow it. Names and variables that pi-opensync-plugin had
 * mean here what they meant there.
 */

export type Settings = {
	/** API address of the backend. */
	convexUrl: string;
	/** Address of its HTTP actions; empty: derived from `convexUrl`. */
	siteUrl: string;
	/** `osk_…`; empty: not signed in. */
	apiKey: string;
	autoSync: boolean;
	syncToolCalls: boolean;
	syncThinking: boolean;
	liveStreaming: "auto" | "always" | "watched" | "off";
	/** Least time between two pushes of deltas, ms; null: 0 on loopback, 100 elsewhere. */
	streamIntervalMs: number | null;
	redaction: "auto" | "on" | "off";
	/** Address of a hosted OpenSync that records every session besides; empty: none. */
	openSyncUrl: string;
	/** Its `osk_…` key. */
	openSyncKey: string;
	/** The agent may search past sessions: a tool and a skill. */
	searchTool: boolean;
	debug: boolean;
};

export type SettingName = keyof Settings;

export type Option = {
	name: SettingName;
	env: string;
	kind: "url" | "text" | "secret" | "boolean" | "choice" | "milliseconds";
	choices?: readonly string[];
	label: string;
	help: string;
};

export const DEFAULTS: Readonly<Settings> = {
	convexUrl: "http://127.0.0.1:3210",
	siteUrl: "",
	apiKey: "",
	autoSync: true,
	syncToolCalls: true,
	syncThinking: true,
	liveStreaming: "auto",
	streamIntervalMs: null,
	redaction: "auto",
	openSyncUrl: "",
	openSyncKey: "",
	searchTool: false,
	debug: false,
};

export const OPTIONS: readonly Option[] = [
	{
		name: "convexUrl",
		env: "PI_OPENSYNC_CONVEX_URL",
		kind: "url",
		label: "Backend URL",
		help: "API address of the backend: the embedded one, or a Convex deployment",
	},
	{
		name: "siteUrl",
		env: "PI_OPENSYNC_SITE_URL",
		kind: "url",
		label: "Site URL",
		help: "Address of its HTTP actions; empty: .convex.site for .convex.cloud, else port + 1",
	},
	{
		name: "apiKey",
		env: "PI_OPENSYNC_API_KEY",
		kind: "secret",
		label: "API key",
		help: "Key of this terminal (osk_…)",
	},
	{
		name: "autoSync",
		env: "PI_OPENSYNC_AUTO_SYNC",
		kind: "boolean",
		label: "Auto sync",
		help: "Sync every session from its start; off: only after /opensync:sync",
	},
	{
		name: "syncToolCalls",
		env: "PI_OPENSYNC_TOOL_CALLS",
		kind: "boolean",
		label: "Tool calls",
		help: "Send tool calls and their results; off: they are marked as left out",
	},
	{
		name: "syncThinking",
		env: "PI_OPENSYNC_THINKING",
		kind: "boolean",
		label: "Thinking",
		help: "Send thinking; off: it is marked as left out",
	},
	{
		name: "liveStreaming",
		env: "PI_OPENSYNC_LIVE_STREAMING",
		kind: "choice",
		choices: ["auto", "always", "watched", "off"],
		label: "Live streaming",
		help: "Send the running answer: always, only while somebody watches, or never; auto: always on loopback, watched elsewhere",
	},
	{
		name: "streamIntervalMs",
		env: "PI_OPENSYNC_STREAM_INTERVAL_MS",
		kind: "milliseconds",
		label: "Stream interval",
		help: "Least time between two pushes of the running answer, ms; empty: 0 on loopback, 100 elsewhere",
	},
	{
		name: "redaction",
		env: "PI_OPENSYNC_REDACTION",
		kind: "choice",
		choices: ["auto", "on", "off"],
		label: "Redaction",
		help: "Replace secrets before anything leaves this machine; auto: off on loopback, on elsewhere",
	},
	{
		name: "openSyncUrl",
		env: "PI_OPENSYNC_OPENSYNC_URL",
		kind: "url",
		label: "OpenSync URL",
		help: "A hosted OpenSync that records every session besides (its .convex.cloud or .convex.site address); off: none",
	},
	{
		name: "openSyncKey",
		env: "PI_OPENSYNC_OPENSYNC_KEY",
		kind: "secret",
		label: "OpenSync key",
		help: "API key of that OpenSync (osk_…)",
	},
	{
		name: "searchTool",
		env: "PI_OPENSYNC_SEARCH_TOOL",
		kind: "boolean",
		label: "Search tool",
		help: "Let the agent search past sessions, with a tool and a skill; from the next start or /reload on",
	},
	{
		name: "debug",
		env: "PI_OPENSYNC_DEBUG",
		kind: "boolean",
		label: "Debug log",
		help: "Write what the extension does to a log file in the data folder",
	},
];

export const optionOf = (name: string): Option | undefined => OPTIONS.find((option) => option.name === name);

export type Parsed = { kind: "ok"; value: Settings[SettingName] } | { kind: "bad"; why: string };

/** Reads one value, typed or as text. `why` is the rest of a sentence: "convexUrl must be …". */
export function parseValue(option: Option, raw: unknown): Parsed {
	const text = typeof raw === "string" ? raw.trim() : raw;
	switch (option.kind) {
		case "boolean":
			return parseBoolean(text);
		case "milliseconds":
			return parseMilliseconds(text);
		case "choice": {
			const choices = option.choices ?? [];
			if (typeof text === "string" && choices.includes(text)) return { kind: "ok", value: text };
			return { kind: "bad", why: `must be one of ${choices.join(", ")}` };
		}
		case "url":
			return parseUrl(option, text);
		case "secret":
			return parseKey(text);
		case "text":
			return typeof text === "string" ? { kind: "ok", value: text } : { kind: "bad", why: "must be text" };
	}
}

function parseBoolean(value: unknown): Parsed {
	if (typeof value === "boolean") return { kind: "ok", value };
	if (typeof value === "string" && /^(true|1|yes|on)$/i.test(value)) return { kind: "ok", value: true };
	if (typeof value === "string" && /^(false|0|no|off)$/i.test(value)) return { kind: "ok", value: false };
	return { kind: "bad", why: "must be true or false" };
}

function parseMilliseconds(value: unknown): Parsed {
	if (value === null || value === "") return { kind: "ok", value: null };
	const ms = typeof value === "number" ? value : Number(value);
	return Number.isInteger(ms) && ms >= 0 && ms <= 60_000
		? { kind: "ok", value: ms }
		: { kind: "bad", why: "must be a whole number of milliseconds from 0 to 60000" };
}

function parseUrl(option: Option, value: unknown): Parsed {
	const isNone = value === "" || (typeof value === "string" && /^(off|none)$/i.test(value));
	if (isNone && option.name !== "convexUrl") return { kind: "ok", value: "" };
	try {
		const url = new URL(String(value));
		if ((url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "") {
			return { kind: "ok", value: url.href.replace(/\/$/, "") };
		}
	} catch {
		// Falls through to the sentence.
	}
	return {
		kind: "bad",
		why: "must be an address such as http://127.0.0.1:3210 or https://name.convex.cloud",
	};
}

function parseKey(value: unknown): Parsed {
	if (typeof value === "string" && (value === "" || /^osk_[A-Za-z0-9_-]{8,200}$/.test(value)))
		return { kind: "ok", value };
	return { kind: "bad", why: "must begin with osk_" };
}

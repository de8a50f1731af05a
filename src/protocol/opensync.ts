/**
 * Shapes of OpenSync's HTTP API, as its plugins post them and as a hosted OpenSync answers: plain JSON.
 * Source: github.com/waynesutton/opensync. Times are ms since the epoch, costs US dollars.
 */

export const OPENSYNC_ROLES = ["user", "assistant", "system", "tool", "unknown"] as const;
export type OpenSyncRole = (typeof OPENSYNC_ROLES)[number];

/** Exactly these two keys: a hosted OpenSync refuses others. `content` is any JSON; a string for `text`. */
export type OpenSyncPart = { type: string; content: unknown };

/** `POST /sync/session`. Counts are absolute. */
export type OpenSyncSession = {
	externalId: string;
	source?: string;
	title?: string;
	projectPath?: string;
	projectName?: string;
	model?: string;
	provider?: string;
	promptTokens?: number;
	completionTokens?: number;
	cost?: number;
	durationMs?: number;
	createdAt?: number;
};

/** `POST /sync/message`. */
export type OpenSyncMessage = {
	sessionExternalId: string;
	/** On a hosted OpenSync one for all users. */
	externalId: string;
	role: OpenSyncRole;
	textContent?: string;
	model?: string;
	promptTokens?: number;
	completionTokens?: number;
	durationMs?: number;
	source?: string;
	createdAt?: number;
	parts?: OpenSyncPart[];
};

/** Name under which sessions of an agent are stored, for the names that its plugins use. */
export function sourceName(source: string): string {
	return SOURCE_NAMES.get(source) ?? source;
}

const SOURCE_NAMES: ReadonlyMap<string, string> = new Map([
	["cursor", "cursor-sync"],
	["codex", "codex-cli"],
	["droid", "factory-droid"],
]);

/** What a plugin that names none is: OpenSync's first was OpenCode's. */
export const DEFAULT_SOURCE = "opencode";

/** How people call the agents. A source that is not here is shown as it is. */
export const SOURCE_LABELS: Readonly<Record<string, string>> = {
	pi: "Pi",
	opencode: "OpenCode",
	"claude-code": "Claude Code",
	"codex-cli": "Codex",
	"cursor-sync": "Cursor",
	"factory-droid": "Droid",
};

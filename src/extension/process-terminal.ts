/**
 * What outlives a session inside one Pi process. Pi loads the extension anew for every session and
 * reload, so this hangs on the global object: the id of this terminal, the end of the last session's
 * sync, which the next one lets finish first, and what the person was told already.
 */

export type ProcessTerminal = {
	/** One running Pi process. */
	readonly terminalId: string;
	/** Settles when the last session's sync is closed; never rejects. */
	closing: Promise<void>;
	/** The person was told how to start. */
	introduced: boolean;
	/** What was wrong with the settings when it was last told. */
	problemsTold: string;
	/** The own file of a session, by its replica here. */
	readonly originals: Map<string, string>;
	/** Pi's folder for sessions; null before the first one that stands there. */
	sessionDir: string | null;
	/** Replicas that only look on. */
	readonly readOnly: Set<string>;
	/** The session file that was left for a replica: where `/opensync:detach` goes back to. */
	readonly before: Map<string, string | null>;
};

const KEY = Symbol.for("pi-opensync.terminal");

export function processTerminal(): ProcessTerminal {
	const holder = globalThis as { [KEY]?: ProcessTerminal };
	holder[KEY] ??= {
		terminalId: crypto.randomUUID(),
		closing: Promise.resolve(),
		introduced: false,
		problemsTold: "",
		originals: new Map(),
		sessionDir: null,
		readOnly: new Set(),
		before: new Map(),
	};
	return holder[KEY];
}

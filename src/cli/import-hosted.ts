/** All of a user's sessions from a hosted OpenSync; those that have not changed since the last time are left out. */
import { readHostedSession } from "../agents/hosted-opensync.ts";
import {
	createHostedReader,
	HostedError,
	type HostedReader,
	type HostedSession,
} from "../backend/hosted-reader.ts";
import { openSyncSite } from "../backend/site-url.ts";
import type { Settings } from "../config/options.ts";
import { pathsOf } from "../config/paths.ts";
import type { SessionView } from "../protocol/session.ts";
import { connectClient } from "./client.ts";
import type { HistorySource } from "./history-source.ts";
import { type AgentSummary, emptySummary, importAgents } from "./import-agents.ts";
import { openImportState } from "./import-state.ts";
import { CliError, counted, note, usageError } from "./output.ts";
import { VERSION } from "./project.ts";
import { listSessions } from "./session-lookup.ts";

export type Hosted = { url: string; key: string };

type HostedSource = HistorySource & { session: HostedSession };

/** What the flags say, else the settings. */
export function hostedOf(
	flags: { opensyncUrl?: string; opensyncKey?: string },
	settings: Pick<Settings, "openSyncUrl" | "openSyncKey">,
): Hosted {
	const given = flags.opensyncUrl || settings.openSyncUrl || "";
	const key = flags.opensyncKey || settings.openSyncKey || "";
	if (given === "" || key === "")
		throw usageError(
			"Say where OpenSync is and with which key: --opensync-url and --opensync-key, or the settings openSyncUrl and openSyncKey.",
		);
	const url = openSyncSite(given);
	if (url === null) throw usageError(`--opensync-url must be an address such as https://name.convex.site.`);
	return { url, key };
}

const readerOf = ({ url, key }: Hosted) =>
	createHostedReader({ siteUrl: url, apiKey: key, version: VERSION });

/** Everything that it lists, oldest first. Rejects with a `CliError`. */
export async function listHosted(hosted: Hosted): Promise<{ sessions: HostedSession[]; lacking: number }> {
	try {
		const { sessions, lacking } = await readerOf(hosted).list();
		return { sessions: sessions.toSorted((a, b) => a.updatedAt - b.updatedAt), lacking };
	} catch (error) {
		if (error instanceof HostedError) throw new CliError(error.message);
		throw error;
	}
}

/** Rejects with a `CliError` when one of both sides cannot be used. */
export async function importHosted(
	hosted: Hosted,
	{ settings, quiet, replace }: { settings: Settings; quiet: boolean; replace: boolean },
): Promise<AgentSummary & { unchanged: number }> {
	const client = await connectClient(settings);
	const { sessions, lacking } = await listHosted(hosted);
	const there = new Map(
		(await listSessions(client, Number.POSITIVE_INFINITY)).map((session) => [session.sessionId, session]),
	);
	const state = openImportState(pathsOf().dataDir, hosted.url, hosted.key, settings.convexUrl);
	const fromHistory = new Set(
		sessions.map(({ externalId }) => externalId).filter((id) => isFromHistory(there.get(id))),
	);
	const isDone = ({ externalId, updatedAt }: HostedSession): boolean =>
		there.has(externalId) && !fromHistory.has(externalId) && state.doneAt(externalId) === updatedAt;
	const reader = readerOf(hosted);
	const isKept = ({ externalId }: HostedSession): boolean => fromHistory.has(externalId) && !replace;
	const left = sessions.filter((session) => !isDone(session) && !isKept(session));
	const summary = emptySummary();
	const kept = sessions.filter(isKept);
	for (const { externalId } of kept) summary.kept.push({ sessionId: externalId, why: "history" });
	if (lacking > 0)
		summary.errors.push({
			file: hosted.url,
			line: null,
			message: `It has ${counted(lacking, "session")} more than it lists, and there is no other way to them.`,
		});
	const stop = onStop(state.flush);
	try {
		await importAgents(
			{
				sources: left.map((session) => sourceOf(reader, session, there.get(session.externalId))),
				settings,
				quiet,
				isLocal: false,
				replaced: fromHistory,
				onDone: (source) => {
					const { externalId, updatedAt } = (source as HostedSource).session;
					state.done(externalId, updatedAt);
				},
			},
			summary,
		);
	} finally {
		stop();
		state.flush();
	}
	return { ...summary, unchanged: sessions.length - left.length - kept.length };
}

/**
 * Imported from the history of its own machine: only that tells the machine. It has more of the session than
 * a plugin has posted, partly under other ids.
 */
const isFromHistory = (known: SessionView | undefined): boolean =>
	known?.via === "openSync" && known.machine !== "";

/** @param known the session as the backend has it. */
function sourceOf(
	reader: HostedReader,
	session: HostedSession,
	known: SessionView | undefined,
): HostedSource {
	return {
		label: `session ${session.externalId}`,
		session,
		async read() {
			const whole = await reader.read(session.id);
			const read = readHostedSession(whole.session, whole.messages);
			// OpenSync does not tell the agent: what the backend knows of it is better than a guess.
			if (known && whole.session.source === undefined)
				for (const history of read.histories) history.session.source = known.source;
			return read;
		},
	};
}

/** Runs `last` when the program is told to stop, then ends as it would have. Gives the function that undoes it. */
function onStop(last: () => void): () => void {
	const stop = (signal: NodeJS.Signals): void => {
		last();
		note("Stopped. What was imported stays; run the import again to go on.");
		process.exit(signal === "SIGINT" ? 130 : 143);
	};
	process.on("SIGINT", stop);
	process.on("SIGTERM", stop);
	return () => {
		process.off("SIGINT", stop);
		process.off("SIGTERM", stop);
	};
}

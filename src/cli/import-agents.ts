/** Sessions of other agents into the backend, a few at a time; what cannot be brought is named, and the rest goes on. */
import { hostname } from "node:os";
import { type History, type Read, shortTitle } from "../agents/history.ts";
import { createAgentBackend } from "../backend/agent-backend.ts";
import { HostedError } from "../backend/hosted-reader.ts";
import type { Settings } from "../config/options.ts";
import type { AgentSession } from "../protocol/agent-session.ts";
import { BackendError } from "../sync/ports.ts";
import { connectClient, unreachable } from "./client.ts";
import type { HistorySource } from "./history-source.ts";
import { untilLost } from "./import-lost.ts";
import { type Pushed, type PushOptions, pushHistory } from "./import-push.ts";
import { createAgentOutgoing } from "./import-transform.ts";
import { CliError } from "./output.ts";
import { createProgress } from "./progress.ts";

export type AgentSummary = {
	sessions: number;
	/** Messages of these sessions. */
	entries: number;
	added: number;
	updated: number;
	/** Messages that were there already. */
	skipped: number;
	/** Sessions that were left as they are: Pi syncs them itself, a plugin has posted them, their own history was imported. */
	kept: KeptSession[];
	errors: AgentProblem[];
	hidden: Record<string, number>;
};
export type KeptSession = { sessionId: string; why: "pi" | "plugin" | "history" };
export type AgentProblem = { file: string; line: number | null; message: string };

export type Import = {
	sources: readonly HistorySource[];
	settings: Settings;
	/** No progress is shown. */
	quiet: boolean;
	/** Whether the sessions are of this machine. */
	isLocal: boolean;
	/** Whether sessions whose messages came under other ids make way. Default: they stay. */
	replace?: boolean;
	/** Of sessions of elsewhere: those that make way, whatever stands of them. */
	replaced?: ReadonlySet<string>;
	/** All of a source is in the backend, or left there as it is. */
	onDone?: (source: HistorySource) => void;
};

/** Sessions under way at once: while one is read, others are sent. */
const AT_ONCE = 3;

export const emptySummary = (): AgentSummary => ({
	sessions: 0,
	entries: 0,
	added: 0,
	updated: 0,
	skipped: 0,
	kept: [],
	errors: [],
	hidden: {},
});

/** Rejects with a `CliError` when the backend, or where the sessions come from, cannot be used any more. */
export async function importAgents(given: Import, summary = emptySummary()): Promise<AgentSummary> {
	const { settings, sources } = given;
	// Says at once and clearly what is wrong with address or key.
	await connectClient(settings);
	const backend = createAgentBackend(settings);
	const outgoing = await createAgentOutgoing(settings);
	const progress = createProgress("Importing", sources.length, given.quiet);
	const parts = new Map<number, number>();
	const inTurn = oneByOne();
	/** Brought by this import: what else there is of them is no plugin's. */
	const brought = new Set<string>();
	let done = 0;
	const show = () => progress.step(done + [...parts.values()].reduce((sum, part) => sum + part, 0));
	const work = inParallel(sources, AT_ONCE, async (source, index) => {
		const read = await readSource(source, summary);
		let isWhole = read !== null;
		for (const [at, history] of (read?.histories ?? []).entries()) {
			const session = outgoing.session(history.session);
			const share = 1 / (read?.histories.length ?? 1);
			const { externalId } = session;
			const others = (): PushOptions["others"] => {
				if (brought.has(externalId)) return undefined;
				if (given.isLocal) return given.replace ? "replace" : "respect";
				return given.replaced?.has(externalId) ? "remove" : undefined;
			};
			const push = () =>
				pushHistory(
					{
						backend,
						outgoing: outgoing.message,
						others: others(),
						onProgress: (sent, total) => {
							parts.set(index, (at + sent / total) * share);
							show();
						},
					},
					{
						session: given.isLocal ? ofThisMachine(session) : session,
						messages: history.messages,
					},
				);
			// A session that was gone on with in another folder has a file in each.
			const pushed = await inTurn(externalId, () => pushOne(source, history, summary, push));
			if (pushed && pushed.session !== "stored")
				summary.kept.push({ sessionId: externalId, why: pushed.session === "kept" ? "pi" : "plugin" });
			if (pushed?.session === "stored") brought.add(externalId);
			isWhole &&= pushed !== null && pushed.parked.length === 0;
		}
		if (isWhole) given.onDone?.(source);
		parts.delete(index);
		done += 1;
		show();
	});
	// When the backend is lost that is what is told, not what became of the calls under way.
	work.catch(() => {});
	try {
		await Promise.race([work, untilLost(backend)]);
	} catch (error) {
		throw asCliError(error, settings);
	} finally {
		progress.end();
		await backend.close();
	}
	return summary;
}

/** Runs what has the same name one after the other. */
function oneByOne(): <T>(name: string, run: () => Promise<T>) => Promise<T> {
	const last = new Map<string, Promise<unknown>>();
	return (name, run) => {
		const next = (last.get(name) ?? Promise.resolve()).then(run, run);
		last.set(name, next);
		next.catch(() => {}).finally(() => last.get(name) === next && last.delete(name));
		return next;
	};
}

function asCliError(error: unknown, settings: Settings): unknown {
	if (error instanceof HostedError)
		return new CliError(`${error.message} What was imported stays; run the import again to go on.`);
	if (!(error instanceof BackendError)) return error;
	return new CliError(
		error.kind === "unreachable"
			? `${unreachable(settings.convexUrl)} What was imported stays; run the import again to go on.`
			: error.message,
	);
}

/** Cut only here: of a part of a secret nothing would know what it is. */
const ofThisMachine = (session: AgentSession): AgentSession => ({
	...session,
	machine: hostname(),
	...(session.title === undefined ? {} : { title: shortTitle(session.title) }),
});

/** Null when it cannot be read at all. */
async function readSource(source: HistorySource, summary: AgentSummary): Promise<Read | null> {
	try {
		const read = await source.read();
		summary.errors.push(...problemsOf(source.label, read));
		return read;
	} catch (error) {
		if (error instanceof HostedError && error.fatal) throw error;
		const denied = (error as NodeJS.ErrnoException).code === "EACCES";
		summary.errors.push({
			file: source.label,
			line: null,
			message:
				error instanceof HostedError || error instanceof CliError
					? error.message
					: denied
						? "The file cannot be read: check its rights."
						: "The file cannot be read.",
		});
		return null;
	}
}

/** What is wrong with many lines is said once, with the first of them. */
export function problemsOf(file: string, { skipped }: Pick<Read, "skipped">): AgentProblem[] {
	const counts = new Map<string, { line: number | null; count: number }>();
	for (const { line, why } of skipped) {
		const known = counts.get(why);
		if (known) known.count += 1;
		else counts.set(why, { line, count: 1 });
	}
	return [...counts].map(([why, { line, count }]) => ({
		file,
		line,
		message: count === 1 ? why : `${why} (and ${count - 1} more like it)`,
	}));
}

/** Null when the backend does not take the session: that keeps no other from it. */
async function pushOne(
	source: HistorySource,
	{ messages }: History,
	summary: AgentSummary,
	push: () => Promise<Pushed>,
): Promise<Pushed | null> {
	let pushed: Pushed;
	try {
		pushed = await push();
	} catch (error) {
		if (!(error instanceof BackendError) || error.kind !== "refused") throw error;
		summary.errors.push({ file: source.label, line: null, message: error.message });
		return null;
	}
	summary.sessions += 1;
	summary.entries += messages.length;
	summary.added += pushed.added;
	summary.updated += pushed.updated;
	summary.skipped += pushed.session === "stored" ? pushed.unchanged : messages.length;
	for (const { entryId, message } of pushed.parked)
		summary.errors.push({ file: source.label, line: null, message: `Message ${entryId}: ${message}` });
	for (const [rule, count] of Object.entries(pushed.hidden))
		summary.hidden[rule] = (summary.hidden[rule] ?? 0) + count;
	return pushed;
}

/** The first failure ends it: what is under way goes on, but nothing new is begun. */
async function inParallel<T>(
	items: readonly T[],
	most: number,
	work: (item: T, index: number) => Promise<void>,
): Promise<void> {
	let next = 0;
	let failed = false;
	const lane = async (): Promise<void> => {
		while (next < items.length && !failed) {
			const index = next++;
			try {
				await work(items[index] as T, index);
			} catch (error) {
				failed = true;
				throw error;
			}
		}
	};
	await Promise.all(Array.from({ length: Math.min(most, items.length) }, lane));
}

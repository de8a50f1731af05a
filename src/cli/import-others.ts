/** What `import` does for sessions that are not files of Pi: which ones, a dry run, and the report. */

import { shortTitle } from "../agents/history.ts";
import { agentFolders } from "../config/agent-folders.ts";
import { plainLine } from "../lib/plain-text.ts";
import type { AgentSession } from "../protocol/agent-session.ts";
import type { HistorySource } from "./history-source.ts";
import { type AgentProblem, type AgentSummary, importAgents, problemsOf } from "./import-agents.ts";
import { findHistories, LOCAL_AGENTS, type LocalAgent } from "./import-histories.ts";
import { hostedOf, importHosted, listHosted } from "./import-hosted.ts";
import { CliError, counted, note, printJson, printLine, table, usageError } from "./output.ts";
import { currentSettings } from "./target.ts";

export type OtherFlags = {
	claudeCode?: boolean;
	codex?: boolean;
	opencode?: boolean;
	fromDir?: string;
	from?: string;
	opensyncUrl?: string;
	opensyncKey?: string;
	dryRun?: boolean;
	replace?: boolean;
	url?: string;
	json?: boolean;
};

/** Whether the flags ask for sessions of other agents. */
export const asksForOthers = (flags: OtherFlags): boolean =>
	flags.from !== undefined || agentsOf(flags).length > 0;

const agentsOf = ({ claudeCode, codex, opencode }: OtherFlags): LocalAgent[] => [
	...(claudeCode ? (["claudeCode"] as const) : []),
	...(codex ? (["codex"] as const) : []),
	...(opencode ? (["openCode"] as const) : []),
];

/** Throws a `CliError` also when everything was imported but something was wrong. */
export async function importOthers(flags: OtherFlags): Promise<void> {
	const agents = agentsOf(flags);
	if (flags.from !== undefined && flags.from !== "opensync")
		throw usageError(`--from takes opensync, not ${flags.from}.`);
	if (flags.from !== undefined && agents.length > 0)
		throw usageError("--from opensync goes with no other source: import one after the other.");
	if (flags.fromDir !== undefined && agents.length !== 1)
		throw usageError("--from-dir says where the history of one agent is: name exactly one.");
	if (flags.from === "opensync") await fromOpenSync(flags);
	else await fromAgents(flags, agents);
}

async function fromOpenSync(flags: OtherFlags): Promise<void> {
	const { settings } = currentSettings(flags);
	const hosted = hostedOf(flags, settings);
	const json = flags.json === true;
	if (flags.dryRun) {
		const { sessions, lacking } = await listHosted(hosted);
		if (lacking > 0) note(`${hosted.url} has ${counted(lacking, "session")} more than it lists.`);
		const rows = sessions.map(({ externalId, told }) => ({
			sessionId: externalId,
			title: typeof told.title === "string" ? told.title : null,
			project: typeof told.projectName === "string" ? told.projectName : null,
			messages: typeof told.messageCount === "number" ? told.messageCount : null,
			startedAt: typeof told.createdAt === "number" ? told.createdAt : null,
		}));
		return showDry(rows, [], json);
	}
	const summary = await importHosted(hosted, { settings, quiet: json, replace: flags.replace === true });
	report(summary, json);
}

async function fromAgents(flags: OtherFlags, agents: readonly LocalAgent[]): Promise<void> {
	const json = flags.json === true;
	const sources: HistorySource[] = [];
	for (const agent of agents) {
		const isNamed = flags.fromDir !== undefined;
		const folders = isNamed ? [flags.fromDir as string] : agentFolders()[agent];
		const found = await Promise.all(folders.map((folder) => findHistories(agent, folder, isNamed)));
		if (found.flat().length === 0)
			note(`There is no history of ${LOCAL_AGENTS[agent].name} in ${folders.join(" or ")}.`);
		sources.push(...found.flat());
	}
	if (flags.dryRun) return await dryRun(sources, json);
	const { settings } = currentSettings(flags);
	report(
		await importAgents({ sources, settings, quiet: json, isLocal: true, replace: flags.replace === true }),
		json,
	);
}

type Row = {
	sessionId: string;
	title: string | null;
	project: string | null;
	messages: number | null;
	startedAt: number | null;
};

async function dryRun(sources: readonly HistorySource[], json: boolean): Promise<void> {
	const rows: Row[] = [];
	const problems: AgentProblem[] = [];
	for (const source of sources) {
		try {
			const read = await source.read();
			problems.push(...problemsOf(source.label, read));
			rows.push(...read.histories.map(({ session, messages }) => rowOf(session, messages.length)));
		} catch {
			problems.push({ file: source.label, line: null, message: "The file cannot be read." });
		}
	}
	showDry(rows, problems, json);
}

const rowOf = (session: AgentSession, messages: number): Row => ({
	sessionId: session.externalId,
	title: session.title === undefined ? null : shortTitle(session.title),
	project: session.projectName ?? null,
	messages,
	startedAt: session.createdAt ?? null,
});

function showDry(rows: readonly Row[], errors: readonly AgentProblem[], json: boolean): void {
	if (json) return printJson({ sessions: rows, errors });
	noteProblems(errors);
	const cells = rows
		.toSorted((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0))
		.map((row) => [
			row.startedAt === null ? "" : new Date(row.startedAt).toISOString().slice(0, 10),
			String(row.messages ?? ""),
			plainLine(row.project ?? ""),
			plainLine(row.sessionId),
			plainLine(row.title ?? ""),
		]);
	if (cells.length > 0) printLine(table(["STARTED", "MESSAGES", "PROJECT", "SESSION", "TITLE"], cells));
	printLine(`${counted(rows.length, "session")} would be imported; nothing was sent.`);
}

function noteProblems(problems: readonly AgentProblem[]): void {
	for (const { file, line, message } of problems)
		note(plainLine(`${file}${line === null ? "" : `:${line}`}: ${message}`));
}

function report(summary: AgentSummary & { unchanged?: number }, json: boolean): void {
	const { hidden, ...rest } = summary;
	if (json) printJson({ ...rest, ...(Object.keys(hidden).length > 0 ? { hidden } : {}) });
	else printReport(summary);
	const { errors } = summary;
	if (errors.length > 0)
		throw new CliError(
			`${counted(errors.length, "problem was", "problems were")} found; everything else was imported.`,
		);
}

function printReport({
	sessions,
	entries,
	added,
	updated,
	skipped,
	...rest
}: Parameters<typeof report>[0]): void {
	noteProblems(rest.errors);
	const changed = updated === 0 ? "" : `, ${updated} updated`;
	printLine(
		`${counted(sessions, "session")}, ${counted(entries, "message")}: ${added} added${changed}, ${skipped} there already.`,
	);
	if (rest.unchanged)
		printLine(
			`${counted(rest.unchanged, "session has", "sessions have")} not changed since the last import.`,
		);
	const [pi, plugin, history] = (["pi", "plugin", "history"] as const).map(
		(why) => rest.kept.filter((one) => one.why === why).length,
	);
	if (pi) printLine(`${counted(pi, "session")} left as found: Pi syncs what is of Pi itself.`);
	if (plugin)
		printLine(
			`${counted(plugin, "session")} left as found: a plugin has posted the messages already, under ids of its own. To have the history instead, add --replace.`,
		);
	if (history)
		printLine(
			`${counted(history, "session")} left as found: the history was imported from its own machine already, under other ids. What came later is in the history too; to have what OpenSync has instead, add --replace.`,
		);
	const secrets = Object.values(rest.hidden).reduce((sum, count) => sum + count, 0);
	if (secrets > 0)
		printLine(
			`${counted(secrets, "secret was", "secrets were")} replaced: ${Object.entries(rest.hidden)
				.map(([rule, count]) => `${rule} ${count}`)
				.join(", ")}.`,
		);
}

/** What another agent tells of a whole session, against what its messages add up to. Counts told are absolute. */
import type { AgentSession } from "../../../src/protocol/agent-session.ts";
import { refusal } from "../../../src/protocol/errors.ts";
import { sourceName } from "../../../src/protocol/opensync.ts";
import type { Tokens } from "../../../src/protocol/session.ts";
import type { Doc } from "../../_generated/dataModel.js";
import { asName, checked, LATEST_MS } from "../checks.ts";
import { NO_TOTALS } from "../totals.ts";

export type Counts = NonNullable<Doc<"sessions">["openSync"]>;
export type SessionPatch = Partial<Omit<Doc<"sessions">, "_id" | "_creationTime">>;

export const NO_COUNTS: Counts = {
	tokens: null,
	cost: null,
	durationMs: null,
	summed: { tokens: NO_TOTALS.tokens, cost: 0 },
};

/** Refuses what no session can be. */
export function checkTold(told: AgentSession): void {
	checked("id", "session id", told.externalId);
	checked("path", "project path", told.projectPath || "-");
	checkTime("start of the session", told.createdAt);
	const counts = { ...told.tokens, cost: told.cost, duration: told.durationMs };
	for (const [name, value] of Object.entries(counts)) {
		if (value !== undefined && !(Number.isFinite(value) && value >= 0))
			throw refusal("invalid", `The session's ${name} is ${value}.`);
	}
}

export function checkTime(what: string, value: number | null | undefined): void {
	if (value === undefined || value === null) return;
	if (!(value >= 0 && value <= LATEST_MS)) throw refusal("invalid", `The ${what} is ${value}.`);
}

/** The fields of the session's row that change; empty when it says nothing new. Nothing is emptied. */
export function toldPatch(session: Doc<"sessions">, told: AgentSession): SessionPatch {
	const named: SessionPatch = {
		source: asName(sourceName(told.source ?? "")),
		name: asName((told.title ?? "").replace(/\s+/g, " ")),
		projectPath: told.projectPath ?? "",
		projectName: asName(told.projectName ?? ""),
		gitBranch: asName(told.gitBranch ?? ""),
		machine: asName(told.machine ?? ""),
		model: asName(told.model ?? ""),
		provider: asName(told.provider ?? ""),
	};
	const news = Object.entries(named).filter(
		([field, value]) => value !== "" && value !== session[field as keyof typeof named],
	);
	const patch: SessionPatch = Object.fromEntries(news);
	const path = patch.projectPath ?? session.projectPath;
	if (session.projectName === "" && patch.projectName === undefined && path !== "")
		patch.projectName = asName(lastPart(path));
	if (told.createdAt !== undefined && told.createdAt < session.startedAt) patch.startedAt = told.createdAt;
	return patch;
}

/** `path` as of any system. */
const lastPart = (path: string): string => path.split(/[/\\]/).findLast((part) => part !== "") ?? path;

/** The counts with what is told now; zeros lower nothing. */
export function toldCounts(counts: Counts, told: AgentSession): Counts {
	const tokens = Object.fromEntries(
		Object.entries(told.tokens ?? {}).filter(([, count]) => count > 0),
	) as Partial<Tokens>;
	return {
		...counts,
		tokens:
			Object.keys(tokens).length === 0
				? counts.tokens
				: { ...(counts.tokens ?? NO_TOTALS.tokens), ...tokens },
		cost: told.cost || counts.cost,
		durationMs: told.durationMs || counts.durationMs,
	};
}

/**
 * What lists show. What went into the model is taken whole from one of both, for an agent that tells a
 * session's input may have counted its caches in.
 */
export function shownCounts({ tokens, cost, summed }: Counts): { tokens: Tokens; cost: number } {
	const told = tokens ?? NO_TOTALS.tokens;
	const { output: _output, ...sent } =
		told.input + told.cacheRead + told.cacheWrite > 0 ? told : summed.tokens;
	return {
		tokens: { ...sent, output: told.output > 0 ? told.output : summed.tokens.output },
		cost: cost ?? summed.cost,
	};
}

export function sameCounts(a: Counts, b: Counts): boolean {
	return JSON.stringify(inOrder(a)) === JSON.stringify(inOrder(b));
}

const inOrder = ({ tokens, cost, durationMs, summed }: Counts) => [
	tokens && tokensInOrder(tokens),
	cost,
	durationMs,
	tokensInOrder(summed.tokens),
	summed.cost,
];

const tokensInOrder = ({ input, output, cacheRead, cacheWrite }: Tokens) => [
	input,
	output,
	cacheRead,
	cacheWrite,
];

/** Where something was said, in any session of any agent. */
import { styleText } from "node:util";
import type { Command } from "commander";
import { api } from "../../../convex/_generated/api.js";
import { plainLine } from "../../lib/plain-text.ts";
import { sourceName } from "../../protocol/opensync.ts";
import type { PassageKind, Search, SearchHit, SearchPage, Snippet } from "../../protocol/search.ts";
import { type Client, connectClient } from "../client.ts";
import { age, printJson, printLine, usageError } from "../output.ts";
import { findOneSession } from "../session-lookup.ts";
import { currentSettings } from "../target.ts";

const KINDS: readonly PassageKind[] = ["prompt", "answer", "thinking", "tool", "summary", "title"];
const PAGE = 100;
const DEFAULT_LIMIT = 20;

type Flags = {
	source?: string;
	project?: string;
	kind?: PassageKind;
	session?: string;
	after?: number;
	before?: number;
	limit: number;
	url?: string;
	json?: boolean;
};

export function addSearchCommand(program: Command): void {
	program
		.command("search <words...>")
		.description("full-text search over all sessions, best hits first")
		.option("--source <agent>", "only sessions of this agent: pi, claude-code, codex-cli, opencode…")
		.option("--project <part>", "only sessions whose project path or name holds this")
		.option("--kind <kind>", KINDS.join(", "), readKind)
		.option("--session <id>", "only this session; the beginning of its id is enough")
		.option("--after <when>", "not before: a date, or 12h, 7d, 4w ago", readTime)
		.option("--before <when>", "only before", readTime)
		.option("--limit <n>", "hits", readLimit, DEFAULT_LIMIT)
		.option("--url <url>", "backend (default: convexUrl of the settings)")
		.option("--json", "as JSON")
		.action(search);
}

function readKind(text: string): PassageKind {
	const kind = KINDS.find((one) => one === text);
	if (!kind) throw usageError(`--kind takes ${KINDS.join(", ")}, not ${text}.`);
	return kind;
}

function readLimit(text: string): number {
	const limit = Number(text);
	if (!Number.isInteger(limit) || limit < 1) throw usageError("--limit takes a whole number above 0.");
	return limit;
}

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** A date is the beginning of that day, here. */
function readTime(text: string): number {
	const [, count, unit] = /^(\d+)([hdw])$/.exec(text) ?? [];
	if (count !== undefined && unit !== undefined) return Date.now() - Number(count) * (UNIT_MS[unit] ?? 0);
	const time = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text);
	if (Number.isNaN(time))
		throw usageError(`"${text}" is no time: give a date such as 2026-01-31, or 12h, 7d, 4w.`);
	return time;
}

async function search(words: string[], flags: Flags): Promise<void> {
	const client = await connectClient(currentSettings(flags).settings);
	const { source, project, kind, after, before } = flags;
	const session = flags.session === undefined ? null : await findOneSession(client, flags.session);
	const asked: Omit<Search, "limit" | "cursor"> = {
		query: words.join(" "),
		...(source === undefined ? {} : { source: sourceName(source) }),
		...(project === undefined ? {} : { project }),
		...(kind === undefined ? {} : { kind }),
		...(session ? { sessionId: session.sessionId } : {}),
		...(after === undefined ? {} : { after }),
		...(before === undefined ? {} : { before }),
	};
	const hits = await readHits(client, asked, flags.limit);
	if (flags.json) return printJson(hits);
	if (hits.length === 0) return printLine("Nothing was found.");
	printLine(bySession(hits).map(shown).join("\n\n"));
}

async function readHits(
	client: Client,
	asked: Omit<Search, "limit" | "cursor">,
	limit: number,
): Promise<SearchHit[]> {
	const hits: SearchHit[] = [];
	let cursor: string | null = null;
	do {
		const page: SearchPage = await client.query(api.search.passages, {
			...asked,
			limit: Math.min(PAGE, limit - hits.length),
			cursor,
		});
		hits.push(...page.hits);
		cursor = page.cursor;
	} while (cursor !== null && hits.length < limit);
	return hits;
}

/** In the order of their best hits. */
function bySession(hits: readonly SearchHit[]): SearchHit[][] {
	const groups = new Map<string, SearchHit[]>();
	for (const hit of hits) {
		const group = groups.get(hit.sessionId);
		if (group) group.push(hit);
		else groups.set(hit.sessionId, [hit]);
	}
	return [...groups.values()];
}

/** Styled in a terminal that takes it. */
const style = (look: "bold" | "dim" | "yellow", text: string): string =>
	styleText(look, text, { stream: process.stdout });

function shown(hits: readonly SearchHit[]): string {
	const [first] = hits as [SearchHit];
	const title = plainLine(first.title ?? "Untitled");
	const where = [first.source, first.projectName, first.sessionId]
		.filter((text) => text !== "")
		.map(plainLine);
	const lines = hits.map(
		({ kind, timestamp, snippet }) =>
			`  ${style("dim", `${kind.padEnd(8)} ${age(timestamp, Date.now()).padStart(4)}`)}  ${marked(snippet)}`,
	);
	return [`${style("bold", title)}  ${style("dim", where.join(" · "))}`, ...lines].join("\n");
}

/** On one line, with the words that were found told apart. */
function marked({ text, matches, cutBefore, cutAfter }: Snippet): string {
	let line = cutBefore ? "… " : "";
	let at = 0;
	for (const { start, end } of matches) {
		line += spaced(text.slice(at, start)) + style("yellow", text.slice(start, end));
		at = end;
	}
	return `${line}${spaced(text.slice(at))}${cutAfter ? " …" : ""}`.trim();
}

const spaced = (text: string): string => text.replace(/\s+/g, " ");

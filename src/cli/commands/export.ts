/** A session out of the backend: its file again, or something to read. */

import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { api } from "../../../convex/_generated/api.js";
import { ownFetch } from "../../backend/own-machine.ts";
import { plainText } from "../../lib/plain-text.ts";
import type { EntryView } from "../../protocol/entry.ts";
import type { SessionView } from "../../protocol/session.ts";
import { sessionMarkdown } from "../../session/markdown.ts";
import { type Client, connectClient } from "../client.ts";
import { CliError, note, usageError, write } from "../output.ts";
import { createProgress, type Progress } from "../progress.ts";
import { findOneSession } from "../session-lookup.ts";
import { currentSettings } from "../target.ts";

const FORMATS = ["jsonl", "json", "md"] as const;
type Format = (typeof FORMATS)[number];
const PAGE = 200;

export function addExportCommand(program: Command): void {
	program
		.command("export <session>")
		.description("write a session out; the beginning of its id is enough")
		.option("--format <format>", "jsonl: the session file, line by line; json; md", readFormat, "jsonl")
		.option("-o, --output <file>", "file to write (default: standard output)")
		.option("--url <url>", "backend (default: convexUrl of the settings)")
		.action(exportSession);
}

function readFormat(text: string): Format {
	const format = FORMATS.find((one) => one === text);
	if (!format) throw usageError(`--format takes ${FORMATS.join(", ")}, not ${text}.`);
	return format;
}

async function exportSession(
	id: string,
	flags: { format: Format; output?: string; url?: string },
): Promise<void> {
	const client = await connectClient(currentSettings(flags).settings);
	const session = await findOneSession(client, id);
	// A bar would stand in the middle of what a terminal shows of the text.
	const quiet = flags.output === undefined && process.stdout.isTTY === true;
	const progress = createProgress("Reading", Math.max(1, session.entryCount), quiet);
	const text = await render(client, session, flags.format, progress).finally(() => progress.end());
	// What a session holds may be meant for a terminal to obey; a pipe gets it as it is.
	if (flags.output === undefined) return await write(process.stdout.isTTY ? plainText(text) : text);
	await writeOut(flags.output, text);
	note(`Wrote ${session.sessionId} to ${flags.output}.`);
}

async function render(
	client: Client,
	session: SessionView,
	format: Format,
	progress: Progress,
): Promise<string> {
	const header = await client.query(api.sessions.header, { sessionId: session.sessionId });
	const lines = await readEntries(client, session, (count) =>
		progress.step(Math.min(count, session.entryCount)),
	);
	if (format === "jsonl") return `${[header ?? minimalHeader(session), ...lines].join("\n")}\n`;
	const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
	if (format === "json")
		return `${JSON.stringify({ session, header: header === null ? null : JSON.parse(header), entries }, null, "\t")}\n`;
	return sessionMarkdown({
		title: session.title,
		project: session.projectName,
		startedAt: session.startedAt,
		leafId: session.via === "openSync" ? null : session.leafId,
		entries: lines,
	});
}

/** For a session whose header was never seen, such as one of another agent. */
function minimalHeader(session: SessionView): string {
	return JSON.stringify({
		type: "session",
		version: 3,
		id: session.sessionId,
		timestamp: new Date(session.startedAt).toISOString(),
		cwd: session.projectPath,
	});
}

/** JSON of every entry in file order; for a fork with what it shares with its ancestors. */
async function readEntries(
	client: Client,
	{ sessionId, via }: SessionView,
	onRead: (count: number) => void,
): Promise<string[]> {
	const views: EntryView[] = [];
	let cursor: string | null = null;
	do {
		const page: { entries: EntryView[]; cursor: string | null } = await client.query(api.entries.page, {
			sessionId,
			cursor,
			limit: PAGE,
		});
		views.push(...page.entries);
		onRead(views.length);
		cursor = page.cursor;
	} while (cursor !== null);
	const lines: string[] = [];
	views.reverse();
	if (via === "openSync") views.sort((a, b) => a.timestamp - b.timestamp || a.seq - b.seq);
	for (const view of views) lines.push(view.json ?? (await download(view)));
	return via === "openSync" ? inOneLine(lines) : lines;
}

/** Messages of another agent do not tell what came before them: each follows the one before it in time. */
function inOneLine(lines: readonly string[]): string[] {
	let parentId: unknown = null;
	return lines.map((line) => {
		const entry = JSON.parse(line) as Record<string, unknown>;
		const placed = JSON.stringify({ ...entry, parentId });
		parentId = entry.id;
		return placed;
	});
}

async function download(view: EntryView): Promise<string> {
	const response = view.url ? await ownFetch(view.url).catch(() => null) : null;
	if (!response?.ok)
		throw new CliError(`The stored content of entry ${view.entryId} cannot be read: try again.`);
	return await response.text();
}

async function writeOut(path: string, text: string): Promise<void> {
	try {
		await writeFile(path, text, { mode: 0o600 });
	} catch {
		throw new CliError(`${path} cannot be written: check the path, its rights and the free space.`);
	}
}

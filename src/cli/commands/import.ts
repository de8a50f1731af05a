/** Session files into the backend: right dates, each entry once, however often it is done. */
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { createConvexBackend } from "../../backend/convex-backend.ts";
import type { Settings } from "../../config/options.ts";
import { pathsOf } from "../../config/paths.ts";
import { plainLine } from "../../lib/plain-text.ts";
import { parseSessionFile, type SessionFile } from "../../session/session-file.ts";
import type { Transform } from "../../sync/contract.ts";
import { type Imported, importSession } from "../../sync/import-session.ts";
import { type Backend, BackendError } from "../../sync/ports.ts";
import { connectClient, unreachable } from "../client.ts";
import { UNREADABLE_FOLDER } from "../folder-walk.ts";
import { findSessionFiles, inOrder, mustFindSessionFiles, type SessionFileInfo } from "../import-files.ts";
import { untilLost } from "../import-lost.ts";
import { asksForOthers, importOthers, type OtherFlags } from "../import-others.ts";
import { createImportTransform } from "../import-transform.ts";
import { CliError, counted, note, printJson, printLine, usageError } from "../output.ts";
import { createProgress } from "../progress.ts";
import { currentSettings } from "../target.ts";

export function addImportCommand(program: Command): void {
	program
		.command("import [paths...]")
		.description("bring sessions to the backend: Pi's files, other agents' histories, a hosted OpenSync")
		.option("--all", "every session of this machine's Pi")
		.option("--claude-code", "the sessions of this machine's Claude Code")
		.option("--codex", "the sessions of this machine's Codex")
		.option("--opencode", "the sessions of this machine's OpenCode")
		.option("--from-dir <folder>", "where that agent's history is (default: where it keeps it)")
		.option("--from <service>", "opensync: everything of a user from a hosted OpenSync")
		.option("--opensync-url <url>", "where OpenSync is (default: openSyncUrl of the settings)")
		.option("--opensync-key <key>", "key for it (default: openSyncKey of the settings)")
		.option("--replace", "let what is brought take the place of the same session under other ids")
		.option("--dry-run", "only list what would be brought, of other agents or OpenSync")
		.option("--url <url>", "backend (default: convexUrl of the settings)")
		.option("--json", "as JSON")
		.action(run);
}

type Summary = {
	sessions: number;
	entries: number;
	added: number;
	skipped: number;
	errors: FileError[];
	hidden: Record<string, number>;
};
type FileError = { file: string; line: number | null; message: string };

async function run(paths: string[], flags: OtherFlags & { all?: boolean }): Promise<void> {
	if (asksForOthers(flags)) {
		if (paths.length > 0 || flags.all)
			throw usageError("Files of Pi are imported apart from other agents' sessions: name one or the other.");
		return await importOthers(flags);
	}
	if (flags.dryRun || flags.fromDir !== undefined)
		throw usageError("--dry-run and --from-dir are for other agents' sessions: name one of them.");
	if (paths.length === 0 && !flags.all)
		throw usageError(
			"Name files or folders to import, --all for every session of this machine's Pi, --claude-code, --codex, --opencode, or --from opensync.",
		);
	const folder = pathsOf().piSessionsDir;
	const errors: FileError[] = [];
	const onUnreadable = (file: string) => errors.push({ file, line: null, message: UNREADABLE_FOLDER });
	const files = [
		...(await mustFindSessionFiles(paths, onUnreadable)),
		...(flags.all ? await findSessionFiles([folder], onUnreadable) : []),
	];
	if (files.length === 0 && errors.length === 0) {
		const where = paths.length > 0 ? paths.join(", ") : folder;
		if (flags.json) return printJson({ sessions: 0, entries: 0, added: 0, skipped: 0, errors: [] });
		return printLine(`There are no session files in ${where}.`);
	}
	const { settings } = currentSettings(flags);
	const summary = await importFiles([...new Set(files)], { json: flags.json === true, settings, errors });
	if (summary.errors.length > 0) {
		throw new CliError(
			`${counted(summary.errors.length, "problem was", "problems were")} found; everything else was imported.`,
		);
	}
}

/** Imports them all and prints what came of it, and of `errors` found before. Rejects with a `CliError` when the backend cannot be used. */
export async function importFiles(
	files: readonly string[],
	{ json, settings, errors = [] }: { json: boolean; settings: Settings; errors?: FileError[] },
): Promise<Summary> {
	// Says at once and clearly what is wrong with address or key.
	await connectClient(settings);
	const backend = createConvexBackend(settings);
	const transform = await createImportTransform(settings);
	const ordered = await inOrder(files);
	const progress = createProgress("Importing", ordered.length, json);
	const summary: Summary = { sessions: 0, entries: 0, added: 0, skipped: 0, errors, hidden: {} };
	const importAll = async () => {
		for (const [at, info] of ordered.entries()) {
			await importOne(backend, transform, info, ordered, summary, (part) => progress.step(at + part)).catch(
				(error: unknown) => {
					// One session that the backend does not take keeps no other from it.
					if (!(error instanceof BackendError) || error.kind !== "refused") throw error;
					summary.errors.push({ file: info.path, line: null, message: error.message });
				},
			);
			progress.step(at + 1);
		}
	};
	const work = importAll();
	// When the backend is lost that is what is told, not what became of the call under way.
	work.catch(() => {});
	try {
		await Promise.race([work, untilLost(backend)]);
	} catch (error) {
		if (error instanceof BackendError)
			throw new CliError(
				error.kind === "unreachable"
					? `${unreachable(settings.convexUrl)} What was imported stays; run the import again to go on.`
					: error.message,
			);
		throw error;
	} finally {
		progress.end();
		await backend.close();
	}
	report(summary, json);
	return summary;
}

async function importOne(
	backend: Backend,
	transform: Transform | undefined,
	info: SessionFileInfo,
	all: readonly SessionFileInfo[],
	summary: Summary,
	onPart: (part: number) => void,
): Promise<void> {
	const file = await readSession(info.path, summary);
	if (!file) return;
	for (const { line, message } of problemsOf(file)) summary.errors.push({ file: info.path, line, message });
	if (file.sessionId === null) return;
	const cwd = typeof file.header?.cwd === "string" && file.header.cwd !== "" ? file.header.cwd : "/";
	const imported: Imported = await importSession({
		backend,
		file,
		describe: { source: "pi", projectPath: cwd, projectName: basename(cwd) || cwd, machine: hostname() },
		parents: await readParents(info, all),
		...(transform ? { transform } : {}),
		onProgress: (done, total) => onPart(total === 0 ? 1 : done / total),
	});
	summary.sessions++;
	summary.entries += file.entries.length;
	summary.added += imported.added;
	summary.skipped += imported.skipped;
	for (const { entryId, message } of imported.parked)
		summary.errors.push({ file: info.path, line: lineOf(file, entryId), message });
	for (const [rule, count] of Object.entries(imported.hidden))
		summary.hidden[rule] = (summary.hidden[rule] ?? 0) + count;
}

/** What is no session file at all is said once, not for each of its lines. */
const problemsOf = (file: SessionFile): SessionFile["errors"] =>
	file.sessionId === null
		? [{ line: 1, message: "There is no session header: this is not a Pi session file." }]
		: file.errors;

const lineOf = (file: SessionFile, entryId: string): number | null =>
	file.entries.find((one) => one.entry.id === entryId)?.line ?? null;

async function readSession(path: string, summary: Summary): Promise<SessionFile | null> {
	try {
		return parseSessionFile(await readFile(path));
	} catch (error) {
		const denied = (error as NodeJS.ErrnoException).code === "EACCES";
		summary.errors.push({
			file: path,
			line: null,
			message: denied ? "The file cannot be read: check its rights." : "The file cannot be read.",
		});
		return null;
	}
}

const LINEAGE_MOST = 50;

/** The files of a fork's ancestors, nearest first: where the header says, else of that name among those imported. */
async function readParents(info: SessionFileInfo, all: readonly SessionFileInfo[]): Promise<SessionFile[]> {
	const parents: SessionFile[] = [];
	const seen = new Set([info.path]);
	let next = info.parentPath;
	while (next !== null && parents.length < LINEAGE_MOST) {
		const named = next;
		const known = all.find((one) => basename(one.path) === basename(named));
		const path = [resolve(named), known?.path].find((one) => one !== undefined && !seen.has(one)) ?? null;
		const content =
			path === null
				? null
				: await readFile(path).catch(async () =>
						known ? await readFile(known.path).catch(() => null) : null,
					);
		if (path === null || content === null) break;
		seen.add(path);
		const parent = parseSessionFile(content);
		parents.push(parent);
		next = typeof parent.header?.parentSession === "string" ? parent.header.parentSession : null;
	}
	return parents;
}

function report({ hidden, ...summary }: Summary, json: boolean): void {
	if (json) return printJson({ ...summary, ...(Object.keys(hidden).length > 0 ? { hidden } : {}) });
	for (const { file, line, message } of summary.errors)
		note(plainLine(`${file}${line === null ? "" : `:${line}`}: ${message}`));
	printLine(
		`${counted(summary.sessions, "session")}, ${counted(summary.entries, "entry", "entries")}: ${summary.added} added, ${summary.skipped} there already.`,
	);
	const secrets = Object.values(hidden).reduce((sum, count) => sum + count, 0);
	if (secrets > 0)
		printLine(
			`${counted(secrets, "secret was", "secrets were")} replaced: ${Object.entries(hidden)
				.map(([rule, count]) => `${rule} ${count}`)
				.join(", ")}.`,
		);
}

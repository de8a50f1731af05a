import type { Command } from "commander";
import { plainLine } from "../../lib/plain-text.ts";
import { connectClient } from "../client.ts";
import { age, printJson, printLine, table, usageError } from "../output.ts";
import { listSessions } from "../session-lookup.ts";
import { currentSettings } from "../target.ts";

export function addSessionsCommand(program: Command): void {
	const sessions = program.command("sessions").description("sessions on the backend");
	sessions
		.command("list")
		.description("newest activity first")
		.option("--limit <n>", "how many", (text) => readLimit(text), 50)
		.option("--url <url>", "backend (default: convexUrl of the settings)")
		.option("--json", "as JSON")
		.action(list);
}

function readLimit(text: string): number {
	const limit = Number(text);
	if (!Number.isInteger(limit) || limit < 1) throw usageError("--limit takes a whole number above 0.");
	return limit;
}

async function list({ limit, json, url }: { limit: number; json?: boolean; url?: string }): Promise<void> {
	const client = await connectClient(currentSettings({ url }).settings);
	const sessions = await listSessions(client, limit);
	if (json) return printJson(sessions);
	if (sessions.length === 0)
		return printLine("No sessions yet: start Pi with the extension, or run `pi-opensync import --all`.");
	const now = Date.now();
	const rows = sessions.map((one) => [
		plainLine(one.sessionId),
		one.status,
		plainLine(one.projectName),
		String(one.entryCount),
		one.cost > 0 ? `$${one.cost.toFixed(2)}` : "",
		age(one.updatedAt, now),
		plainLine(one.title ?? ""),
	]);
	printLine(table(["SESSION", "STATE", "PROJECT", "ENTRIES", "COST", "AGE", "TITLE"], rows));
}

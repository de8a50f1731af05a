import type { Command } from "commander";
import { api } from "../../../convex/_generated/api.js";
import { checkBackend } from "../../backend/check.ts";
import type { Settings } from "../../config/options.ts";
import { connectClient } from "../client.ts";
import { CliError, printJson, printLine } from "../output.ts";
import { checkRecords, type RecordCheck } from "../record-check.ts";
import { currentSettings, type TargetFlags } from "../target.ts";

export function addStatusCommand(program: Command): void {
	program
		.command("status")
		.description("is the backend there, and does it take the key")
		.option("--url <url>", "backend (default: convexUrl of the settings)")
		.option("--json", "as JSON")
		.action(status);
}

async function status(flags: TargetFlags & { json?: boolean }): Promise<void> {
	const { settings } = currentSettings(flags);
	const { only, second } = await checkRecords(flags.url ? { ...settings, openSyncUrl: "" } : settings);
	if (only || (second && settings.apiKey === ""))
		return recordStatus(
			settings,
			[only, second].filter((one) => one !== null),
			flags.json,
		);
	const check = await checkBackend({ ...settings, needed: ["read"] });
	const url = settings.convexUrl;
	if (check.kind !== "ok") {
		if (flags.json) printJson({ ok: false, url, problem: check.kind, message: check.message });
		throw new CliError(check.message);
	}
	const client = await connectClient(settings);
	const { page } = await client.query(api.sessions.list, { paginationOpts: { numItems: 200, cursor: null } });
	const running = page.filter((session: { status: string }) => session.status === "running").length;
	const result = {
		ok: true,
		url,
		siteUrl: check.siteUrl,
		version: check.version,
		user: check.userName,
		scopes: check.scopes,
		sessions: page.length,
		running,
		...(second ? { records: [second] } : {}),
	};
	if (flags.json) return printJson(result);
	printLine(`Backend  ${url} (protocol ${check.version})`);
	printLine(`Key      of ${check.userName}, may ${check.scopes.join(", ")}`);
	printLine(`Sessions ${page.length === 200 ? "200 or more" : page.length}, ${running} running`);
	if (second) printLine(`OpenSync ${second.message}`);
}

/** Where sessions are recorded and nothing is live. */
function recordStatus({ convexUrl }: Settings, records: RecordCheck[], json?: boolean): void {
	const bad = records.filter(({ ok }) => !ok);
	if (json) printJson({ ok: bad.length === 0, url: convexUrl, records });
	else for (const { message } of records) printLine(`OpenSync ${message}`);
	if (bad.length > 0) throw new CliError(bad.map(({ message }) => message).join(" "));
}

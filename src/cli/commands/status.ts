import type { Command } from "commander";
import { api } from "../../../convex/_generated/api.js";
import { checkBackend } from "../../backend/check.ts";
import { connectClient } from "../client.ts";
import { CliError, printJson, printLine } from "../output.ts";
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
	};
	if (flags.json) return printJson(result);
	printLine(`Backend  ${url} (protocol ${check.version})`);
	printLine(`Key      of ${check.userName}, may ${check.scopes.join(", ")}`);
	printLine(`Sessions ${page.length === 200 ? "200 or more" : page.length}, ${running} running`);
}

import type { Command } from "commander";
import { api } from "../../../convex/_generated/api.js";
import { callAsAdmin } from "../admin.ts";
import { openInBrowser } from "../browser.ts";
import { connectClient, mustHaveSite } from "../client.ts";
import { makeCode } from "../keys.ts";
import { printJson, printLine } from "../output.ts";
import { currentSettings, findAdmin, type TargetFlags } from "../target.ts";

export function addOpenCommand(program: Command): void {
	program
		.command("open")
		.description("a fresh address of the page with a one-time sign-in code")
		.option("--url <url>", "backend (default: convexUrl of the settings)")
		.option("--data <dir>", "data folder of a local backend")
		.option("--no-open", "print the address, open no browser")
		.option("--json", "as JSON")
		.action(open);
}

async function open(flags: TargetFlags & { open: boolean; json?: boolean }): Promise<void> {
	const { settings } = currentSettings(flags);
	const { code, hash } = makeCode();
	const admin = findAdmin(flags);
	if (admin) await callAsAdmin(admin.url, admin.adminKey, "signIn:addCode", { hash });
	else await (await connectClient(settings)).mutation(api.signIn.createCode, { hash });
	const siteUrl = admin?.siteUrl || mustHaveSite(admin ? { convexUrl: admin.url, siteUrl: "" } : settings);
	const dashboardUrl = `${siteUrl}/#code=${code}`;
	if (flags.json) return printJson({ dashboardUrl });
	printLine(dashboardUrl);
	if (flags.open) openInBrowser(dashboardUrl);
}

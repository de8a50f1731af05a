import type { Command } from "commander";
import { api } from "../../../convex/_generated/api.js";
import { ownFetch } from "../../backend/own-machine.ts";
import { callAsAdmin } from "../admin.ts";
import { openInBrowser } from "../browser.ts";
import { connectClient, mustHaveSite } from "../client.ts";
import { makeCode } from "../keys.ts";
import { CliError, printJson, printLine } from "../output.ts";
import { START_COMMAND } from "../project.ts";
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
	const siteUrl = admin?.siteUrl || mustHaveSite(admin ? { convexUrl: admin.url, siteUrl: "" } : settings);
	if (admin) await callAsAdmin(admin.url, admin.adminKey, "signIn:addCode", { hash });
	else await (await connectClient(settings)).mutation(api.signIn.createCode, { hash });
	if (!(await hasPage(siteUrl)))
		throw new CliError(
			`${siteUrl} serves no page, as no deployment on Convex does: sign in there from the page of \`${START_COMMAND}\`, with that address and an API key.`,
		);
	const dashboardUrl = `${siteUrl}/#code=${code}`;
	if (flags.json) return printJson({ dashboardUrl });
	printLine(dashboardUrl);
	if (flags.open) openInBrowser(dashboardUrl);
}

const PAGE_DEADLINE_MS = 5_000;

/** A slow answer counts as a page: that the backend is there is known by then. */
async function hasPage(siteUrl: string): Promise<boolean> {
	try {
		const response = await ownFetch(siteUrl, {
			headers: { Accept: "text/html" },
			signal: AbortSignal.timeout(PAGE_DEADLINE_MS),
		});
		await response.body?.cancel();
		return response.ok && (response.headers.get("Content-Type") ?? "").startsWith("text/html");
	} catch {
		return true;
	}
}

/** `/opensync:open`: the address of the page with a fresh one-time sign-in code, opened where there is a desktop. */
import { createHash, randomBytes } from "node:crypto";
import type { ExtensionCommandContext } from "@earendil-works/pi-coding-agent";
import { checkBackend } from "../backend/check.ts";
import { ownFetch } from "../backend/own-machine.ts";
import { exchangeKey, saidLine } from "../backend/token-exchange.ts";
import { hasDesktop } from "../config/desktop.ts";
import type { Settings } from "../config/options.ts";
import { openBrowser } from "../lib/node/open-browser.ts";
import type { Terminal } from "./terminal.ts";

const DEADLINE_MS = 5_000;

export async function runOpen(terminal: Terminal, ctx: ExtensionCommandContext): Promise<void> {
	if (!ctx.hasUI) return;
	const { live, records } = terminal.destinations;
	const [record] = live ? [] : records;
	if (record) {
		const { host } = new URL(record.siteUrl);
		ctx.ui.notify(`OpenSync: sessions are recorded at ${host}. Its page has a sign-in of its own.`, "info");
		return;
	}
	const made = await makeSignInLink(terminal.settings);
	if (made.kind === "failed") {
		ctx.ui.notify(`OpenSync: ${made.message}`, "warning");
		return;
	}
	ctx.ui.notify(`OpenSync: ${made.address}\nThe code in it signs in once, within 15 minutes.`, "info");
	if (ctx.mode === "tui" && hasDesktop()) openBrowser(made.address);
}

export type SignInLink = { kind: "made"; address: string } | { kind: "failed"; message: string };

/** Never rejects. `message` is one sentence that says what to do. */
export async function makeSignInLink(settings: Settings): Promise<SignInLink> {
	const { convexUrl, apiKey } = settings;
	const check = await checkBackend({
		convexUrl,
		siteUrl: settings.siteUrl || null,
		apiKey,
		needed: ["control"],
	});
	if (check.kind !== "ok") return { kind: "failed", message: check.message };
	const exchanged = await exchangeKey(ownFetch, check.siteUrl, apiKey, DEADLINE_MS);
	if (exchanged.kind !== "token") return { kind: "failed", message: exchanged.message };
	const code = randomBytes(18).toString("base64url");
	const hash = createHash("sha256").update(code).digest("hex");
	try {
		const response = await ownFetch(`${convexUrl}/api/mutation`, {
			method: "POST",
			headers: { "Content-Type": "application/json", Authorization: `Bearer ${exchanged.token}` },
			body: JSON.stringify({ path: "signIn:createCode", args: { hash }, format: "json" }),
			signal: AbortSignal.timeout(DEADLINE_MS),
		});
		const answer = (await response.json()) as {
			status?: string;
			errorData?: { message?: string };
			errorMessage?: string;
		};
		if (answer.status === "success") return { kind: "made", address: `${check.siteUrl}/#code=${code}` };
		return {
			kind: "failed",
			message: saidLine(answer.errorData?.message ?? "The backend made no sign-in code."),
		};
	} catch {
		return { kind: "failed", message: `${convexUrl} does not answer: try again when it is back.` };
	}
}
